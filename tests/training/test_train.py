import shutil
from types import SimpleNamespace

import pytest

from configs import typed_form
from configs.errors import UserError
from configs.load import dump_config, load_config
from detector.data.open import open_dataset
from training.run.run_folder import RunFolder, RunSettings
from training.run.splits import fingerprint, train_val
from training.train import _say, main


@pytest.fixture
def begun(tmp_path):
    """A run's folder, of a data set that has gone since; `begun("--data", "x")` resumes it."""
    settings = RunSettings(f"{tmp_path}/gone", None, "none", None, None, 40, "abc")
    RunFolder(tmp_path / "run").create(load_config("finetune"), settings, {})
    return lambda *more: main(["--output", str(tmp_path / "run"), "--resume", *more])


def test_a_run_from_before_kinds_is_not_begun_otherwise(begun, tmp_path):
    text = dump_config(load_config("cifar10", ["kind=detector"]))
    (tmp_path / "run/config.yaml").write_text(text.replace("kind: detector\n", ""))
    with pytest.raises(UserError, match="no such data set"):
        begun("--config", "cifar10")


@pytest.mark.parametrize("spelling", ["gone", "gone/", "./gone"])
def test_the_same_data_may_be_named_otherwise(begun, tmp_path, spelling):
    with pytest.raises(UserError, match="no such data set"):  # and not: begun otherwise
        begun("--data", f"{tmp_path}/{spelling}")


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        (("--data", "other"), "--data: .*/gone -> other"),
        (("--images", "images"), "--images: None -> images"),
        (("--start", "coco"), "--start: none -> coco"),
        (("--time", "5m"), "--time: None -> 300.0"),
        (("--overfit", "2"), "--overfit: None -> 2"),
        (("--set", "train.epochs=7"), "train.epochs: 40 -> 7"),
    ],
)
def test_another_run_is_not_resumed(begun, arguments, change):
    with pytest.raises(UserError, match=f"was begun otherwise: {change}; .* begin another run$"):
        begun(*arguments)


def test_a_run_that_learnt_something_is_named_as_a_start(begun, tmp_path):
    (tmp_path / "run/best").mkdir()
    with pytest.raises(UserError, match=r"begin another run with --start .*/run$"):
        begun("--time", "5m")


# ---- dry runs


def dry(data, tmp_path, *more):
    arguments = ["--data", str(data), "--output", str(tmp_path / "new"), *more, "--dry-run"]
    return main(arguments)


@pytest.mark.parametrize(
    ("start", "width", "words"),
    [
        ("coco", 1.0, "coco (to be downloaded)"),
        ("none", 0.1, "random weights"),
        ("imagenet", 1.0, "imagenet"),
        ("RUN", 0.35, "RUN/best (keras)"),
        ("RUN/best", 0.35, "RUN/best (keras)"),
    ],
)
def test_a_dry_run_says_what_it_would_learn(
    squares, tmp_path, exported, capsys, monkeypatch, start, width, words
):
    (tmp_path / "RUN").mkdir()
    shutil.copytree(exported, tmp_path / "RUN/best")
    monkeypatch.chdir(tmp_path)
    sets = ("--set", "loader.batch_size=3", "--set", f"model.width_multiplier={width}")
    assert dry(squares, tmp_path, "--start", start, *sets) == 0
    assert capsys.readouterr().out == (
        f"would train on {squares}: 8 images, 1 classes, 40 epochs of 3 steps, from {words}; "
        f"2 images to validate; output {tmp_path}/new\n"
    )
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--start", "none.npz"), r"'none\.npz' is no model"),
        (("--start", "a" * 5000), "is no model"),
        (("--start", "none.h5"), r"no such weights file: none\.h5"),
        (
            ("--start", "coco", "--config", "shapes"),
            r"coco is mobilenet_v2 at width 1\.0, the model",
        ),
        (("--start", "shapes"), r"shapes is mobilenet_v2 at width 0\.5, the model to train"),
        (("--start", "imagenet", "--set", "model.width_multiplier=0.6"), "at width 0.6; set"),
        (("--config", "none"), "none"),
        (("--set", "train.epochs=no"), r"train\.epochs"),
    ],
)
def test_a_mistake_shows_in_a_dry_run(squares, tmp_path, more, says):
    with pytest.raises(UserError, match=says):
        dry(squares, tmp_path, *more)


def test_an_output_that_holds_something_shows_in_a_dry_run(squares, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new/notes.txt").touch()
    with pytest.raises(UserError, match="holds something already"):
        dry(squares, tmp_path)


def test_a_dry_run_says_what_it_would_resume(squares, tmp_path, capsys):
    whole = open_dataset(str(squares))
    digest = fingerprint(*train_val(whole.split("train"), whole.split("val")))
    settings = RunSettings(str(squares), None, "none", None, None, 40, digest)
    RunFolder(tmp_path / "run").create(load_config("finetune"), settings, {})
    assert main(["--output", str(tmp_path / "run"), "--resume", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith(f"would go on with the run in {tmp_path}/run on ")


def test_a_run_goes_on_with_the_corners_it_was_begun_with(squares, tmp_path):
    whole = open_dataset(str(squares), voc_origin=0)
    digest = fingerprint(*train_val(whole.split("train"), whole.split("val")))
    settings = RunSettings(str(squares), None, "none", None, None, 40, digest, voc_origin=0)
    RunFolder(tmp_path / "run").create(load_config("finetune"), settings, {})
    resume = ["--output", str(tmp_path / "run"), "--resume", "--dry-run"]
    assert main(resume) == 0
    assert main([*resume, "--voc-origin", "0"]) == 0
    with pytest.raises(UserError, match="begun otherwise: --voc-origin: 0 -> 1"):
        main([*resume, "--voc-origin", "1"])


@pytest.mark.parametrize(
    ("verbs", "typed"),
    [({}, "python -m training.train"), ({"training.train": "train"}, "ssdlite train")],
)
def test_how_to_go_on_is_told_in_the_form_that_was_typed(monkeypatch, capsys, verbs, typed):
    monkeypatch.setattr(typed_form, "_verbs", verbs)
    paused = SimpleNamespace(failed=0, paused="SIGTERM")
    _say(paused, "my_run", "my_data")
    assert capsys.readouterr().out.endswith(f"To go on: {typed} --output my_run --resume\n")
