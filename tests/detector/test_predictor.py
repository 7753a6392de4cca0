import json

import numpy as np
import pytest

from detector.boxes import pairwise_iou
from detector.images import read_image
from detector.predictor import Predictor

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def predictor(test_data) -> Predictor:
    weights = test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"
    return Predictor.load(str(weights), score_threshold=0.001)


def test_detections_are_those_of_the_reference_on_all_of_val2017(predictor, test_data):
    """An independent implementation's detections: see the README beside the weights."""
    path = test_data / "weights/reference_detections_val2017.json"
    wanted = [row for row in json.loads(path.read_text()) if row["score"] >= 0.3]
    by_image: dict[int, list] = {}
    for row in wanted:
        by_image.setdefault(row["image_id"], []).append(row)
    missed = []
    for image_id, rows in by_image.items():
        image = read_image(test_data / f"data/coco/val2017/{image_id:012}.jpg")
        found = predictor(image)
        missed += [row for row in rows if not is_found(row, found, predictor)]
    assert len(missed) <= 0.005 * len(wanted)
    assert not [row for row in missed if row["score"] > 0.5]


def is_found(row, found, predictor) -> bool:
    x, y, width, height = row["bbox"]
    same = found.labels == predictor.classes.category_ids.index(row["category_id"])
    box = np.array([[x, y, x + width, y + height]], np.float32)
    iou = pairwise_iou(box, found.boxes[same])[0]
    close = np.abs(found.scores[same] - row["score"]) <= 0.005
    return bool(((iou >= 0.98) & close).any())


def test_heads_agree_with_the_reference(predictor, test_data):
    golden = np.load(test_data / "weights/golden_heads.npz")
    deltas, logits = predictor._runtime.run(golden["images_rgb_uint8_300"])
    np.testing.assert_allclose(deltas[..., [1, 0, 3, 2]], golden["box_codes_tytxthtw"], atol=1e-3)
    scores = 1 / (1 + np.exp(-logits))
    np.testing.assert_allclose(scores, golden["scores_sigmoid_21"], atol=1e-4)


def test_swapped_channels_are_noticed(predictor, test_data):
    """Guards the RGB order: on BGR images the same model loses detections."""
    paths = sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:20]
    images = [read_image(path) for path in paths]
    rgb = sum(predictor(image).scores[:3].sum() for image in images)
    bgr = sum(predictor(image[..., ::-1].copy()).scores[:3].sum() for image in images)
    assert rgb > 1.05 * bgr


def test_the_person_in_the_bundled_photo_is_found(predictor):
    from matplotlib.cbook import get_sample_data

    with get_sample_data("grace_hopper.jpg") as stream:
        from PIL import Image

        image = np.array(Image.open(stream))
    found = predictor(image)
    assert predictor.classes.names[found.labels[0]] == "person"
    assert found.scores[0] > 0.5


def test_every_stage_is_timed(predictor):
    predictor(np.zeros((48, 64, 3), np.uint8))
    assert list(predictor.stage_ms) == ["resize", "run", "decode", "nms"]
    assert min(predictor.stage_ms.values()) > 0


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (2000, 3, 3)])
def test_images_of_any_shape_are_taken(predictor, shape):
    found = predictor(np.full(shape, 128, np.uint8))
    assert (found.boxes <= [shape[1], shape[0], shape[1], shape[0]]).all()
