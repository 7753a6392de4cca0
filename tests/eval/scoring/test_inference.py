import json
import shutil

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.images import read_image
from detector.predictor import Predictor
from detector.types import Detections
from eval.coco import main as coco_main
from eval.scoring.coco_form import results
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import predict_all, score, score_file
from eval.voc import main as voc_main
from tests.bench.bench_unseen import UNSEEN, of_images


def test_figures_do_not_depend_on_the_machine(exported):
    with pytest.raises(UserError, match="must not depend on the machine: name a format"):
        score(str(exported), "nowhere", runtime="auto")


@pytest.mark.keras
def test_the_20_class_weights_have_the_references_figures(test_data, reference):
    """The independent reference: AP 0.341, AP50 0.518 on its 20 categories."""
    weights = test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"
    eval_set = score(str(weights), f"{test_data}/data/coco:val")
    figures = evaluate(eval_set).figures
    assert len(eval_set.classes) == 20
    assert figures["AP"] == pytest.approx(0.341, abs=0.002)
    assert figures["AP50"] == pytest.approx(0.518, abs=0.003)
    for name, value in evaluate(reference).figures.items():
        assert figures[name] == pytest.approx(value, abs=0.003)
    assert eval_set.settings["runtime"] == "keras"
    assert eval_set.settings["score_threshold"] == 0.001


def test_the_reference_has_the_figures_of_the_docs_on_images_it_was_not_trained_on(reference):
    """docs/benchmarks.md, "Images that the weights have seen"."""
    unseen = evaluate(of_images(reference, UNSEEN.__contains__))
    others = evaluate(of_images(reference, lambda one: one not in UNSEEN))
    assert unseen.figures["AP"] == pytest.approx(0.397, abs=0.002)
    assert unseen.figures["AP50"] == pytest.approx(0.551, abs=0.003)
    assert others.figures["AP"] == pytest.approx(0.362, abs=0.002)
    assert sum(one.objects for one in unseen.per_class.values()) == 156


