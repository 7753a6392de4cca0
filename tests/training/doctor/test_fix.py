import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.schema import Config
from detector.data.open import open_dataset
from detector.data.write import write_dataset
from detector.images import read_header, read_image
from training.doctor.examine import Examination, examine
from training.doctor.fix import fix

CAT = ("cat", 10, 10, 50, 50)


def look(data) -> Examination:
    return examine(open_dataset(data, details=True), Config(), "coco_300")


@pytest.fixture
def fixed(voc, tmp_path):
    """Fixes the VOC folder; what was done, and the fixed data set."""

    def call():
        target = tmp_path / "fixed"
        lines = fix(look(voc.root), target)
        return "\n".join(lines), open_dataset(target)

    return call


def hashes(folder: Path) -> dict[Path, str]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def test_a_sound_data_set_is_copied_as_it_is(voc, fixed):
    path = voc.add("a", CAT)
    voc.add("b")
    lines, dataset = fixed()
    assert lines.endswith("fixed: 2 images, 1 object")
    assert dataset[0].path.read_bytes() == path.read_bytes()
    np.testing.assert_array_equal(dataset[0].boxes, open_dataset(voc.root)[0].boxes)


def test_boxes_are_clipped_and_unusable_ones_left_out(voc, fixed):
    voc.add("a", ("cat", -30, 10, 50, 50), ("cat", 30, 10, 30, 50), ("dog", 60, 50, 20, 10))
    lines, dataset = fixed()
    np.testing.assert_array_equal(dataset[0].boxes, [[0, 9, 50, 50]])
    assert "objects left out, unusable: 2" in lines and "boxes clipped: 1" in lines


def test_only_exact_copies_of_a_box_are_left_out(voc, fixed):
    voc.add("a", CAT, CAT, ("dog", 10, 10, 50, 50), ("cat", 10, 10, 51, 50))
    lines, dataset = fixed()
    assert len(dataset[0]) == 3
    assert "objects left out, exact copies of another: 1" in lines


def test_unreadable_images_are_left_out(voc, fixed):
    voc.add("a", CAT)
    voc.add("b", CAT).write_bytes(b"not an image")
    lines, dataset = fixed()
    assert [sample.path.name for sample in dataset] == ["a.jpg"]
    assert "images left out, unreadable: 1" in lines


@pytest.mark.parametrize("orientation", [2, 3, 6, 8])
def test_images_are_turned_upright_without_the_tag(voc, fixed, orientation):
    path = voc.add("a", CAT, exif=turned(orientation))
    shown = read_image(path)
    lines, dataset = fixed()
    header = read_header(dataset[0].path)
    assert header.orientation == 1 and (header.height, header.width) == shown.shape[:2]
    assert np.abs(read_image(dataset[0].path).astype(int) - shown).mean() < 3
    assert "images turned upright: 1" in lines
    np.testing.assert_array_equal(dataset[0].boxes, open_dataset(voc.root)[0].boxes)


def test_a_lying_suffix_is_put_right(voc, fixed):
    path = voc.add("a", CAT, format="PNG")
    lines, dataset = fixed()
    assert dataset[0].path.name == "a.png"
    assert dataset[0].path.read_bytes() == path.read_bytes()
    assert "images given their true suffix: 1" in lines


def test_of_equal_images_the_best_annotated_stays(voc, fixed):
    voc.add("a", CAT)
    voc.add("b", CAT, ("dog", 60, 20, 100, 80), seed=list(b"a"))
    _, dataset = fixed()
    assert [sample.path.name for sample in dataset] == ["b.jpg"]


@pytest.mark.parametrize("quality", [75, 40], ids=["equal bytes", "recompressed"])
def test_a_leak_is_taken_from_training(voc, fixed, quality):
    voc.add("a", CAT, seed=7)
    voc.add("b", CAT, seed=7, quality=quality)
    voc.add("c", CAT)
    voc.split("train", "a", "c")
    voc.split("val", "b")
    voc.split("trainval", "a", "b", "c")
    _, dataset = fixed()
    stems = {
        name: [dataset[row].path.stem for row in rows] for name, rows in dataset.splits.items()
    }
    assert stems == {"train": ["c"], "trainval": ["b", "c"], "val": ["b"]}


def test_an_image_in_two_splits_stays_in_the_one_that_measures(voc, fixed):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "b", "c")
    lines, dataset = fixed()
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 1, "val": 2}
    assert "images taken out of a second split: 1" in lines


def test_a_list_of_all_images_takes_none_from_training(voc, fixed):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "c")
    voc.split("all", "a", "b", "c")
    lines, dataset = fixed()
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "all": [0, 1, 2],
        "train": [0, 1],
        "val": [2],
    }
    assert "second split" not in lines


def test_the_area_of_a_clipped_box_goes_with_it(voc, fixed):
    """VOC knows no areas, so none is lost, and nothing is said."""
    voc.add("a", ("cat", -30, 10, 50, 50))
    lines, _ = fixed()
    assert "boxes clipped: 1" in lines and "note:" not in lines


@pytest.mark.parametrize("form", ["voc", "coco", "yolo"])
def test_everything_ailing_is_fixed_in_its_own_form(voc, tmp_path, form):
    voc.add("a", CAT, CAT, ("cat", -30, 5, 40, 40))
    voc.add("b", ("dog", 60, 20, 100, 80))
    voc.add("c", CAT, exif=turned(6))
    voc.add("d", CAT, format="PNG")
    voc.add("e", CAT, seed=list(b"b"))
    voc.split("train", "a", "b", "c")
    voc.split("val", "d", "e")
    source, target = tmp_path / "source", tmp_path / "fixed"
    write_dataset(open_dataset(voc.root, details=True), source, form)
    before = hashes(source)
    examination = look(source)
    assert examination.errors
    fix(examination, target)
    after = look(target)
    assert after.dataset.form == examination.dataset.form
    assert after.errors == 0
    kinds = {finding.kind.name for finding in after.findings}
    assert not kinds & {"clipped-box", "duplicate-box", "exif-ambiguous", "wrong-extension", "leak"}
    assert hashes(source) == before


def test_the_copy_needs_a_folder_of_its_own(voc, tmp_path):
    voc.add("a", CAT)
    examination = look(voc.root)
    with pytest.raises(UserError, match="lies in the data set"):
        fix(examination, voc.root / "fixed")
    with pytest.raises(UserError, match="not empty"):
        fix(examination, voc.root)


def test_an_image_outside_of_the_data_set_is_not_copied(voc, tmp_path):
    inside, outside = voc.add("a"), voc.add("b")
    (tmp_path / "set").mkdir()
    shutil.copyfile(inside, tmp_path / "set" / "a.jpg")
    names = ["a.jpg", f"../{outside.relative_to(tmp_path)}"]
    images = [{"id": i, "file_name": n, "width": 64, "height": 48} for i, n in enumerate(names)]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    (tmp_path / "set" / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"b\.jpg outside of its folder .*--images"):
        fix(look(tmp_path / "set"), tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()


def test_nothing_left_is_no_data_set(voc, tmp_path):
    voc.add("a", CAT).write_bytes(b"not an image")
    with pytest.raises(UserError, match="no image would be left"):
        fix(look(voc.root), tmp_path / "fixed")
    assert not (tmp_path / "fixed").exists()


def test_bccd_loses_its_leaks_and_its_flat_boxes(test_data, tmp_path):
    fix(look(test_data / "data" / "bccd"), tmp_path / "fixed")
    after = look(tmp_path / "fixed")
    assert after.errors == 0
    assert after.counts.images == 362
