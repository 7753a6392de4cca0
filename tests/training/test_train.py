import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from configs import typed_form
from configs.errors import UserError
from configs.load import dump_config, load_config
from detector.data.open import open_dataset
from detector.data.splitting.split_record import write_record
from eval.coco import main as score
from training.run.run_folder import RunFolder, RunSettings, learnt_by
from training.run.splits import fingerprint, split_lists, train_val
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
    with pytest.raises(UserError, match="are gone from"):
        begun("--config", "cifar10")


@pytest.mark.parametrize("spelling", ["gone", "gone/", "./gone"])
def test_the_same_data_may_be_named_otherwise(begun, tmp_path, spelling):
    with pytest.raises(UserError, match="no such data set"):  # and not: begun otherwise
        begun("--data", f"{tmp_path}/{spelling}")


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        (("--start", "coco"), "--start: none -> coco"),
        (("--time", "5m"), "--time: None -> 300.0"),
        (("--overfit", "2"), "--overfit: None -> 2"),
        (("--set", "train.epochs=7"), "train.epochs: 40 -> 7"),
        (("--set", "model.head=ssdlite"), "model.head: ssdlite_plus -> ssdlite"),
        (("--classes", "b,a"), "--classes: None -> a,b"),
        (("--merge", "c=b,a"), "--merge: None -> c=a,b"),
        (("--negatives", "streets"), "--negatives: None -> streets"),
    ],
)
def test_another_run_is_not_resumed(begun, arguments, change):
    with pytest.raises(UserError, match=f"was begun otherwise: {change}; .* begin another run$"):
        begun(*arguments)


@pytest.mark.parametrize("option", ["--data", "--images"])
def test_data_that_are_elsewhere_may_be_named(begun, option):
    with pytest.raises(UserError, match="no such data set"):  # and not: begun otherwise
        begun("--data", "other", option, "other")


def test_data_that_are_gone_are_named_with_the_way_on(begun, tmp_path):
    says = f"the data of {tmp_path}/run are gone from {tmp_path}/gone; add --data NEW, where they"
    with pytest.raises(UserError, match=says):
        begun()


def test_a_run_that_learnt_something_is_named_as_a_start(begun, tmp_path):
    (tmp_path / "run/best").mkdir()
    with pytest.raises(UserError, match=r"begin another run with --start .*/run$"):
        begun("--time", "5m")


# ---- dry runs


def dry(data, tmp_path, *more):
    arguments = ["--data", str(data), "--output", str(tmp_path / "new"), *more, "--dry-run"]
    return main(arguments)


_FETCHED = ("coco", "imagenet")


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
    intent, *remarks = capsys.readouterr().out.splitlines()
    assert intent == (
        f"would train on {squares}: 8 images, 1 class, 40 epochs of 3 steps, from {words}; "
        f"2 images to validate; output {tmp_path}/new"
    )
    assert ["note: " in remark for remark in remarks] == [True] * (start in _FETCHED) + [False]
    assert remarks[-1].startswith("warning: one class, and no image without it: ")
    assert not (tmp_path / "new").exists()


def test_a_dry_run_warns_of_more_objects_than_a_limit_lets_through(voc, tmp_path, capsys):
    for stem, objects in (("a", 1), ("b", 3)):
        voc.add(stem, *[("cat", 5, 5, 60, 60)] * objects)
    assert dry(voc.root, tmp_path, "--start", "none", "--set", "loader.max_objects=2") == 0
    assert "warning: 1 image with more than 2 objects, up to 3: " in capsys.readouterr().out


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
        (("--set", "model.head=foo"), r"model\.head: Input should be 'ssdlite' or 'ssdlite_plus'"),
        (
            ("--set", "model.head=ssdlite_plus", "--set", "model.input_size=88"),
            r"model\.input_size: Input should be greater than or equal to 96, got 88",
        ),
    ],
)
def test_a_mistake_shows_in_a_dry_run(squares, tmp_path, more, says):
    with pytest.raises(UserError, match=says):
        dry(squares, tmp_path, *more)


