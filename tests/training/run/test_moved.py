"""A run finds its data set again: moved with it, named anew, from any current folder."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from PIL import Image

from configs.errors import UserError
from configs.load import load_config
from detector.data.open import open_dataset
from detector.data.splitting.split_record import write_record
from training.run.moved import at, found_again
from training.run.negatives import with_negatives
from training.run.run_folder import RunFolder, RunSettings
from training.run.splits import fingerprint, split_lists, train_val
from training.train import main


def stop_run(
    data: str, run: Path, images: str | None = None, negatives: str | None = None
) -> RunFolder:
    """A run that was begun here and stopped: what `train` writes before its first step."""
    whole = open_dataset(data, Path(images) if images else None).with_splits()
    training, validation = train_val(whole.split("train"), whole.split("val"))
    if negatives:
        training, validation, _ = with_negatives(training, validation, Path(negatives), {})
    folder = RunFolder(run)
    digest = fingerprint(training, validation)
    settings = RunSettings(data, images, "none", None, None, 40, digest, negatives=negatives)
    settings = at(settings, folder)
    folder.create(load_config("finetune"), settings, {})
    write_record(folder.splits, split_lists(training, validation, negatives))
    return folder


def resumes(run: Path | str, *more: str) -> None:
    assert main(["--output", str(run), "--resume", "--dry-run", *more]) == 0


@pytest.fixture
def project(voc_maker, tmp_path, monkeypatch):
    """A folder with a data set `data` of ten images and no splits, and a run `run` begun there."""
    root = tmp_path / "project"
    maker = voc_maker(root / "data")
    for letter in "abcdefghij":
        maker.add(f"photo{letter}", ("cat", 1, 1, 40, 40))
    monkeypatch.chdir(root)
    stop_run("data", Path("run"))
    return root


def test_from_another_folder(project, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    resumes(project / "run")
    said = capsys.readouterr().out
    assert f"on {project}/data: 8 images" in said
    assert "once" not in said  # nothing was moved


def test_from_the_same_folder_it_is_named_as_before(project, capsys):
    resumes("run")
    assert "go on with the run in run on data: 8 images" in capsys.readouterr().out


def test_moved_together(project, tmp_path, monkeypatch, capsys):
    project.rename(tmp_path / "archive")
    monkeypatch.chdir(tmp_path)
    resumes("archive/run")
    said = capsys.readouterr().out
    assert f"note: the data of this run, once {project}/data, are now archive/data\n" in said


def test_only_the_run_was_moved(project, tmp_path, monkeypatch):
    (project / "run").rename(tmp_path / "elsewhere")
    monkeypatch.chdir(tmp_path)
    resumes("elsewhere")


@pytest.mark.parametrize("name", ["new", "data2/cats"])
def test_only_the_data_were_moved(project, tmp_path, name, capsys):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (project / "data").rename(tmp_path / name)
    with pytest.raises(UserError, match=f"are gone from {project}/data; add --data NEW"):
        resumes("run")
    resumes("run", "--data", str(tmp_path / name))
    assert f"once {project}/data, are now {tmp_path / name}" in capsys.readouterr().out


def test_other_data_do_not_pass(project, voc_maker, tmp_path):
    shutil.copytree(project / "data", tmp_path / "other")
    voc_maker(tmp_path / "other").add("photoa", ("cat", 1, 1, 41, 40))
    with pytest.raises(UserError, match="other is not what it was when run was begun"):
        resumes("run", "--data", str(tmp_path / "other"))


def test_a_copy_passes_and_does_not_count_as_another(project, tmp_path):
    shutil.copytree(project / "data", tmp_path / "copy")
    resumes("run", "--data", str(tmp_path / "copy"))


def test_a_part_of_a_data_set(project, tmp_path, monkeypatch):
    data = project / "data"
    (data / "ImageSets/Main").mkdir(parents=True, exist_ok=True)
    stems = [f"photo{letter}" for letter in "abcdefghij"]
    (data / "ImageSets/Main/train.txt").write_text("\n".join(stems))
    stop_run("data:train", Path("part"))
    project.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    resumes("moved/part")


def coco(folder: Path, images: Path) -> Path:
    """The pictures of a VOC folder as COCO, in a file apart from its images."""
    listed, boxes = [], []
    for number, path in enumerate(sorted(images.iterdir())):
        listed.append({"id": number, "file_name": path.name, "height": 100, "width": 200})
        box = {"image_id": number, "category_id": 1, "bbox": [1, 1, 40, 40]}
        boxes.append({"id": number, "area": 1600, "iscrowd": 0, **box})
    classes = [{"id": 1, "name": "cat"}]
    file = folder / "labels.json"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"images": listed, "annotations": boxes, "categories": classes}))
    return file


def test_images_that_lie_apart(project, tmp_path, monkeypatch):
    photos = project / "data/JPEGImages"
    coco(project / "coco", photos)
    stop_run("coco/labels.json", Path("apart"), "data/JPEGImages")
    photos.rename(tmp_path / "photos")
    with pytest.raises(UserError, match=r"the images of apart are gone from .*; add --images NEW"):
        resumes("apart")
    resumes("apart", "--images", str(tmp_path / "photos"))
    (project / "coco").rename(tmp_path / "labels")
    monkeypatch.chdir(tmp_path)
    resumes(project / "apart", "--data", "labels/labels.json", "--images", "photos")


def test_images_named_as_those_without_objects(project, tmp_path):
    """The record lists both, and knows which are the data set's, wherever they are now."""
    coco(project / "coco", project / "data/JPEGImages")
    streets = project / "streets"
    streets.mkdir()
    for number, path in enumerate(sorted((project / "data/JPEGImages").iterdir())):
        Image.new("RGB", (40, 30 + number)).save(streets / path.name)
    stop_run("coco/labels.json", Path("with"), "data/JPEGImages", "streets")
    (project / "data/JPEGImages").rename(tmp_path / "photos")
    resumes("with", "--images", str(tmp_path / "photos"))
    streets.rename(tmp_path / "streets")
    with pytest.raises(UserError, match=r"the negatives of with are gone from .*--negatives NEW"):
        resumes("with", "--images", str(tmp_path / "photos"))
    moved = {"--images": tmp_path / "photos", "--negatives": tmp_path / "streets"}
    resumes("with", *(str(word) for pair in moved.items() for word in pair))


