import contextlib
import io
import json
import os
from dataclasses import asdict, replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from detector.classes import ClassMap
from eval.scoring.evaluator import FIGURES, evaluate, meanings


def bare_script(truth_file, results_file, names):
    """COCO's figures as anybody computes them: pycocotools and nothing of ours."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(truth_file))
        found = truth.loadRes(str(results_file))
        evaluation = COCOeval(truth, found, "bbox")
        evaluation.params.catIds = truth.getCatIds(catNms=names)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats.tolist()


def test_the_figures_equal_a_bare_script_bit_for_bit(test_data, reference, voc_names):
    wanted = bare_script(
        test_data / "data/coco/annotations/instances_val2017.json",
        test_data / "weights/reference_detections_val2017.json",
        voc_names,
    )
    assert list(evaluate(reference).figures.values()) == wanted
    assert wanted[:3] == pytest.approx([0.341, 0.518, 0.381], abs=5e-4)


def test_a_perfect_detector_has_ap_1(set_of, sample_of, found_of):
    boxes = [[10, 10, 20, 20], [100, 100, 300, 300]]
    eval_set = set_of((sample_of(1, boxes, [0, 1]), found_of(boxes, [0.9, 0.8], [0, 1])))
    report = evaluate(eval_set)
    assert report.figures["AP"] == pytest.approx(1)
    assert report.figures["APs"] == pytest.approx(1)
    assert report.figures["APm"] == -1  # there is no medium object
    assert report.per_class["cat"].APl == -1
    assert report.per_class["dog"].objects == 1


def test_a_class_without_objects_is_not_averaged_in(set_of, sample_of, found_of):
    box = [[10, 10, 60, 60]]
    eval_set = set_of((sample_of(1, box, [0]), found_of(box * 2, [0.9, 0.8], [0, 1])))
    report = evaluate(eval_set)
    assert report.figures["AP"] == pytest.approx(1)
    assert report.per_class["dog"].AP == -1
    assert report.per_class["dog"].detections == 1


@pytest.mark.parametrize("mark", ["crowd", "difficult"])
def test_detections_on_ignored_objects_count_neither_way(set_of, sample_of, found_of, mark):
    """Any number of detections may lie in a crowd; here both outscore the good one."""
    boxes = [[10, 10, 60, 60], [200, 200, 400, 400]]
    inside = [[210, 210, 300, 300], [250, 250, 390, 390], [10, 10, 60, 60]]
    found = found_of(inside, [0.9, 0.8, 0.7], [0, 0, 0])
    ignored = set_of((sample_of(1, boxes, [0, 0], **{mark: [1]}), found))
    counted = set_of((sample_of(1, boxes[:1], [0]), found))
    assert evaluate(ignored).figures["AP"] == pytest.approx(1)
    assert evaluate(counted).figures["AP"] == pytest.approx(1 / 3, abs=0.01)
    assert evaluate(ignored).per_class["cat"].objects == 1


def test_nothing_found_is_ap_0(set_of, sample_of, found_of):
    eval_set = set_of((sample_of(1, [[10, 10, 60, 60]], [0]), found_of()))
    for backend in ("pycocotools", "fast"):
        assert evaluate(eval_set, backend).figures["AP"] == 0


def test_the_first_object_can_be_found(set_of, sample_of, found_of):
    """pycocotools takes an annotation with the id 0 for unmatched."""
    box = [[10, 10, 60, 60]]
    eval_set = set_of((sample_of(0, box, [0]), found_of(box, [0.9], [0])))
    assert evaluate(eval_set).figures["AP50"] == pytest.approx(1)


def test_images_named_by_text_are_scored(set_of, sample_of, found_of):
    box = [[10, 10, 60, 60]]
    images = [(sample_of(name, box, [0]), found_of(box, [0.9], [0])) for name in ("b", "a")]
    assert evaluate(set_of(*images)).figures["AP"] == pytest.approx(1)


def assert_same(one, other):
    """To 15 digits: pycocotools adds 2e-16 to the divisor of a precision, the other does not."""
    assert dict(one.figures) == pytest.approx(dict(other.figures), rel=0, abs=1e-15)
    for name, figures in one.per_class.items():
        assert asdict(figures) == pytest.approx(asdict(other.per_class[name]), rel=0, abs=1e-15)


@pytest.mark.parametrize("seed", range(5))
def test_the_fast_back_end_has_the_same_figures(random_set_of, seed):
    eval_set = random_set_of(seed)
    assert_same(evaluate(eval_set), evaluate(eval_set, "fast"))


def test_the_fast_back_end_has_the_same_figures_on_a_large_set(random_set_of):
    """As large as COCO's val2017 in `make proofs`: 500,000 detections; a twentieth here."""
    images = 5000 if os.environ.get("SSDLITE_PROOFS") else 250
    eval_set = random_set_of(0, images, classes=80, objects=14, found=100)
    assert_same(evaluate(eval_set), evaluate(eval_set, "fast"))


