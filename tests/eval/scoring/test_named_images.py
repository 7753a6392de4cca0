import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from eval.scoring.named_images import NamedImages
from eval.scoring.results_file import read_detections


@pytest.fixture
def samples_at(sample_of):
    def make(*paths):
        boxes = [[0, 0, 9, 9]]
        return [replace(sample_of(n, boxes, [0]), path=Path(p)) for n, p in enumerate(paths, 1)]

    return make


@pytest.mark.parametrize(
    ("paths", "file", "index"),
    [
        pytest.param(("/d/a/1.jpg", "/d/b/1.jpg"), "b/1.jpg", 1, id="by its folder"),
        pytest.param(("/d/a/1.jpg", "/d/b/1.jpg"), "1.jpg", None, id="both may be meant"),
        pytest.param(("/d/1.jpg", "/d/1.png"), "elsewhere/1.png", 1, id="by its suffix"),
        pytest.param(("/d/a/1.jpg", "/e/a/1.jpg"), "../e/a/1.jpg", 1, id="further up"),
        pytest.param(("/d/1.jpg",), "2.jpg", None, id="none"),
        pytest.param(("/d/1.jpg",), "", None, id="no name"),
        pytest.param(("/d/A.jpg", "/d/a.jpg"), "a.jpg", 1, id="by its capitals"),
        pytest.param(("/d/1.jpg", "/d/1.jpg"), "1.jpg", None, id="listed twice"),
    ],
)
def test_an_image_is_found_by_the_end_of_its_path(samples_at, paths, file, index):
    assert NamedImages(samples_at(*paths), Path("found.json")).index(file) == index


def entry(image_id, file, score=0.5):
    more = {"file_name": file} if file else {}
    return {"image_id": image_id, "category_id": 1, "bbox": [0, 0, 9, 9], "score": score, **more}


@pytest.mark.parametrize(
    ("entries", "scores"),
    [
        pytest.param([entry("a/1.jpg", "a/1.jpg")], [[0.5], [], []], id="an id that is a path"),
        pytest.param([entry(3, "b/1.jpg")], [[], [0.5], []], id="an id of another image"),
        pytest.param([entry(3, None)], [[], [], [0.5]], id="an id alone"),
        pytest.param([entry(3, "1.jpg")], [[], [], [0.5]], id="a name of two, with an id"),
        pytest.param([entry(3, 7)], [[], [], [0.5]], id="no name of ours"),
    ],
)
def test_the_name_in_an_entry_counts_before_its_id(samples_at, tmp_path, entries, scores):
    samples = samples_at("/d/a/1.jpg", "/d/b/1.jpg", "/d/7.jpg")
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples)
    (tmp_path / "found.json").write_text(json.dumps(entries))
    found = read_detections(tmp_path / "found.json", dataset).detections
    assert [one.scores.tolist() for one in found] == scores


def test_an_id_of_another_image_than_the_name_is_told(samples_at, tmp_path):
    """pycocotools goes by the id, so it has other figures."""
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples_at("/d/1.jpg", "/d/2.jpg"))
    entries = [entry(2, "1.jpg"), entry(2, "2.jpg"), entry("else", "2.jpg")]
    (tmp_path / "found.json").write_text(json.dumps(entries))
    assert read_detections(tmp_path / "found.json", dataset).warnings == (
        "image_id of another image than file_name in 1 of 3 detections: file_name counts, where "
        "pycocotools goes by image_id",
    )


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(("train/1.jpg", "val/1.jpg"), id="another folder"),
        pytest.param(("val/1.jpg", "train/1.jpg"), id="the other way"),
        pytest.param(("/d/val/1.jpg", "/e/val/1.jpg"), id="further up"),
    ],
)
def test_images_that_the_data_set_lacks_do_not_count_as_one_of_their_name(
    samples_at, tmp_path, others
):
    """`detect` on train and val, scored on val: detections of train are no false ones of val."""
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples_at("/d/val/1.jpg"))
    (tmp_path / "found.json").write_text(json.dumps([entry(one, one) for one in others]))
    with pytest.raises(UserError, match=f"{others[0]} and {others[1]} are two images"):
        read_detections(tmp_path / "found.json", dataset)


def test_one_image_may_be_named_by_longer_and_shorter_paths(samples_at, tmp_path):
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples_at("/d/val/1.jpg"))
    entries = [entry(1, file) for file in ("1.jpg", "val/1.jpg", "./val/1.jpg", "/d/val/1.jpg")]
    (tmp_path / "found.json").write_text(json.dumps(entries))
    assert len(read_detections(tmp_path / "found.json", dataset).detections[0]) == 4


def test_neither_name_nor_id_is_an_error(samples_at, tmp_path):
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples_at("/d/a/1.jpg"))
    (tmp_path / "found.json").write_text(json.dumps([entry("b/2.jpg", "b/2.jpg")]))
    with pytest.raises(UserError, match=r"no image with the id 'b/2\.jpg'"):
        read_detections(tmp_path / "found.json", dataset)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r"a\\udcff", id="as detect writes it"),
        pytest.param(r"a\udcff", id="as Python writes it"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_names_that_are_no_utf8_are_found(sample_of, tmp_path, text, named):
    files = [Path("/d") / os.fsdecode(b"a" + byte) for byte in (b"\xfe.png", b"\xff.png")]
    samples = [replace(sample_of(one.stem, [[0, 0, 9, 9]], [0]), path=one) for one in files]
    dataset = Dataset("d", tmp_path, ClassMap(("x",)), samples)
    written = json.dumps([entry("ID", "FILE.png" if named else None)])
    written = written.replace("ID", "0" if named else text).replace("FILE", text)
    (tmp_path / "found.json").write_text(written)
    found = read_detections(tmp_path / "found.json", dataset).detections
    assert [len(one) for one in found] == [0, 1]
