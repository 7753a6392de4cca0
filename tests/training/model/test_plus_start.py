"""An `ssdlite_plus` begins with what an `ssdlite` says of the anchors most like its own."""

import cv2
import keras
import numpy as np
import pytest

from configs.schema import AnchorConfig, ModelConfig
from detector import artefact
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from detector.artefact import DetectorSpec
from detector.box_coder import decode
from detector.models import load_model
from detector.network import build_detector
from training.model.init_weights import load_initial_weights

pytestmark = pytest.mark.keras

NAMES = ("cat", "dog", "owl")
OFFICIAL = ModelConfig(input_size=160, width_multiplier=0.35)
FITTED = AnchorConfig(
    finest=((0.05, 0.11), (0.4, 0.3), (0.1, 0.02)), variances=(0.3, 0.2, 0.1, 0.4)
)


def randomised(config: ModelConfig) -> keras.Model:
    rng = np.random.default_rng(3)
    network = build_detector(config, len(NAMES))
    noise = {
        1: lambda shape: rng.uniform(0, 0.1, shape),
        4: lambda shape: rng.normal(0, 0.01, shape),
    }
    network.set_weights([w + noise[w.ndim](w.shape) for w in network.get_weights()])
    return network


def plus_of(donor: keras.Model, config: ModelConfig, folder, names=NAMES, **changes):
    """The `ssdlite_plus` that the donor starts, its configuration, and the report."""
    artefact.save(
        folder,
        donor,
        DetectorSpec(name="donor", model=config, class_names=NAMES, category_ids=(1, 2, 3)),
    )
    plus = config.model_copy(update={"head": "ssdlite_plus", "anchors": AnchorConfig()} | changes)
    network = build_detector(plus, len(names))
    report = load_initial_weights(network, plus, names, str(folder))
    return network, plus, report


def outputs(network: keras.Model, config: ModelConfig) -> tuple[np.ndarray, np.ndarray]:
    """Boxes in fractions, and logits, of one image."""
    image = np.random.default_rng(0).integers(0, 256, (1, *[config.input_size] * 2, 3), np.uint8)
    found = network(image, training=False)
    boxes = decode(
        np.asarray(found["box_deltas"], np.float64),
        model_anchors(config),
        config.anchors.variances,
    )
    return boxes[0], np.asarray(found["class_logits"])[0]


