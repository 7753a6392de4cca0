import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import UserError
from detector.classes import ClassMap, coco_classes
from detector.results import coco_image_ids, coco_results, open_results, readable
from detector.types import Detections

NOTHING = Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros(0, int))


@pytest.fixture
def two() -> Detections:
    """A fire hydrant and a stop sign: labels 10 and 11, between which COCO's ids have a gap."""
    return Detections(
        boxes=np.array([[1, 2, 31.25, 42.5], [0, 0, 10, 20]], np.float32),
        scores=np.array([0.75, 0.123456789], np.float32),
        labels=np.array([10, 11]),
    )


def test_the_contract_to_the_letter(tmp_path, two):
    path = tmp_path / "out.json"
    with open_results(path, "coco", coco_classes()) as results:
        results.add("a.jpg", height=48, width=64, detections=two)
        results.add("film.mp4", height=48, width=64, detections=NOTHING, frame=0, time_s=1 / 3)
        results.finish(fps=29.5, stage_ms={"run": 3.25})
    assert json.loads(path.read_text()) == {
        "model": "coco",
        "images": [
            {
                "file": "a.jpg",
                "width": 64,
                "height": 48,
                "detections": [
                    {
                        "box": [1.0, 2.0, 31.25, 42.5],
                        "score": 0.75,
                        "label": 10,
                        "name": "fire hydrant",
                        "category_id": 11,
                    },
                    {
                        "box": [0.0, 0.0, 10.0, 20.0],
                        "score": 0.12346,
                        "label": 11,
                        "name": "stop sign",
                        "category_id": 13,
                    },
                ],
            },
            {
                "file": "film.mp4",
                "frame": 0,
                "time": 0.333,
                "width": 64,
                "height": 48,
                "detections": [],
            },
        ],
        "fps": 29.5,
        "stage_ms": {"run": 3.25},
    }


def test_the_order_of_keys_is_that_of_the_contract(tmp_path, two):
    path = tmp_path / "out.json"
    with open_results(path, "coco", coco_classes()) as results:
        results.add("a.jpg", 48, 64, two, frame=3, time_s=0.1)
        results.finish()
    written = json.loads(path.read_text())
    assert list(written) == ["model", "images"]
    keys = ["file", "frame", "time", "width", "height", "detections"]
    assert list(written["images"][0]) == keys


def test_no_image_is_an_empty_list(tmp_path):
    with open_results(tmp_path / "out.json", "coco", coco_classes()) as results:
        results.finish()
    assert json.loads((tmp_path / "out.json").read_text()) == {"model": "coco", "images": []}


@pytest.mark.parametrize(
    "text", ['say "cheese"', "back\\slash", "line\nbreak", "Ünïcode 鵞 🦆", "\udcff.jpg", ""]
)
def test_any_name_survives(tmp_path, text):
    path = tmp_path / "out.json"
    one = Detections(np.zeros((1, 4)), np.ones(1), np.zeros(1, np.int64))
    with open_results(path, text, ClassMap((text,))) as results:
        results.add(text, 48, 64, one)
        results.finish(**{text: text})
    written = json.loads(path.read_text(encoding="utf-8"))
    image = written["images"][0]
    assert written["model"] == image["file"] == written[text] == text
    assert image["detections"][0]["name"] == text


def test_an_exception_in_the_block_leaves_no_file(tmp_path, two):
    with (
        pytest.raises(RuntimeError),
        open_results(tmp_path / "out.json", "coco", coco_classes()) as results,
    ):
        results.add("a.jpg", 48, 64, two)
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_file_is_the_users_to_fix(tmp_path):
    with (
        pytest.raises(UserError, match="it is a folder"),
        open_results(tmp_path, "coco", coco_classes()),
    ):
        pass


def test_numbers_are_those_of_json_not_of_numpy(two):
    found = readable(two, coco_classes())[0]
    assert [type(found[key]) for key in ("score", "label", "category_id")] == [float, int, int]
    assert {type(edge) for edge in found["box"]} == {float}


def test_coco_results_hold_corner_and_size_and_the_data_sets_ids(two):
    results = coco_results(42, two, coco_classes())
    assert [(r["image_id"], r["category_id"], r["bbox"]) for r in results] == [
        (42, 11, [1.0, 2.0, 30.25, 40.5]),
        (42, 13, [0.0, 0.0, 10.0, 20.0]),
    ]
    np.testing.assert_array_equal([r["score"] for r in results], two.scores)


def test_an_entry_names_its_image_where_it_is_told(two):
    entry = coco_results("a/1.jpg", two, coco_classes(), "a/1.jpg")[0]
    assert (entry["image_id"], entry["file_name"]) == ("a/1.jpg", "a/1.jpg")


@given(st.lists(st.text("01a./", min_size=1, max_size=6), unique=True, max_size=8))
def test_no_two_images_have_one_id(names):
    paths = list(dict.fromkeys(Path(name) for name in names if Path(name).name))
    ids = coco_image_ids(paths)
    assert len(set(ids.values())) == len(paths)


def test_a_name_with_more_digits_than_an_integer_holds_is_a_text():
    names = [Path("123456789012345678.jpg"), Path("20260101120000000000001.jpg")]
    assert list(coco_image_ids(names).values()) == [123456789012345678, names[1].stem]


def test_coco_results_can_be_written_as_json(two):
    assert json.loads(json.dumps(coco_results("a", two, coco_classes())))[1]["image_id"] == "a"


def test_nothing_found_gives_empty_results():
    assert readable(NOTHING, coco_classes()) == coco_results(1, NOTHING, coco_classes()) == []