def test_the_fast_back_end_has_the_same_figures_on_real_detections(reference):
    assert_same(evaluate(reference), evaluate(reference, "fast"))


def test_per_class_figures_are_those_of_each_class_alone(random_set_of):
    eval_set = random_set_of(0)
    whole = evaluate(eval_set)
    for label, name in enumerate(eval_set.classes.names):
        images = []
        for one in eval_set.images:
            sample = one.sample.objects(one.sample.labels == label)
            found = one.detections[one.detections.labels == label]
            images.append(
                replace(
                    one,
                    sample=replace(sample, labels=np.zeros(len(sample), np.int64)),
                    detections=replace(found, labels=np.zeros(len(found), np.int64)),
                )
            )
        alone = replace(eval_set, classes=ClassMap((name,)), images=images)
        figures = evaluate(alone).figures
        of_class = whole.per_class[name]
        for figure in ("AP", "AP50", "AP75", "APs", "APm", "APl"):
            assert getattr(of_class, figure) == pytest.approx(figures[figure], abs=1e-12)
        assert vars(of_class)["AR"] == pytest.approx(figures["AR100"], abs=1e-12)


def test_the_report_as_json(random_set_of):
    content = json.loads(json.dumps(evaluate(random_set_of(1)).as_json()))
    assert list(content)[:12] == list(FIGURES)
    assert set(content["per_class"]) == {"class 0", "class 1", "class 2"}
    assert content["settings"]["backend"] == "pycocotools"


@pytest.fixture
def crowded(set_of, sample_of, found_of):
    """An image of 144 objects of a class in 12 rows, all found, the worst of them last."""
    rows, columns = np.mgrid[:12, :12].reshape(2, -1)
    corners = np.stack([columns, rows], axis=1) * 50.0
    boxes = np.concatenate([corners, corners + 40], axis=1)
    scores = np.linspace(0.9, 0.2, 144)
    labels = np.zeros(144, np.int64)
    return set_of((sample_of(1, boxes, labels), found_of(boxes, scores, labels)))


def with_most(eval_set, most):
    return replace(eval_set, settings={**eval_set.settings, "max_detections": most})


@pytest.mark.parametrize("backend", ["pycocotools", "fast"])
def test_of_144_objects_in_an_image_100_are_scored_unless_more_are_asked_for(crowded, backend):
    report = evaluate(crowded, backend)
    assert report.figures["AR100"] == pytest.approx(100 / 144)
    assert report.figures["AP"] < 0.7
    assert report.settings["detections_not_scored"] == 44
    more = evaluate(with_most(crowded, 200), backend)
    assert more.figures["AP"] == pytest.approx(1)
    assert more.figures["AR200"] == pytest.approx(1)
    assert "AR100" not in more.figures
    assert "detections_not_scored" not in more.settings


@pytest.mark.parametrize("most", [100, 101, 300])
@pytest.mark.parametrize("seed", range(3))
def test_the_fast_back_end_has_the_same_figures_at_any_number(random_set_of, seed, most):
    eval_set = with_most(random_set_of(seed, 4, 2, objects=150, found=300), most)
    assert_same(evaluate(eval_set), evaluate(eval_set, "fast"))


def test_the_number_of_detections_stands_in_the_names_of_figures(crowded):
    content = evaluate(with_most(crowded, 200)).as_json()
    assert list(content)[:12] == [*list(FIGURES)[:8], "AR200", *list(FIGURES)[9:]]
    assert "AR200" in content["per_class"]["cat"]
    assert "AR100" not in content["per_class"]["cat"]
    assert meanings(200)["ARs"] == "AR200 of small objects"
