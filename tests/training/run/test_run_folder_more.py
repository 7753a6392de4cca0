import json

import pytest

from configs.errors import UserError
from configs.load import load_config
from training.run.run_folder import RunFolder, RunSettings
from training.train import main


@pytest.fixture
def complete(tmp_path):
    """A complete run, of which there is only what no training is needed for."""
    folder = RunFolder(tmp_path / "run")
    folder.create(
        load_config("finetune"), RunSettings("data", None, "none", None, 60.0, 40, "abc"), {}
    )
    (tmp_path / "run/result.json").write_text('{"AP": 0.5, "epochs": 12, "seconds": 9.5}')
    (tmp_path / "run/best").mkdir()
    return folder


def more(folder, *arguments):
    return main(["--output", str(folder.path), "--more", "5", *arguments, "--dry-run"])


def test_a_run_of_an_earlier_version_kept_no_state(complete):
    says = r"holds no state\.npz, which a run of an earlier version did not keep; begin .* --start "
    with pytest.raises(UserError, match=says):
        more(complete)


def test_a_run_that_is_not_complete_is_resumed(complete):
    (complete.path / "result.json").unlink()
    with pytest.raises(UserError, match="is not complete yet; go on with --resume before --more"):
        more(complete)


@pytest.mark.parametrize(
    "result",
    [
        *("", "[]", "{}", "[" * 9999),
        '{"AP": "x", "epochs": 12, "seconds": 9.5}',
        '{"AP": 0.5, "epochs": 1e9, "seconds": 9.5}',
        '{"AP": 0.5, "epochs": -1, "seconds": 9.5}',
        '{"AP": 0.5, "epochs": 12, "seconds": 9.5, "more": 1}',
        json.dumps({"AP": 0.5, "epochs": "9" * 9999, "seconds": 9.5}),
    ],
)
def test_a_damaged_result_is_one_short_line(complete, result):
    complete.state.write_bytes(b"")
    (complete.path / "result.json").write_text(result)
    with pytest.raises(UserError, match=r"cannot read .*result\.json: damaged \(") as caught:
        more(complete)
    assert len(str(caught.value)) < len(str(complete.path)) + 400


@pytest.mark.parametrize(
    "arguments", [("--resume",), ("--time", "5m"), ("--more", "0"), ("--more", "x")]
)
def test_what_does_not_go_with_it_is_a_usage_error(complete, arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        more(complete, *arguments)
    assert caught.value.code == 2
    assert "--more" in capsys.readouterr().err.splitlines()[-1]


def test_other_settings_are_another_run(complete):
    complete.state.write_bytes(b"")
    with pytest.raises(UserError, match=r"was begun otherwise: train\.epochs: 40 -> 9; go on with"):
        more(complete, "--set", "train.epochs=9")


def test_there_is_no_run(tmp_path):
    with pytest.raises(UserError, match="holds no run to resume"):
        more(RunFolder(tmp_path / "none"))