def rows_of(config: ModelConfig, maps: range) -> list[np.ndarray]:
    """Of each of these feature maps, the numbers of the anchors: `(cells, anchors of a cell)`."""
    cells = [size * size for size in feature_sizes(config)]
    per_cell = anchors_per_cell(config)
    ends = np.cumsum([0, *np.multiply(cells, per_cell)])
    return [np.arange(ends[i], ends[i + 1]).reshape(cells[i], per_cell[i]) for i in maps]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="v2"),
        pytest.param({"backbone": "mobilenet_v1"}, id="v1"),
        pytest.param({"anchors": FITTED}, id="fitted anchors"),
        pytest.param({"input_size": 97}, id="odd size"),
    ],
)
def test_boxes_and_logits_are_those_of_one_anchor_of_each_cell(tmp_path, changes):
    config = OFFICIAL.model_copy(update=changes)
    donor = randomised(config)
    network, plus, _ = plus_of(donor, config, tmp_path / "donor")
    boxes, logits = outputs(network, plus)
    their_boxes, their_logits = outputs(donor, config)
    for own, theirs in zip(rows_of(plus, range(1, 5)), rows_of(config, range(4)), strict=True):
        rows = most_like(4, config, theirs)
        np.testing.assert_allclose(boxes[own[:, 0]], their_boxes[rows], rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(logits[own[:, 0], 1:], their_logits[rows, 1:], atol=1e-4)


@pytest.mark.parametrize("size", [160, 97])
def test_the_finest_map_begins_with_what_the_next_says_between_its_cells(tmp_path, size):
    """Of the anchor most like ours; what is interpolated is by how much boxes have moved."""
    config = OFFICIAL.model_copy(update={"input_size": size})
    donor = randomised(config)
    network, plus, _ = plus_of(donor, config, tmp_path / "donor")
    boxes, logits = outputs(network, plus)
    their_boxes, their_logits = outputs(donor, config)
    (own,), (theirs,) = rows_of(plus, range(1)), rows_of(config, range(1))
    rows = most_like(4 * (len(theirs) / len(own)) ** 0.5, config, theirs)
    moved = from_anchors(their_boxes, model_anchors(config))[rows]
    found = from_anchors(boxes, model_anchors(plus))[own[:, 0]]
    np.testing.assert_allclose(found, resized(moved, len(own)), rtol=1e-3, atol=1e-5)
    expected = resized(their_logits[rows], len(own))
    np.testing.assert_allclose(logits[own[:, 0], 1:], expected[:, 1:], atol=1e-4)


def most_like(side: float, config: ModelConfig, rows: np.ndarray) -> np.ndarray:
    """In each cell of a map the anchor that is most like a square one of `side` cells."""
    anchors = model_anchors(config)[rows]
    sides = (anchors[..., 2:] - anchors[..., :2])[0] * len(rows) ** 0.5  # in cells
    shared = np.minimum(sides, side).prod(-1)
    iou = shared / (sides.prod(-1) + side**2 - shared)
    return rows[:, np.lexsort((sides[:, 1], iou.round(6)))[-1]]  # of a wide and a tall one the tall


def from_anchors(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """By how much the centres have moved, as shares of the image, and the logarithms of sides."""
    centres, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([centres - (anchors[:, :2] + anchors[:, 2:]) / 2, np.log(sides)], axis=1)


def resized(cells: np.ndarray, count: int) -> np.ndarray:
    """Of a square map to one of `count` cells, by OpenCV."""
    side, new = round(len(cells) ** 0.5), round(count**0.5)
    channels = cells.reshape(side, side, -1).transpose(2, 0, 1)
    return np.stack(
        [cv2.resize(one.astype(np.float64), (new, new)).ravel() for one in channels], axis=1
    )


def test_rows_of_equal_names_are_kept_and_the_others_begin_as_rare(tmp_path):
    donor = randomised(OFFICIAL)
    network, plus, report = plus_of(donor, OFFICIAL, tmp_path / "donor", ("newt", "Owl"))
    whole, *_ = plus_of(donor, OFFICIAL, tmp_path / "whole")
    _, logits = outputs(network, plus)
    np.testing.assert_allclose(logits[:, 2], outputs(whole, plus)[1][:, 3], atol=1e-4)
    assert 0.001 < 1 / (1 + np.exp(-np.median(logits[:, 1]))) < 0.1
    assert (report.kept_classes, report.new_classes) == (("Owl",), ("newt",))
    assert any(
        "of the 3, 6, 6, 6 anchors in a cell of the first 4 heads 2, 1, 1, 1 are" in line
        for line in report.to_lines()
    )
    assert set(report.partly) == {f"head_{name}_class_conv" for name in ("finer", 0, 1, 2, 3)}


def test_at_another_size_a_cell_says_the_same_of_what_it_sees(tmp_path):
    """So an object of as many pixels is found alike: the layers see no more than pixels."""
    donor = randomised(OFFICIAL)
    same, _, report = plus_of(donor, OFFICIAL, tmp_path / "a")
    larger, *_ = plus_of(donor, OFFICIAL, tmp_path / "b", input_size=320)
    for layer in report.loaded:
        pair = (network.get_layer(layer).get_weights() for network in (same, larger))
        for one, other in zip(*pair, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_real_detector_is_found_again(test_data):
    """On real images, each of its well-scored boxes that the new heads can have."""
    source = str(test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz")
    donor, spec = load_model(source)
    plus = ModelConfig(head="ssdlite_plus")
    network = build_detector(plus, len(spec.class_names))
    report = load_initial_weights(network, plus, spec.class_names, source)
    assert report.new_classes == ()
    with np.load(test_data / "weights/golden_heads.npz") as golden:
        images = golden["images_rgb_uint8_300"]
    ours, theirs = (one(images, training=False) for one in (network, donor))
    # 4.18 cells are the side of the last of six anchors in a cell of stride 32.
    own, rows = rows_of(plus, range(2, 3))[0][:, 0], rows_of(ModelConfig(), range(1, 2))[0][:, 5]
    np.testing.assert_allclose(
        np.asarray(ours["class_logits"])[:, own, 1:],
        np.asarray(theirs["class_logits"])[:, rows, 1:],
        atol=1e-3,
    )
