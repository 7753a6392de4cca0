import json
import shutil
from pathlib import Path

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.data.splitting import split_record
from detector.data.splitting.split_record import RECORD, image_names, record_path

FEW = [f"photo{chr(97 + i)}" for i in range(10)]
MORE = [f"photo{chr(97 + i)}" for i in range(10, 16)]


def add(make, obj, *names):
    for name in names:
        make.image(f"images/{name}.jpg")
        make.xml(f"annotations/{name}.xml", obj("cat", 1, 1, 9, 9))
    return make.root


@pytest.fixture
def kept(make, obj):
    """A loose VOC folder of ten images whose split is kept."""
    root = add(make, obj, *FEW)
    assert len(open_dataset(f"{root}:val").keep_splits()) == 1
    return root


def parts(root):
    whole = open_dataset(root).with_splits()
    return {
        part: {whole[int(row)].path.stem for row in rows} for part, rows in whole.splits.items()
    }


def notes(data):
    return "\n".join(open_dataset(data).with_splits().notes)


def test_nothing_is_written_unless_it_is_to_be_kept(make, obj):
    root = add(make, obj, *FEW)
    dataset = open_dataset(f"{root}:val")
    assert not (root / RECORD).exists()
    (note,) = dataset.keep_splits()
    assert note == f"the split is kept in {root / RECORD}, so that no image ever changes sides"
    listed = json.loads((root / RECORD).read_text())
    assert listed["val"] == [f"images/{sample.path.name}" for sample in dataset]
    assert len(listed["train"]) == 8


def test_what_is_added_moves_nothing(kept, make, obj):
    before = parts(kept)
    after = parts(add(make, obj, *MORE))
    assert all(before[part] <= after[part] for part in before)
    val = len(after["val"]) - len(before["val"])
    assert (
        f"made train ({len(after['train'])}) and val ({len(after['val'])}) as in {kept / RECORD}, "
        f"{6 - val} new images joined train and {val} val"
    ) in notes(kept)


def test_what_is_removed_and_comes_back_is_where_it_was(kept, make, obj):
    before = parts(kept)
    gone = next(iter(before["val"]))
    (kept / f"annotations/{gone}.xml").unlink()
    add(make, obj, *MORE)
    open_dataset(f"{kept}:train").keep_splits()
    add(make, obj, gone)
    assert gone in parts(kept)["val"]


def test_a_split_that_is_kept_already_is_not_written_again(kept):
    before = (kept / RECORD).stat().st_mtime_ns
    assert open_dataset(f"{kept}:val").keep_splits() == []
    assert (kept / RECORD).stat().st_mtime_ns == before


def test_a_part_that_lost_its_images_is_said(kept):
    for name in parts(kept)["val"]:
        (kept / f"annotations/{name}.xml").unlink()
    assert "val has only 0 of 8 images, as none that was placed moves" in notes(kept)


def test_no_image_is_read_where_all_are_placed(kept, monkeypatch):
    monkeypatch.setattr("detector.data.splitting.auto_split.alike_pairs", None)
    assert len(open_dataset(f"{kept}:val")) == 2


def test_images_whose_folder_was_renamed_are_known_by_their_names(kept):
    before = parts(kept)
    (kept / "images").rename(kept / "JPEGImages")
    assert parts(kept) == before


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "damaged, it is no JSON; delete it to split anew"),
        ("[" * 90_000, "damaged, it is no JSON; delete it"),
        ("[]", "must list images as train and as val; delete it"),
        ('{"train": ["a.jpg"]}', "must list images as train and as val; delete it"),
        ('{"train": "a.jpg", "val": []}', "must list images as train and as val; delete it"),
        ('{"train": [1], "val": []}', "must list images as train and as val; delete it"),
        ('{"train": [], "val": [], "test": ["a.jpg"]}', "lists images as 'test', but only train"),
        ('{"train": ["x/1.jpg"], "val": []}', "lists none of the images that are here; delete it"),
    ],
)
def test_a_record_that_cannot_be_used_is_one_line(kept, content, says):
    (kept / RECORD).write_text(content)
    with pytest.raises(UserError, match=f"{RECORD}: {says}"):
        open_dataset(f"{kept}:val")


def test_an_image_that_stands_in_both_parts_is_in_train(kept):
    listed = json.loads((kept / RECORD).read_text())
    listed["val"].append(listed["train"][0])
    (kept / RECORD).write_text(json.dumps(listed))
    assert len(parts(kept)["train"]) == 8


