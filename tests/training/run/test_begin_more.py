"""`--more`: a complete run is trained for more epochs, as one run."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import training.run.begin as begin_module
from configs.errors import UserError
from tests.training.conftest import run_eagerly
from training.run import loop
from training.train import main

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.timeout(1800)]

SETS = (
    *("model.backbone=mobilenet_v1", "model.input_size=96", "model.width_multiplier=0.25"),
    *("loader.batch_size=4", "train.epochs=2", "train.evaluate_every=1", "train.fit_anchors=no"),
)


def train(output: Path, *more: str) -> int:
    return main(["--output", str(output), *more])


def begin(data: Path, output: Path, *sets: str) -> int:
    flags = [part for one in (*SETS, *sets) for part in ("--set", one)]
    return train(output, "--data", str(data), "--start", "none", *flags)


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "log.csv").open() as file:
        return list(csv.DictReader(file))


def result(output: Path) -> dict:
    return json.loads((output / "result.json").read_text())


@pytest.fixture(scope="module")
def complete(squares, tmp_path_factory) -> Path:
    """A complete run of two epochs of two steps."""
    output = tmp_path_factory.mktemp("complete") / "run"
    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        assert begin(squares, output) == 0
    return output


@pytest.fixture(scope="module")
def longer(complete, tmp_path_factory) -> Path:
    """A copy of it, trained for two epochs more."""
    output = tmp_path_factory.mktemp("longer") / "run"
    shutil.copytree(complete, output)
    with pytest.MonkeyPatch.context() as patch:
        run_eagerly(patch)
        assert train(output, "--more", "2") == 0
    return output


@pytest.fixture
def done(complete, tmp_path, eagerly) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(complete, tmp_path / "run"))


def test_a_complete_run_goes_on(done, capsys):
    first, before = rows(done), result(done)
    assert train(done, "--resume") == 0
    way_on = f"python -m training.train --output {done} --more 20"
    assert f"there is nothing to resume. To add epochs: {way_on}\n" in capsys.readouterr().out

    assert train(done, "--more", "3", "--dry-run") == 0
    assert "would go on with the run" in (said := capsys.readouterr().out)
    assert "3 epochs of 2 steps" in said
    assert result(done) == before

    assert train(done, "--more", "3") == 0
    said = capsys.readouterr().out
    assert "goes on behind epoch 2 for 3 epochs; the learning rate is " in said
    assert ", as there in a run of 5 epochs, and falls to 0 likewise" in said
    assert "epoch 3 of 5: loss" in said
    whole = rows(done)
    assert [row["epoch"] for row in whole] == ["1", "2", "3", "4", "5"]
    assert [row["step"] for row in whole] == ["2", "4", "6", "8", "10"]
    assert whole[:2] == first
    rates = [float(row["learning_rate"]) for row in whole]
    assert rates[1] < 1e-9 < rates[4 - 1] < rates[3 - 1]
    assert rates[4] < 1e-9
    after = result(done)
    assert after["epochs"] == 5
    assert after["AP"] >= before["AP"]
    assert after["AP"] == pytest.approx(max(float(row["AP"]) for row in whole), abs=1e-5)


def test_it_goes_on_as_a_run_of_all_epochs_would(squares, longer, tmp_path, eagerly):
    """The rate of each epoch is that of a run which was planned so long."""
    assert begin(squares, tmp_path / "long", "train.epochs=4") == 0
    rates = [
        [float(row["learning_rate"]) for row in rows(run)] for run in (longer, tmp_path / "long")
    ]
    assert rates[0][2:] == pytest.approx(rates[1][2:], rel=1e-5, abs=1e-9)


def test_interrupted_it_is_resumed_to_the_same_end(longer, done):
    """A stop behind the first step of the added epochs, as by Ctrl-C."""
    heed = loop._Pause.heed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop._Pause, "heed", lambda pause: _stop(pause, heed))
        assert train(done, "--more", "2") == 0
    assert not (done / "result.json").exists()
    with pytest.raises(UserError, match="is not complete yet; go on with --resume before --more"):
        train(done, "--more", "2")
    assert train(done, "--resume") == 0
    figures = ("epoch", "step", "learning_rate", "loss", "box_loss", "AP", "AP_raw")
    ends = [[[float(row[name]) for name in figures] for row in rows(run)] for run in (longer, done)]
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-4)  # threads add up in any order


def _stop(pause, heed):
    pause.signal = "SIGINT"
    heed(pause)


def test_a_run_that_ended_early_goes_on_from_there(squares, tmp_path, eagerly, capsys):
    begin(
        squares, tmp_path / "run", "train.epochs=9", "train.patience=1", "train.learning_rate=1e-9"
    )
    ended = result(tmp_path / "run")["epochs"]
    assert ended < 9
    assert "no better AP in 1 evaluations" in capsys.readouterr().out
    assert train(tmp_path / "run", "--more", "1") == 0
    assert result(tmp_path / "run")["epochs"] == ended + 1


def test_killed_before_its_first_state_it_begins_the_added_epochs_anew(done):
    def killed(*_):
        raise SystemExit(9)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(begin_module, "Loop", killed)
        with pytest.raises(SystemExit):
            train(done, "--more", "1")
    assert not (done / "result.json").exists()
    assert train(done, "--resume") == 0
    assert result(done)["epochs"] == 3


def test_killed_between_its_two_files_it_has_nothing_left_to_do(done):
    (done / "result.json").unlink()
    assert train(done, "--resume") == 0
    assert result(done)["epochs"] == 2
    assert train(done, "--more", "1") == 0
    assert result(done)["epochs"] == 3


def test_exports_of_a_model_that_is_replaced_are_named(complete, tmp_path, eagerly, capsys):
    output = shutil.copytree(complete, tmp_path / "run")
    (output / "last/model.onnx").write_bytes(b"of the model before")
    (output / "best/model.tflite").write_bytes(b"of the best model")
    assert train(output, "--more", "1") == 0
    said = capsys.readouterr().out
    assert f"{output}/last is another model now: model.onnx went with the one before\n" in said
    assert not (output / "last/model.onnx").exists()
    is_kept = (output / "best/model.tflite").exists()
    assert is_kept == ("model.tflite went with" not in said)