@pytest.mark.parametrize(
    ("corners", "says"),
    [
        ([(0.2, 0.3, 0.5, 0.6)] * 3, "look like fractions of the image"),
        ([(70, 50, 20, 30)] * 3, "3 do as x, y, width, height"),
    ],
)
def test_what_is_wrong_with_the_whole_data_set_shows(voc, tmp_path, capsys, corners, says):
    for stem in "abcdef":
        voc.add(stem, *(("cat", *one) for one in corners))
    voc.split("train", *"abc")
    voc.split("val", *"def")
    assert dry(voc.root, tmp_path, "--start", "none") == 0
    (line,) = [one for one in capsys.readouterr().out.splitlines() if "ERROR" in one]
    assert says.replace("3 do", "18 do") in line


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


# ---- classes


@pytest.fixture
def pets(voc_maker, tmp_path):
    """Ten images, without splits: a cat in each, a kitten in six, a dog in four."""
    maker = voc_maker(tmp_path / "pets")
    for number, letter in enumerate("abcdefghij"):
        other = "kitten" if number < 6 else "dog"
        maker.add(f"photo{letter}", ("cat", 1, 1, 40, 40), (other, 30, 30, 90, 90))
    return maker.root


def test_a_dry_run_counts_what_a_choice_of_classes_does(pets, tmp_path, capsys):
    choice = ("--classes", "cat", "--merge", "cat=kitten", "--start", "none")
    assert dry(pets, tmp_path, *choice) == 0
    said = capsys.readouterr().out
    assert f"note: {pets} has no splits: made train (8) and val (2) by hash" in said
    assert "note: class cat takes the objects of cat (10), kitten (6)" in said
    assert "note: only cat: 4 objects of other classes are dropped, and 0 images" in said
    assert f"would train on {pets}: 8 images, 1 class" in said
    assert not (pets / "ssdlite_splits.json").exists()


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (("--classes", "kiten"), "unknown class 'kiten'; did you mean 'kitten'"),
        (("--merge", "cat=lion"), "unknown class 'lion'; known: cat, dog, kitten"),
        (("--merge", "a=dog", "--merge", "b=dog"), "'dog' is merged into 'a' and 'b'"),
    ],
)
def test_a_class_that_is_not_there_shows_in_a_dry_run(pets, tmp_path, choice, says):
    with pytest.raises(UserError, match=says):
        dry(pets, tmp_path, *choice, "--start", "none")


@pytest.mark.parametrize("text", ["cat", "=kitten", "cat=", "cat=,"])
def test_a_merge_names_classes_and_what_they_become(pets, tmp_path, capsys, text):
    with pytest.raises(SystemExit):
        dry(pets, tmp_path, "--merge", text)
    assert "--merge: " in capsys.readouterr().err


@pytest.mark.parametrize("spelling", [("--classes", "dog,cat"), ("--merge", "cat=kitten"), ()])
def test_a_run_on_some_classes_is_resumed_with_the_same(tmp_path, spelling):
    choice = {"classes": ["cat", "dog"], "merge": {"cat": ["kitten"]}}
    settings = RunSettings(f"{tmp_path}/gone", None, "none", None, None, 40, "abc", None, **choice)
    RunFolder(tmp_path / "run").create(load_config("finetune"), settings, {})
    with pytest.raises(UserError, match="are gone from"):  # and not: begun otherwise
        main(["--output", str(tmp_path / "run"), "--resume", *spelling])


def test_a_run_from_before_choices_is_read(tmp_path):
    settings = RunSettings("data", None, "none", None, None, 40, "abc")
    RunFolder(tmp_path).create(load_config("finetune"), settings, {})
    old = json.loads((tmp_path / "run.json").read_text())
    del old["classes"], old["merge"]
    (tmp_path / "run.json").write_text(json.dumps(old))
    assert RunFolder(tmp_path).read()[1] == settings


# ---- splits that are kept


def short(data, output, *more):
    """A run of one epoch, as small as can be."""
    sets = ("model.input_size=96", "model.width_multiplier=0.35", "model.backbone=mobilenet_v1")
    sets += ("loader.batch_size=4", "train.epochs=1", "train.fit_anchors=no")
    flags = [part for one in sets for part in ("--set", one)]
    return main(["--data", str(data), "--output", str(output), *flags, *more])