def test_a_folder_that_cannot_be_written_to_is_said(kept, monkeypatch):
    def refuse(*_):
        raise UserError("cannot write: read-only file system")

    (kept / RECORD).unlink()
    monkeypatch.setattr(split_record, "write_text", refuse)
    assert open_dataset(f"{kept}:val").keep_splits() == [
        "the split is not kept with the data: cannot write: read-only file system"
    ]


# ---- forms of data sets


@pytest.mark.parametrize(
    ("source", "part", "name"),
    [
        ("folder", "", "folder/ssdlite_splits.json"),
        ("folder", "train", "folder/train.ssdlite_splits.json"),
        ("folder/some.json", "", "folder/some.ssdlite_splits.json"),
        ("folder/some.json", "val", "folder/some.val.ssdlite_splits.json"),
    ],
)
def test_each_source_has_a_record_of_its_own(tmp_path, source, part, name):
    (tmp_path / "folder").mkdir()
    assert record_path(tmp_path / source, part) == tmp_path / name


def coco(make, name):
    files = [f"photo{letter}.jpg" for letter in "abcdefghij"]
    for file in files:
        make.image(file)
    images = [
        {"id": i, "file_name": file, "width": 64, "height": 48} for i, file in enumerate(files)
    ]
    one = {"area": 100, "iscrowd": 0, "category_id": 1, "bbox": [1, 1, 10, 10]}
    objects = [{"id": i, "image_id": i, **one} for i in range(10)]
    return make.coco(images, objects, [{"id": 1, "name": "cat"}], name=name)


@pytest.mark.parametrize("name", ["labels.json", "instances_default.json", "coco.json"])
def test_a_record_beside_a_coco_json_is_no_coco_json(make, name):
    path = coco(make, name)
    before = parts(path)
    open_dataset(f"{path}:train").keep_splits()
    assert (path.parent / f"{path.stem}.{RECORD}").is_file()
    assert parts(path) == parts(path.parent) == before


def test_a_yolo_folder_keeps_its_split(make):
    for letter in "abcdefghij":
        make.image(f"images/photo{letter}.jpg")
        make.text(f"labels/photo{letter}.txt", "0 0.5 0.5 0.2 0.2")
    before = parts(make.root)
    open_dataset(f"{make.root}:val").keep_splits()
    assert parts(make.root) == before
    assert "as in" in notes(make.root)


def test_parts_of_a_yaml_keep_the_splits_that_they_are_of(make, obj):
    root = add(make, obj, *FEW)
    (root / "parts.yml").write_text("train: .:train\nval: .:val\n")
    assert len(open_dataset(root / "parts.yml").keep_splits()) == 1
    assert (root / RECORD).is_file()


def test_the_split_of_a_split_has_its_own_record(kept):
    open_dataset(f"{kept}:train").split("val").keep_splits()
    listed = json.loads((kept / f"train.{RECORD}").read_text())
    assert sum(map(len, listed.values())) == 8
    assert len(open_dataset(f"{kept}:train")) == 8


def test_a_moved_folder_is_split_as_before(kept, tmp_path):
    before = parts(kept)
    shutil.copytree(kept, tmp_path / "moved", ignore=shutil.ignore_patterns("moved"))
    assert parts(tmp_path / "moved") == before


def test_names_are_relative_to_the_folder():
    paths = [Path("data/images/a.jpg"), Path("data/b.jpg"), Path("elsewhere/c.jpg")]
    names = ["images/a.jpg", "b.jpg", "../elsewhere/c.jpg"]
    assert image_names(paths, Path("data")) == image_names(paths, Path("data").absolute()) == names


# ---- a run before


def test_what_a_run_learnt_is_never_in_val(kept):
    before = parts(kept)
    learnt = {f"images/{name}.jpg": False for name in before["val"]}
    whole = open_dataset(kept).with_splits(learnt)
    assert len(whole.splits["val"]) < 2
    assert "2 images of val went to train: the run before learnt them" in whole.notes


def test_what_a_run_validated_by_stays_in_val(make, obj):
    root = add(make, obj, *FEW)
    chosen = sorted(parts(root)["train"])[:2]
    whole = open_dataset(root).with_splits({f"images/{name}.jpg": True for name in chosen})
    val = {whole[int(row)].path.stem for row in whole.splits["val"]}
    assert set(chosen) <= val


def test_the_images_of_a_run_are_listed_exactly(kept, make, obj):
    listed = json.loads((kept / RECORD).read_text())
    add(make, obj, *MORE)
    whole = open_dataset(kept).as_listed(listed)
    assert {part: len(rows) for part, rows in whole.splits.items()} == {"train": 8, "val": 2}
    assert whole.notes[-1] == f"6 images of {kept} are not of this run, and left out"