def test_a_yaml_of_yolo(project, tmp_path, monkeypatch):
    yolo = project / "yolo"
    for part, letters in (("train", "abcdefgh"), ("val", "ij")):
        for kind in ("images", "labels"):
            (yolo / kind / part).mkdir(parents=True)
        for letter in letters:
            photo = project / f"data/JPEGImages/photo{letter}.jpg"
            shutil.copy(photo, yolo / "images" / part)
            (yolo / "labels" / part / f"photo{letter}.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    names = {"names": ["cat"], "train": "images/train", "val": "images/val"}
    (yolo / "data.yaml").write_text(yaml.safe_dump(names))
    stop_run("yolo/data.yaml", Path("yolo_run"))
    project.rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    resumes(tmp_path / "moved/yolo_run")


def test_a_run_of_an_earlier_version_goes_by_the_current_folder(project, tmp_path, monkeypatch):
    values = json.loads(Path("run/run.json").read_text())
    for name in ("begun_in", "run_folder", "more_from"):
        del values[name]
    Path("run/run.json").write_text(json.dumps(values))
    resumes("run")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"are gone from {tmp_path}/data"):
        resumes(project / "run")


def test_the_place_found_is_what_is_noted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new").mkdir()
    folder = RunFolder(Path("run"))
    settings = at(RunSettings("old", None, "none", None, None, 1), folder)
    found, notes = found_again(settings, folder, {"data": "new"})
    assert (found.data, len(notes)) == ("new", 1)
    again, notes = found_again(at(found, folder), folder, {"data": None})
    assert (again.data, notes) == ("new", [])
    assert again.begun_in == os.fspath(tmp_path)
