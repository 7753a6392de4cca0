"""Figures of files are pycocotools' own on the same files, to the last digit that a file holds."""

import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from eval.scoring.evaluator import evaluate
from eval.scoring.inference import score_file
from eval.scoring.matching import find_outcomes
from eval.scoring.voc_protocol import voc_figures

SETS = 1000 if os.environ.get("SSDLITE_PROOFS") else 40
IDS = (1, 3, 7)
SIZES = ((32, 32), (64, 16), (96, 96), (192, 48), (28.4, 36.06), (26.8, 112.38), (59.12, 27.9))


def pycocotools(truth: dict[str, Any], found: list[dict[str, Any]]) -> list[float]:
    """The twelve figures, of the content of two files and nothing of ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()
        coco.dataset = truth
        coco.createIndex()
        evaluation: Any = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats.tolist()


class Case:
    """A data set and a results file on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        Image.new("RGB", (300, 300)).save(folder / "a.png")

    def of(self, objects: list[dict[str, Any]], found: list[dict[str, Any]], images=(1, 2, 3, 4)):
        """Write both; objects get ids, areas and flags unless they have them."""
        entry = {"file_name": "a.png", "width": 300, "height": 300}
        named = [{"id": number, "name": f"class {number}"} for number in IDS]
        for number, one in enumerate(objects, start=1):
            area = one["bbox"][2] * one["bbox"][3]
            one |= {"id": number, "area": area, "iscrowd": 0} | one
        truth = {
            "images": [{"id": image_id, **entry} for image_id in images],
            "annotations": objects,
            "categories": named,
        }
        (self.folder / "truth.json").write_text(json.dumps(truth))
        (self.folder / "found.json").write_text(json.dumps(found))
        return score_file(self.folder / "found.json", str(self.folder / "truth.json"))

    def wanted(self) -> list[float]:
        """Pycocotools' figures; it knows nothing of `difficult`, so that is a crowd to it."""
        truth = json.loads((self.folder / "truth.json").read_text())
        for one in truth["annotations"]:
            one["iscrowd"] = int(one["iscrowd"] or one.get("difficult", 0))
        return pycocotools(truth, json.loads((self.folder / "found.json").read_text()))


@pytest.fixture
def case(tmp_path):
    return Case(tmp_path)


def thing(bbox, image_id=1, **more):
    return {"image_id": image_id, "category_id": 1, "bbox": bbox, **more}


def box_near(bbox: list[float], rng: np.random.Generator) -> list[float]:
    """A box whose IoU with another lies at a threshold, or that is it, or lies beside it."""
    x, y, w, h = bbox
    share = float(rng.choice([0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]))
    kinds = [
        [x, y, w * share, h],
        [x, y, w, round(h * share, 2)],
        [x, y, w / share, h],
        [x, y, w, h],
        [x + 0.5, y - 0.5, w, h],
        [x + w * (1 - share) / (1 + share), y, w, h],
        [x, y, -1e-6, h],
        [x, y, 0, h],
    ]
    weights = np.array([4, 4, 2, 2, 2, 2, 0.3, 0.3])
    return [float(value) for value in kinds[rng.choice(len(kinds), p=weights / weights.sum())]]