@pytest.mark.keras
@pytest.mark.slow
def test_a_run_keeps_its_split_and_its_classes(pets, tmp_path, eagerly, capsys, voc_maker):
    choice = ("--classes", "cat", "--merge", "cat=kitten")
    assert short(pets, tmp_path / "run", "--start", "none", *choice) == 0
    assert f"note: the split is kept in {pets}/ssdlite_splits.json" in capsys.readouterr().out
    listed = json.loads((tmp_path / "run/splits.json").read_text())
    assert listed == json.loads((pets / "ssdlite_splits.json").read_text())
    spec = json.loads((tmp_path / "run/best/detector.json").read_text())
    assert spec["class_names"] == ["cat"]
    assert spec["class_choice"] == {"classes": ["cat"], "merge": {"cat": ["kitten"]}}

    score([str(tmp_path / "run/best"), f"{pets}:val"])
    said = capsys.readouterr().out
    assert "merged kitten as cat" in said
    (pets / "ssdlite_splits.json").unlink()  # a run that starts from it knows by itself
    for letter in "klmnopqrstuvwxyz":
        voc_maker(pets).add(f"photo{letter}", ("cat", 1, 1, 40, 40), ("dog", 30, 30, 90, 90))
    whole = open_dataset(pets).with_splits(learnt_by(str(tmp_path / "run/best")))
    val = {f"JPEGImages/{whole[int(row)].path.name}" for row in whole.splits["val"]}
    assert set(listed["val"]) <= val and val.isdisjoint(listed["train"])


@pytest.fixture
def stopped(pets, tmp_path):
    """A run on the pets that was stopped, with its record; its folder."""
    whole = open_dataset(str(pets)).with_splits()
    training, validation = train_val(whole.split("train"), whole.split("val"))
    digest = fingerprint(training, validation)
    settings = RunSettings(str(pets), None, "none", None, None, 40, digest)
    folder = RunFolder(tmp_path / "run")
    folder.create(load_config("finetune"), settings, {})
    write_record(folder.splits, split_lists(training, validation))
    return folder


def test_a_run_goes_on_with_its_own_images(stopped, pets, voc_maker, capsys):
    for letter in "klmnop":
        voc_maker(pets).add(f"photo{letter}", ("cat", 1, 1, 40, 40), ("kitten", 9, 9, 90, 90))
    assert main(["--output", str(stopped.path), "--resume", "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f"note: 6 images of {pets} are not of this run, and left out" in said
    assert f"would go on with the run in {stopped.path} on {pets}: 8 images" in said


def test_a_run_whose_images_are_gone_is_not_resumed(stopped, pets):
    next((pets / "Annotations").iterdir()).unlink()
    with pytest.raises(UserError, match=r"is not what it was when .*run was begun"):
        main(["--output", str(stopped.path), "--resume", "--dry-run"])


def test_a_run_with_a_damaged_record_is_one_line(stopped):
    stopped.splits.write_text("{")
    with pytest.raises(UserError, match=r"splits\.json: damaged"):
        main(["--output", str(stopped.path), "--resume", "--dry-run"])


def test_images_that_the_run_before_learnt_are_told_in_a_val_that_is_given(
    stopped, exported, pets, voc_maker, tmp_path, capsys
):
    shutil.copytree(exported, stopped.path / "best")
    learnt = [Path(name).stem for name in json.loads(stopped.splits.read_text())["train"]]
    voc_maker(pets).split("train", *learnt[2:])
    voc_maker(pets).split("val", *learnt[:2])
    width = ("--set", "model.width_multiplier=0.35")
    assert dry(pets, tmp_path, "--start", str(stopped.path), *width) == 0
    assert f"note: 2 of the 2 images of {pets}:val were learnt by the run" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize("start", ["coco", "none", "x" * 5000, "photo.h5"])
def test_weights_that_are_no_run_have_learnt_nothing_here(start):
    assert learnt_by(start) == {}


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
