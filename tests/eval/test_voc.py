"""VOC's AP against an independent implementation, written from the development kit's text."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from eval.scoring.voc_protocol import voc_figures
from eval.voc import main


def devkit_ap(eval_set, label):
    """VOCevaldet.m and VOCap.m as plain loops, with their 1-based inclusive pixels."""
    truth = [_truth(image.sample, label) for image in eval_set.images]
    positives = sum(ignored.count(False) for _, ignored, _ in truth)
    found = [
        (float(one.detections.scores[row]), number, _inclusive(one.detections.boxes[row]))
        for number, one in enumerate(eval_set.images)
        for row in range(len(one.detections))
        if one.detections.labels[row] == label
    ]
    found.sort(key=lambda one: -one[0])
    verdicts = [_verdict(box, *truth[number]) for _, number, box in found]
    tp, fp = np.cumsum([v == "hit" for v in verdicts]), np.cumsum([v == "miss" for v in verdicts])
    if not len(tp) or not positives:
        return 0.0, 0.0
    recall = tp / positives
    precision = np.where(tp + fp > 0, tp / np.maximum(tp + fp, 1), 0)
    eleven = 0.0
    for level in np.arange(0, 1.1, 0.1):
        above = precision[recall >= np.round(level, 1)]
        eleven += (above.max() if len(above) else 0) / 11
    mrec = [0.0, *recall, 1.0]
    mpre = [0.0, *precision, 0.0]
    for i in range(len(mpre) - 2, -1, -1):
        mpre[i] = max(mpre[i], mpre[i + 1])
    area = sum(
        (mrec[i] - mrec[i - 1]) * mpre[i] for i in range(1, len(mrec)) if mrec[i] != mrec[i - 1]
    )
    return eleven, area


def _truth(sample, label):
    """Boxes of a class, whether each is ignored, and whether each was found already."""
    rows = [row for row in range(len(sample)) if sample.labels[row] == label]
    ignored = [bool(sample.is_difficult[row] or sample.is_crowd[row]) for row in rows]
    return [_inclusive(sample.boxes[row]) for row in rows], ignored, [False] * len(rows)


def _verdict(box, boxes, ignored, taken):
    overlaps = [_overlap(box, other) for other in boxes]
    best = int(np.argmax(overlaps)) if overlaps else -1
    if not overlaps or overlaps[best] < 0.5:
        return "miss"
    if ignored[best]:
        return "ignored"
    was_taken, taken[best] = taken[best], True
    return "miss" if was_taken else "hit"


def _inclusive(box):
    x1, y1, x2, y2 = (float(edge) for edge in box)
    return x1 + 1, y1 + 1, x2, y2


def _overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0]) + 1
    height = min(a[3], b[3]) - max(a[1], b[1]) + 1
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


@pytest.mark.parametrize("seed", range(10))
def test_ap_equals_the_development_kits(random_set_of, seed):
    eval_set = random_set_of(seed)
    for label, figures in enumerate(voc_figures(eval_set).values()):
        eleven, area = devkit_ap(eval_set, label)
        assert figures.ap_11_points == pytest.approx(eleven, abs=1e-12)
        assert figures.ap_all_points == pytest.approx(area, abs=1e-12)


def test_ap_equals_the_development_kits_on_real_detections(reference):
    for label, figures in enumerate(voc_figures(reference).values()):
        assert (figures.ap_11_points, figures.ap_all_points) == pytest.approx(
            devkit_ap(reference, label), abs=1e-12
        )


def test_two_of_three_found_with_one_miss_between(set_of, sample_of, found_of):
    """Precision 1 up to recall 1/3, then 2/3 up to 2/3, then nothing."""
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60], [100, 100, 110, 110]]
    found = found_of([boxes[0], [200, 200, 210, 210], boxes[1]], [0.9, 0.8, 0.7], [0, 0, 0])
    figures = voc_figures(set_of((sample_of(1, boxes, [0, 0, 0]), found)))["cat"]
    assert figures.ap_all_points == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert figures.ap_11_points == pytest.approx((4 * 1 + 3 * 2 / 3) / 11)
    assert (figures.objects, figures.detections) == (3, 3)


def test_difficult_objects_are_ignored(set_of, sample_of, found_of):
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60]]
    sample = sample_of(1, boxes, [0, 0], difficult=[0])
    twice = found_of([boxes[0], boxes[0], boxes[1]], [0.9, 0.8, 0.7], [0, 0, 0])
    figures = voc_figures(set_of((sample, twice)))["cat"]
    assert (figures.ap_all_points, figures.objects) == (1.0, 1)


def test_a_second_detection_of_one_object_is_a_miss(set_of, sample_of, found_of):
    boxes = [[0, 0, 10, 10], [50, 50, 60, 60]]
    found = found_of([boxes[0], boxes[0], boxes[1]], [0.9, 0.8, 0.7], [0, 0, 0])
    figures = voc_figures(set_of((sample_of(1, boxes, [0, 0]), found)))["cat"]
    assert figures.ap_all_points == pytest.approx(0.5 + 0.5 * 2 / 3)


@pytest.fixture
def inputs(tmp_path):
    """An image, its COCO JSON, detections, and what a model folder is told from."""
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    found = [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}]
    (tmp_path / "data.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text(json.dumps(found))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "detector.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        "--detections found.json data.json --json found.json",
        "--detections found.json data.json --json ./data.json",
        "--detections found.json data.json:val --json data.json",
        "model data.json --json model/detector.json",
    ],
)
def test_no_input_is_overwritten(inputs, monkeypatch, words):
    monkeypatch.chdir(inputs)
    before = {file: file.read_bytes() for file in inputs.rglob("*.json")}
    with pytest.raises(UserError, match="it is an input; name another file"):
        main(words.split())
    assert {file: file.read_bytes() for file in inputs.rglob("*.json")} == before


def test_the_command(test_data, tmp_path):
    """The images of VOC2012 found perfectly: AP 1, and nothing is lost on the way."""
    from detector.data.open import open_dataset

    dataset = open_dataset(f"{test_data}/data/VOCdevkit:val")
    found = [
        {
            "image_id": sample.image_id,
            "category_id": dataset.classes.category_ids[label],
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": 1.0,
        }
        for sample in dataset
        for (x1, y1, x2, y2), label in zip(
            sample.boxes.tolist(), sample.labels.tolist(), strict=True
        )
    ]
    (tmp_path / "found.json").write_text(json.dumps(found))
    done = subprocess.run(
        [
            *(sys.executable, "-m", "eval.voc", f"{test_data}/data/VOCdevkit:val"),
            *("--detections", tmp_path / "found.json", "--json", tmp_path / "voc.json"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    figures = json.loads((tmp_path / "voc.json").read_text())
    assert figures["mAP_all_points"] == figures["mAP_11_points"] == 1.0
    assert sum(one["objects"] for one in figures["per_class"].values()) == 70
    assert "person" in done.stdout


def test_a_dry_run_says_what_it_would_score(inputs, monkeypatch, capsys):
    monkeypatch.chdir(inputs)
    assert main("--detections found.json data.json --json new.json --dry-run".split()) == 0
    assert capsys.readouterr().out == ("would score found.json on data.json: 1 images, 1 classes\n")
    assert not (inputs / "new.json").exists()
    with pytest.raises(UserError, match="name either a MODEL to run or --detections"):
        main("data.json --dry-run".split())


def test_what_is_odd_in_a_results_file_is_said_and_recorded(inputs, monkeypatch, capsys):
    monkeypatch.chdir(inputs)
    good = {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}
    (inputs / "found.json").write_text(json.dumps([good, {**good, "category_id": 9}]))
    assert main("--detections found.json data.json --json new.json".split()) == 0
    said = "1 of 2 detections passed over, of categories that the data set lacks (9)"
    printed = capsys.readouterr().out
    assert f"  warnings: {said}" in printed
    assert "  equal_scores in the order of the images, then as in the file" in printed
    settings = json.loads((inputs / "new.json").read_text())["settings"]
    assert settings["warnings"] == said
    assert settings["equal_scores"] == "in the order of the images, then as in the file"
