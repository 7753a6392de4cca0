import pytest

from configs.errors import UserError
from demo import quickstart


def test_a_dry_run_names_every_step_and_writes_nothing(tmp_path, capsys):
    assert quickstart.main(["--output", str(tmp_path / "try"), "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    verbs = [line.split()[4] for line in lines]
    assert verbs == [
        *("training.shapes", "training.check", "eval.coco", "training.train", "eval.coco"),
        *("detector.export", "eval.latency", "detector.detect"),
    ]
    assert not (tmp_path / "try").exists()


def test_a_folder_in_use_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty; name a new folder"):
        quickstart.main(["--output", str(tmp_path)])


def test_a_step_that_fails_ends_it(tmp_path, monkeypatch, capfd):
    wrong = ("fail", ["detector.detect", "no such image.jpg"], "")
    monkeypatch.setattr(quickstart, "_steps", lambda _: [wrong])
    with pytest.raises(UserError, match="the step 'fail' failed, as said above"):
        quickstart.main(["--output", str(tmp_path / "try")])
    said = capfd.readouterr()
    assert "error: " in said.err
    assert f"unfinished: delete {tmp_path / 'try'}, or name another with --output" in said.out


def test_at_the_end_it_says_how_to_choose_the_other_head(tmp_path):
    for name in ("before", "after"):
        (tmp_path / f"{name}.json").write_text('{"AP": 0.5}')
    last = quickstart._verdict(tmp_path, 90.0).splitlines()[-1]
    assert last.split() == [
        *("python", "-m", "training.train", "--data", "my_data", "--output", "my_run"),
        *("--set", "model.head=ssdlite"),
    ]