@pytest.fixture
def two_images(tmp_path):
    noise = np.random.default_rng(0)
    for stem in ("a", "b"):
        pixels = noise.integers(0, 256, (48, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{stem}.png")
        (tmp_path / f"{stem}.xml").write_text(
            "<annotation><object><name>b</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
            "<xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
        )
    return tmp_path


@pytest.mark.parametrize("runtime", ["keras", "tflite", "onnx"])
def test_threads_give_each_image_its_own_detections(exported, two_images, runtime):
    eval_set = score(str(exported), str(two_images), runtime=runtime)
    alone = Predictor.load(str(exported), runtime=runtime, score_threshold=0.001)
    assert [one.sample.image_id for one in eval_set.images] == ["a", "b"]
    assert eval_set.settings["runtime"] == runtime
    for one in eval_set.images:
        wanted = alone(read_image(one.sample.path))
        wanted = wanted[wanted.labels == 1]  # the data set lacks the other class
        np.testing.assert_allclose(one.detections.boxes, wanted.boxes, atol=1e-3)
        np.testing.assert_allclose(one.detections.scores, wanted.scores, atol=1e-5)
        assert set(one.detections.labels.tolist()) == {0}


@pytest.fixture
def merging(exported, tmp_path):
    """The small model of classes a and b, trained with c and d taken for b."""
    folder = shutil.copytree(exported, tmp_path / "merging")
    described = json.loads((folder / "detector.json").read_text())
    described["class_choice"] = {"classes": ["a", "b"], "merge": {"b": ["c", "d"]}}
    (folder / "detector.json").write_text(json.dumps(described))
    return folder


@pytest.mark.parametrize("name", ["b", "c", "d"])
def test_truth_has_the_classes_taken_for_one_that_the_model_takes_so(merging, two_images, name):
    for file in two_images.glob("*.xml"):
        other = "<object><name>e</name><bndbox><xmin>5</xmin><ymin>5</ymin>"
        other += "<xmax>30</xmax><ymax>40</ymax></bndbox></object></annotation>"
        text = file.read_text().replace(">b<", f">{name}<").replace("</annotation>", other)
        file.write_text(text)
    eval_set = score(str(merging), str(two_images), runtime="tflite")
    assert eval_set.classes.names == ("b",)
    assert [one.sample.labels.tolist() for one in eval_set.images] == [[0], [0]]
    assert eval_set.settings["merged"] == "c and d as b"
    assert sum(len(one.detections) for one in eval_set.images) > 0


def test_either_command_says_what_is_merged(merging, two_images, capsys):
    for measure in (coco_main, voc_main):
        assert measure([str(merging), str(two_images), "--runtime", "tflite"]) == 0
        assert "merged c and d as b" in capsys.readouterr().out


def test_a_model_of_classes_as_they_are_says_nothing_of_merging(exported, two_images):
    assert "merged" not in score(str(exported), str(two_images), runtime="tflite").settings
    assert "class_choice" not in (exported / "detector.json").read_text()


def test_more_detections_are_given_and_scored_where_more_are_asked_for(
    exported, two_images, capsys, tmp_path
):
    command = [str(exported), str(two_images), "--runtime", "tflite"]
    counts = []
    for more in ([], ["--max-dets", "150"]):
        assert coco_main([*command, "--json", str(tmp_path / "figures.json"), *more]) == 0
        figures = json.loads((tmp_path / "figures.json").read_text())
        settings = figures["settings"]
        counts.append((settings["max_detections"], settings["images_at_max_detections"]))
    assert counts == [(100, 2), (150, 2)]
    assert "AR150" in figures
    assert figures["AP"] >= 0  # pycocotools has none at other numbers than 100
    said = capsys.readouterr().out
    reached = "2 of 2 images reached max_detections (100, COCO's own)"
    assert f"{reached}; eval --max-dets N raises it" in said
    assert "AR100   " in said
    assert "average recall with 150 detections per image, of each class" in said


@pytest.mark.parametrize("measure", [coco_main, voc_main], ids=["coco", "voc"])
def test_nms_is_class_agnostic_where_asked_for_and_says_so(exported, two_images, tmp_path, measure):
    command = [str(exported), str(two_images), "--runtime", "tflite", "--agnostic"]
    assert measure([*command, "--json", str(tmp_path / "figures.json")]) == 0
    settings = json.loads((tmp_path / "figures.json").read_text())["settings"]
    assert settings["class_agnostic"] is True
    plain, across = (
        score(str(exported), str(two_images), runtime="tflite", max_dets=1000, agnostic=agnostic)
        for agnostic in (False, True)
    )
    assert "class_agnostic" not in plain.settings
    for one, other in zip(plain.images, across.images, strict=True):
        assert len(other.detections) < len(one.detections)


@pytest.mark.parametrize("measure", [coco_main, voc_main], ids=["coco", "voc"])
def test_images_are_looked_at_in_tiles_where_asked_for(exported, two_images, tmp_path, measure):
    command = [str(exported), str(two_images), "--runtime", "tflite", "--slice", "64"]
    assert measure([*command, "--json", str(tmp_path / "figures.json")]) == 0
    settings = json.loads((tmp_path / "figures.json").read_text())["settings"]
    assert settings["slice"] == "tiles of 64 px that overlap by 25% (as asked for)"


def test_a_voc_file_has_no_most_detections(two_images, tmp_path):
    (tmp_path / "found.json").write_text("[]")
    command = ["--detections", str(tmp_path / "found.json"), str(two_images), "--max-dets", "200"]
    with pytest.raises(UserError, match="--max-dets belongs to a MODEL"):
        voc_main(command)


def test_an_unreadable_image_ends_the_measurement(exported, two_images):
    (two_images / "b.png").write_bytes(b"broken")
    predictor = Predictor.load(str(exported), runtime="tflite")
    with pytest.raises(UserError, match=r"cannot read .*b\.png"):
        predict_all(lambda: predictor, open_dataset(two_images))


@pytest.fixture
def without_object(tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg")
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "found.json").write_text("[]")
    return tmp_path


def test_data_without_an_object_is_one_line(without_object):
    with pytest.raises(UserError, match="holds no object of the classes to score"):
        score_file(without_object / "found.json", str(without_object / "truth.json"))


@pytest.fixture(params=["COCO", "YOLO"])
def repeating(request, tmp_path):
    """Two images of one id, an object in each: as exports count, and as names go."""
    for split, x in (("train", 0), ("valid", 32)):
        folder = tmp_path / "data" / split
        noise = np.random.default_rng(x).integers(0, 256, (48, 64, 3), np.uint8)
        if request.param == "COCO":
            folder.mkdir(parents=True)
            entry = {"id": 1, "file_name": "1.jpg", "width": 64, "height": 48}
            one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x, 0, 32, 48], "area": 1536}
            content = {"images": [entry], "annotations": [one]}
            content["categories"] = [{"id": 1, "name": "cat"}]
            (folder / "_annotations.coco.json").write_text(json.dumps(content))
        else:
            folder = tmp_path / "data" / "images" / split
            labels = tmp_path / "data" / "labels" / split
            folder.mkdir(parents=True)
            labels.mkdir(parents=True)
            (labels / "1.txt").write_text(f"0 {(x + 16) / 64} 0.5 0.5 1\n")
        Image.fromarray(noise).save(folder / "1.jpg")
    return tmp_path / "data"


def test_saved_detections_are_not_mixed_up_where_ids_repeat(repeating, tmp_path):
    dataset = open_dataset(repeating)
    assert len({sample.image_id for sample in dataset}) == 1
    images = [
        EvalImage(one, Detections(one.boxes, np.ones(1, np.float32), np.zeros(1, int)))
        for one in dataset
    ]
    saved = tmp_path / "found.json"
    perfect = EvalSet("perfect", "data", dataset.classes, images, {})
    saved.write_text(json.dumps(results(perfect, own_ids=True)))
    again = score_file(saved, str(repeating))
    assert [len(one.detections) for one in again.images] == [1, 1]
    assert evaluate(again).figures["AP"] == pytest.approx(1)
    assert "1, 2, ..." in again.settings["image_ids"]


def test_results_of_detect_are_scored_on_voc_with_numbers_for_names(two_images, tmp_path):
    for stem, number in (("a", "000001"), ("b", "000002")):
        for suffix in (".png", ".xml"):
            (two_images / f"{stem}{suffix}").rename(two_images / f"{number}{suffix}")
    found = [
        {"image_id": i, "category_id": 1, "bbox": [0, 0, 30, 40], "score": 0.5} for i in (1, 2)
    ]
    (tmp_path / "found.json").write_text(json.dumps(found))
    eval_set = score_file(tmp_path / "found.json", str(two_images))
    assert evaluate(eval_set).figures["AP"] == pytest.approx(1)
    assert "image_ids" not in eval_set.settings