def random_content(seed: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Objects and detections that lie on thresholds: IoU, area, equal scores."""
    rng = np.random.default_rng(seed)
    objects, found = [], []
    decimals = int(rng.integers(0, 4))
    for image_id in range(1, 5):
        for _ in range(int(rng.integers(0, 6))):
            grid = rng.uniform(0, 100, 2)
            x, y = (np.round(2 * grid) / 2 if decimals == 0 else grid.round(decimals)).tolist()
            w, h = SIZES[rng.integers(len(SIZES))]
            one = thing([x, y, w, h], image_id, category_id=int(rng.choice(IDS)))
            marks = ("iscrowd", "ignore", "difficult")
            one |= {mark: 1 for mark in marks if rng.random() < 0.1}
            areas = [w * h, 32**2, 96**2, 1024.0000001, 1023.99999999, 9216.000001]
            one["area"] = float(
                areas[min(int(rng.integers(0, 12)), 5) if rng.random() < 0.5 else 0]
            )
            objects.append(one)
            for _ in range(int(rng.integers(0, 4))):
                number = int(one["category_id"] if rng.random() < 0.9 else rng.choice([1, 3, 99]))
                near = thing(box_near(one["bbox"], rng), image_id, category_id=number)
                found.append({**near, "score": float(rng.choice([0.1, 0.3, 0.5, 0.7, 0.9]))})
    objects.append(thing([5, 5, 32, 32]))  # one at least that counts, and one detection
    found.append({**thing([5, 5, 32, 32]), "score": 0.5})
    rng.shuffle(found)  # pyright: ignore[reportArgumentType]
    return objects, found


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SETS, 40))
def test_sets_on_the_thresholds_have_the_figures_of_pycocotools(case, first):
    """Halves, decimals, areas at 32 and 96 squared, equal scores, crowds; both back ends."""
    for seed in range(first, first + 40):
        eval_set = case.of(*random_content(seed))
        wanted = case.wanted()
        assert list(evaluate(eval_set).figures.values()) == wanted, f"set {seed}"
        fast = list(evaluate(eval_set, "fast").figures.values())
        assert fast == pytest.approx(wanted, rel=0, abs=1e-12), f"set {seed}, fast"
        # What the pages show of the same set: curves, TIDE, intervals rest on these.
        outcomes = find_outcomes(eval_set)
        assert mean_ap(outcomes) == pytest.approx(wanted[0], abs=1e-12), f"set {seed}, outcomes"


def mean_ap(outcomes) -> float:
    from eval.scoring.curves import curve_of

    there = [one for one in outcomes if one.objects[0].any()]
    return float(np.mean([curve_of(one, level=level).ap for one in there for level in range(10)]))


HALVES = {
    "of 26.8, just under": ([42.04, 76.94, 26.8, 112.38], [42.04, 76.94, 13.4, 112.38]),
    "of 59.12, just reached": ([15.92, 72.68, 59.12, 27.9], [15.92, 72.68, 29.56, 27.9]),
    "of 61.4, in height": ([10.3, 7.77, 20.2, 61.4], [10.3, 7.77, 20.2, 30.7]),
    "of 50.1, at 0.1": ([0.1, 0.1, 50.1, 8.1], [0.1, 0.1, 25.05, 8.1]),
}


@pytest.mark.parametrize("name", HALVES)
def test_half_a_box_fits_or_not_as_for_pycocotools(case, name):
    """IoU is 0.5 on paper; in float64 the file's numbers fall on one side or the other."""
    truth, found = HALVES[name]
    eval_set = case.of([thing(truth)], [thing(found, score=0.5)])
    wanted = case.wanted()
    assert list(evaluate(eval_set).figures.values()) == wanted
    # VOC's protocol has the same IoU at the same threshold.
    figures = voc_figures(eval_set)["class 1"]
    assert [figures.ap_11_points, figures.ap_all_points] == pytest.approx([wanted[1]] * 2)


def test_half_a_box_can_be_reached(case):
    truth, found = HALVES["of 59.12, just reached"]
    eval_set = case.of([thing(truth)], [thing(found, score=0.5)])
    assert voc_figures(eval_set)["class 1"].ap_all_points == 1


@pytest.mark.parametrize("corner", [[57.3, 21.8], [0.1, 0.7], [33.3, 100.01]])
@pytest.mark.parametrize("side", [32, 96])
def test_a_detection_of_32_or_96_squared_lies_on_the_edge_of_two_sizes(case, corner, side):
    """It matches nothing, and so is out of account where it is out of the range."""
    objects = [thing([150, 150, 20, 20], 2), thing([150, 150, 200, 200], 3)]
    objects.append(thing([150, 150, 50, 50], 4))
    near = [thing(one["bbox"], one["image_id"], score=0.4) for one in objects]
    eval_set = case.of(objects, [thing([*corner, side, side], score=0.5), *near])
    assert list(evaluate(eval_set).figures.values()) == case.wanted()


ODD = {
    "category 1.0": {"category_id": 1.0},
    "image 1.0": {"image_id": 1.0},
    "a width of -1e-6": {"bbox": [10, 10, -1e-6, 40]},
    "a height below 0": {"bbox": [10, 10, 40, -3]},
    "both below 0": {"bbox": [50, 50, -40, -40]},
    "no width": {"bbox": [10, 10, 0, 40]},
    "an unknown category": {"category_id": 99},
    "a category's name": {"category_id": "class 1"},
    "a score above 1": {"score": 37.5},
}


@pytest.mark.parametrize("name", ODD)
def test_what_is_odd_in_results_counts_as_for_pycocotools(case, name):
    objects = [thing([10, 10, 40, 40]), thing([90, 90, 50, 50]), thing([10, 10, 40, 40], 2)]
    good = [thing(one["bbox"], one["image_id"], score=0.5) for one in objects]
    odd = thing([10, 10, 40, 40], score=0.9) | ODD[name]
    eval_set = case.of(objects, [*good, odd])
    wanted = case.wanted()
    for backend in ("pycocotools", "fast"):
        figures = list(evaluate(eval_set, backend).figures.values())
        assert figures == pytest.approx(wanted, rel=0, abs=1e-15)


@pytest.mark.parametrize("first", [0, -1, -7, 1])
@pytest.mark.parametrize("backend", ["pycocotools", "fast"])
def test_an_object_counts_whatever_the_id_of_its_annotation(case, first, backend):
    """Of id 0 a found object is missed to pycocotools, of negative ones to the fast back end."""
    objects = [thing([10 + 60 * i, 10, 40, 40], id=first + i) for i in range(2)]
    eval_set = case.of(objects, [thing(one["bbox"], score=0.5) for one in objects])
    assert evaluate(eval_set, backend).figures["AP"] == pytest.approx(1)


@pytest.mark.parametrize(
    "marks", [{"ignore": 1}, {"ignore": 1, "iscrowd": 1}, {"ignore": 0}, {"ignore": 1.0}]
)
def test_ignore_counts_as_for_pycocotools_and_that_is_stated(case, marks):
    """It overwrites `ignore` by `iscrowd`: an object of `ignore` alone is to be found."""
    objects = [thing([10, 10, 40, 40]), thing([90, 90, 50, 50], **marks)]
    eval_set = case.of(objects, [thing([10, 10, 40, 40], score=0.5)])
    report = evaluate(eval_set)
    assert list(report.figures.values()) == case.wanted()
    if marks["ignore"]:
        assert report.settings["ignore"].startswith("1 object")
    else:
        assert "ignore" not in report.settings


def test_a_difficult_object_counts_neither_way_and_that_is_stated(case):
    objects = [thing([10, 10, 40, 40]), thing([90, 90, 50, 50], difficult=1)]
    report = evaluate(case.of(objects, [thing([10, 10, 40, 40], score=0.5)]))
    assert report.figures["AP"] == pytest.approx(1)
    assert report.settings["difficult"].startswith("1 object counting neither way")


def test_of_equal_scores_the_file_decides_within_an_image(case):
    """The settings say so, and pycocotools does so."""
    objects = [thing([10, 10, 40, 40]), thing([10, 10, 40, 40], 2)]
    true = [thing([10, 10, 40, 40], i, score=0.5) for i in (2, 1)]
    false = [thing([200, 200, 40, 40], i, score=0.5) for i in (1, 2)]
    aps = []
    for found in ([*true, *false], [*false, *true]):
        report = evaluate(case.of(objects, found))
        assert list(report.figures.values()) == case.wanted()
        assert report.settings["equal_scores"] == "by image id, then as in the file"
        aps.append(report.figures["AP"])
    assert aps[0] > aps[1]


@pytest.mark.parametrize("names", [("b", "a"), ("10", "9"), ("img_2", "img_10")])
def test_of_images_named_by_texts_the_first_in_order_comes_first(case, names):
    """As pycocotools sorts them, whatever the order of the file is."""
    objects = [thing([10, 10, 40, 40], names[1])]
    found = [
        thing([200, 200, 40, 40], names[0], score=0.5),
        thing([10, 10, 40, 40], names[1], score=0.5),
    ]
    eval_set = case.of(objects, found, names)
    assert list(evaluate(eval_set).figures.values()) == case.wanted()


@pytest.mark.parametrize(("corner", "side"), [(57.3, 32), (0.1, 32), (33.34, 96), (100.7, 96)])
def test_a_box_of_float32_corners_has_the_size_that_a_coco_json_would_give(
    sample_of, found_of, set_of, corner, side
):
    """VOC's decimals: 89.3 - 57.3 in float32 is not 32, and an area at 32 squared flips."""
    box = [[corner, corner, round(corner + side, 2), round(corner + side, 2)]]
    image = set_of((sample_of(1, box, [0]), found_of(box, [0.5], [0]))).images[0]
    assert image.truth_xywh.tolist() == [[corner, corner, side, side]]
    assert image.truth_areas.tolist() == [side**2]
