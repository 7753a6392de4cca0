"""Images that EXIF turns: truth and detections in one frame, that of the annotation."""

import json

import numpy as np
import pytest
from PIL import Image

from detector.data.open import open_dataset
from detector.data.orientation import read_sample, to_upright
from detector.types import Detections
from eval.coco import main as coco_main
from eval.report.error_gallery import all_in_one
from eval.scoring.confusion import judge_all
from eval.scoring.evaluator import FIGURES, evaluate
from eval.scoring.inference import predict_all, score_file


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_file_of_detections_is_scored_in_the_frame_of_the_annotation(turned_set, orientation):
    """Truth and results in the stored frame, whatever EXIF says: as pycocotools has it."""
    folder = turned_set(orientation, found=[0, 0, 64, 10])
    eval_set = score_file(folder / "found.json", str(folder))
    assert evaluate(eval_set).figures["AP"] == pytest.approx(1)
    assert "images_in_another_frame" not in eval_set.settings


def test_detections_that_look_drawn_on_the_upright_image_are_told(turned_set):
    folder = turned_set(6, found=[38, 0, 10, 64])
    eval_set = score_file(folder / "found.json", str(folder))
    assert evaluate(eval_set).figures["AP"] == 0
    assert eval_set.settings["images_in_another_frame"] == 1


@pytest.mark.parametrize("frame", ["stored", "upright"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_a_model_found_is_in_the_frame_of_the_annotation(turned_set, orientation, frame):
    """A perfect detector: it gives the annotated object in pixels of the upright image."""
    folder = turned_set(orientation)
    truth = folder / "annotations" / "instances.json"
    if frame == "upright":
        _, upright = read_sample(open_dataset(folder)[0])
        content = json.loads(truth.read_text())
        content["images"][0] |= {"width": upright.width, "height": upright.height}
        x1, y1, x2, y2 = upright.boxes[0].tolist()
        content["annotations"][0]["bbox"] = [x1, y1, x2 - x1, y2 - y1]
        truth.write_text(json.dumps(content))
    dataset = open_dataset(folder, as_annotated=True)
    [(sample, found)] = predict_all(lambda: perfect_on(dataset), dataset)
    np.testing.assert_array_equal(sample.boxes, dataset[0].boxes)
    np.testing.assert_array_equal(found.boxes, dataset[0].boxes)


def perfect_on(dataset):
    """Finds, as a predictor does, in pixels of the upright image what is annotated there."""
    box = read_sample(dataset[0])[1].boxes

    def predict(image):
        return Detections(box, np.ones(1, np.float32), np.zeros(1, np.int64))

    return predict


@pytest.fixture
def turned_set(tmp_path):
    """Writes an image that EXIF turns, annotated as it is stored: `turned_set(orientation)`."""

    def make(orientation, found=(0, 0, 64, 10)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.new("RGB", (64, 48)).save(tmp_path / "a.jpg", exif=exif)
        truth = {
            "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
            "annotations": [
                {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 64, 10], "area": 640}
            ],
            "categories": [{"id": 1, "name": "cat"}],
        }
        rows = [{"image_id": 1, "category_id": 1, "bbox": list(found), "score": 0.9}]
        folder = tmp_path / "annotations"
        folder.mkdir()
        (folder / "instances.json").write_text(json.dumps(truth))
        (tmp_path / "found.json").write_text(json.dumps(rows))
        return tmp_path

    return make


@pytest.mark.parametrize("frame", ["stored", "upright"])
def test_a_model_and_what_it_saved_have_the_same_figures(exported, tmp_path, frame):
    """To the last digit, on images that EXIF turns too."""
    images, annotations = [], []
    for number, orientation in enumerate((1, 3, 5, 6, 7, 8), start=1):
        pixels = np.random.default_rng(number).integers(0, 256, (48, 64, 3), np.uint8)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(tmp_path / f"{number}.png", exif=exif)
        lies = frame == "stored" or orientation < 5
        width, height = (64, 48) if lies else (48, 64)
        size = {"width": width, "height": height}
        images.append({"id": number, "file_name": f"{number}.png", **size})
        box = [0, 0, width / 2, height / 2]
        one = {"id": number, "image_id": number, "category_id": 1, "bbox": box, "area": 768}
        annotations.append(one)
    truth = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "b"}]}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    arguments = [str(tmp_path / "truth.json"), "--json"]
    model, saved = str(exported / "model.tflite"), str(tmp_path / "saved.json")
    assert coco_main([model, *arguments, str(tmp_path / "a.json"), "--save-detections", saved]) == 0
    assert coco_main(["--detections", saved, *arguments, str(tmp_path / "b.json")]) == 0
    a, b = (json.loads((tmp_path / name).read_text()) for name in ("a.json", "b.json"))
    assert {name: a[name] for name in FIGURES} == {name: b[name] for name in FIGURES}
    assert a["per_class"] == b["per_class"]
    sizes = {one["id"]: (one["width"], one["height"]) for one in images}
    for one in json.loads((tmp_path / "saved.json").read_text()):
        x, y, width, height = one["bbox"]
        right, bottom = sizes[one["image_id"]]
        assert x + width <= right + 1e-3
        assert y + height <= bottom + 1e-3


def test_a_page_shows_boxes_on_the_upright_image(turned_set):
    folder = turned_set(6, found=[0, 0, 64, 10])
    eval_set = score_file(folder / "found.json", str(folder))
    [image] = eval_set.images
    assert to_upright(image.detections.boxes, image.sample).tolist() == [[38, 0, 48, 64]]
    assert len(all_in_one([(image, judge_all(eval_set, 0.5)[0])], ["cat"])) == 1
