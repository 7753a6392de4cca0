import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from eval.report.analysis import analyse
from eval.report.model_report import to_html, write_report
from eval.report.sections import training_blocks
from eval.scoring.eval_set import EvalImage
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import score_file


def report_of(folder, eval_set, report=None) -> tuple[str, dict]:
    page = write_report(folder, eval_set, report or evaluate(eval_set))
    assert page == folder / "report.html"
    return page.read_text(encoding="utf-8"), json.loads((folder / "report.json").read_text())


def with_images(folder, eval_set):
    """The same set, with a real file behind every image."""
    images = []
    for image in eval_set.images:
        path = folder / f"{image.sample.image_id}.png"
        shape = (image.sample.height, image.sample.width, 3)
        Image.fromarray(np.full(shape, 120, np.uint8)).save(path)
        images.append(EvalImage(replace(image.sample, path=path), image.detections))
    return replace(eval_set, images=images)


def sections(page: str) -> list[str]:
    return re.findall("<h2>(.*?)</h2>", page)


@pytest.fixture(scope="module")
def figures(reference):
    return evaluate(reference)


@pytest.fixture(scope="module")
def real(reference, figures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return folder, *report_of(folder, reference, figures)


def test_the_page_of_the_reference_is_whole_and_self_contained(real):
    _, page, _ = real
    assert sections(page) == [
        "Figures",
        "Where AP is lost",
        "Score threshold",
        "Classes",
        "Confusions",
        "Size and shape",
        "Images",
        "Settings",
    ]
    assert "AP 0.341, AP50 0.518" in page
    assert page.count('src="data:image/jpeg') == 15
    assert not re.search('(src|href)="(?!data:|#)', page)
    assert len(page) < 4e6


def test_its_data_say_the_same(real, reference, figures):
    _, _, data = real
    figures = figures.figures
    assert {name: data[name] for name in figures} == figures
    assert data["errors"]["ap50"] == pytest.approx(figures["AP50"])
    assert data["slices"]["coco_sizes"][0]["ap"] == pytest.approx(figures["APs"])
    assert np.mean(data["curves"]["precision50"]["dog"]) == pytest.approx(
        data["per_class"]["dog"]["AP50"], abs=1e-4
    )
    assert len(data["curves"]["recall"]) == 101
    assert np.sum(np.array(data["confusion"]["counts"])[:-1]) == 872
    assert sum(one["found"] + one["missed"] for one in data["images"]) == 872
    assert data["threshold"]["f1"] == pytest.approx(0.5227, abs=1e-4)
    assert set(data["thresholds"]) == set(reference.classes.names)


def test_its_detections_can_be_scored_again(real, test_data, reference):
    folder, _, _ = real
    names = reference.classes.names
    again = score_file(folder / "detections.json", f"{test_data}/data/coco:val", classes=names)
    for one, other in zip(again.images, reference.images, strict=True):
        assert one.detections.scores.tolist() == other.detections.scores.tolist()
        assert one.detections.labels.tolist() == other.detections.labels.tolist()
        assert one.detections.boxes_xywh.tolist() == other.detections.boxes_xywh.tolist()


def test_it_says_how_far_the_order_of_equal_scores_can_move_ap(
    tmp_path, set_of, sample_of, found_of
):
    box = [[0, 0, 200, 200]]
    pairs = [(sample_of(1, box, [0]), found_of(box, [0.5], [0]))]
    pairs.append((sample_of(2, [], []), found_of(box, [0.5], [0])))
    page, data = report_of(tmp_path, set_of(*pairs))
    assert "Of equal scores the first is taken by image id, then as the model gives them." in page
    assert "in 20 random orders AP 0.5000 … 1.0000 and AP50 0.5000 … 1.0000" in page
    assert "2 detections of a score at which some are true and some false" in page
    assert data["equal_scores"]["AP"] == pytest.approx([0.5, 1])
    assert data["settings"]["equal_scores"] == "by image id, then as the model gives them"


def test_it_says_so_where_that_order_decides_nothing(tmp_path, set_of, sample_of, found_of):
    box = [[0, 0, 200, 200]]
    page, data = report_of(tmp_path, set_of((sample_of(1, box, [0]), found_of(box, [0.9], [0]))))
    assert "No other order would change AP" in page
    assert data["equal_scores"]["shuffles"] == 0


def test_a_figure_without_objects_is_explained(tmp_path, set_of, sample_of, found_of):
    box = [[0, 0, 200, 200]]
    page, data = report_of(tmp_path, set_of((sample_of(1, box, [0]), found_of(box, [0.9], [0]))))
    assert data["APs"] == -1
    assert "there is no such object in this data set" in page
    assert "<td>APs</td><td>-</td>" in page.replace("\n", "")
    assert "classes (1 without objects)" in page


def test_where_nothing_is_detected(tmp_path, set_of, sample_of, found_of):
    eval_set = set_of((sample_of(1, [[0, 0, 200, 200]], [0]), found_of()))
    page, data = report_of(tmp_path, with_images(tmp_path, eval_set))
    assert "Nothing is found at any score" in page
    assert data["errors"]["costs"]["missed"] == 1
    assert data["thresholds"] == {"cat": None, "dog": None}
    assert page.count('src="data:image/jpeg') == 1  # the worst; none is good


def test_eighty_classes_do_not_swell_the_page(tmp_path, random_set_of):
    page, data = report_of(tmp_path, random_set_of(0, classes=80, images=60))
    assert "The 24 classes with the most objects" in page
    assert "The 24 most frequent of 80 classes" in page
    assert len(data["per_class"]) == 80
    assert len(page) < 2e6


def test_images_show_the_worst_and_the_best(tmp_path, set_of, sample_of, found_of):
    box, other = [10, 10, 200, 200], [300, 10, 500, 200]
    eval_set = set_of(
        (sample_of("good", [box], [0]), found_of([box], [0.9], [0])),
        (sample_of("bad", [box], [0]), found_of([other], [0.95], [1])),
        (sample_of("empty", [], []), found_of()),
    )
    page, _ = report_of(tmp_path, with_images(tmp_path, eval_set))
    worst, best = page.split("Worst")[1].split("Best")
    assert "bad.png: 0 found, 1 missed, 1 false positive" in worst
    assert "good.png" not in worst
    assert "good.png: 1 found, 0 missed, 0 false positives" in best
    assert "empty.png" not in page


def test_without_the_files_of_the_images_there_is_no_gallery(tmp_path, random_set_of):
    page, _ = report_of(tmp_path, random_set_of(0, classes=1))
    assert "class 0: AP50" in page
    assert "Images" not in sections(page)
    assert "Training objects" not in sections(page)  # nor are they known


def test_training_objects_are_plotted_where_they_are_known(random_set_of):
    eval_set = replace(random_set_of(0, classes=1), training_objects={"class 0": 1200})
    analysis = analyse(eval_set, evaluate(eval_set))
    assert "Training objects" in sections(to_html(analysis))
    others = replace(analysis, eval_set=replace(eval_set, training_objects={"zebra": 3}))
    assert training_blocks(others) == [
        "None of the classes that have objects here was in training."
    ]


def test_odd_class_names_do_no_harm(tmp_path, random_set_of):
    eval_set = random_set_of(0)
    names = ("$x_1$ <b>", "a" * 60, "人 & 犬")
    odd = replace(eval_set, classes=replace(eval_set.classes, names=names))
    known = replace(odd, training_objects=dict.fromkeys(names, 10))
    page, _ = report_of(tmp_path, with_images(tmp_path, known))
    assert "<b>" not in page
    assert "$x_1$ &lt;b&gt;" in page
