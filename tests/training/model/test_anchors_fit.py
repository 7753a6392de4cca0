import numpy as np
import pytest

from configs.schema import AnchorConfig, Config, ModelConfig
from detector.anchors import cell_shapes, model_anchors
from detector.box_coder import decode
from detector.ssdlite import build_ssdlite
from training.model.anchor_coverage import fit_finest_anchors, move_finest_anchors
from training.run.run_folder import with_finest

pytestmark = pytest.mark.keras

DROPS, COINS = (0.03, 0.06), (0.12, 0.12)  # width and height of two kinds, in fractions


def images(sample_of, *kinds, count=40):
    """Of 200x100 px, with one object of each kind, a little larger or smaller each time."""
    rng = np.random.default_rng(0)
    samples = []
    for _ in range(count):
        sizes = [np.array(kind) * (200, 100) * rng.uniform(0.9, 1.1) for kind in kinds]
        boxes = [(20, 20, 20 + width, 20 + height) for width, height in sizes]
        samples.append(sample_of(boxes, list(range(len(kinds)))))
    return samples


def test_the_shapes_become_those_of_the_objects(sample_of):
    found = fit_finest_anchors(images(sample_of, DROPS, COINS), AnchorConfig(), seed=0)
    assert found is not None
    shapes, before, after = found
    assert before < 0.6 < 0.85 < after
    for kind in (DROPS, COINS):
        assert min(np.abs(np.log(np.divide(shape, kind))).max() for shape in shapes) < 0.1


def test_a_rare_class_counts_as_much_as_a_common_one(sample_of):
    many = images(sample_of, COINS, count=400)
    few = images(sample_of, COINS, DROPS, count=20)
    found = fit_finest_anchors([*many, *few], AnchorConfig(), seed=0)
    assert found is not None
    assert min(np.abs(np.log(np.divide(shape, DROPS))).max() for shape in found[0]) < 0.15


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        pytest.param((0.4, 0.4), 80, id="a coarser map serves them"),
        pytest.param(DROPS, 20, id="too few"),
        pytest.param((0.1, 0.1), 80, id="the official shapes fit"),
    ],
)
def test_shapes_stay_where_nothing_is_to_be_gained(sample_of, kind, count):
    assert fit_finest_anchors(images(sample_of, kind, count=count), AnchorConfig(), seed=0) is None


def test_a_detector_finds_the_same_boxes_with_other_anchors():
    old = ModelConfig(input_size=96, width_multiplier=0.35)
    finest = ((0.06, 0.08), (0.2, 0.24), (0.15, 0.2))
    new = with_finest(Config(model=old), finest).model
    network = build_ssdlite(old, 2)
    images = np.random.default_rng(0).integers(0, 256, (2, 96, 96, 3), dtype=np.uint8)

    def boxes(config):
        deltas = np.asarray(network(images, training=False)["box_deltas"])
        return decode(deltas, model_anchors(config), config.anchors.variances)

    before = boxes(old)
    move_finest_anchors(network, old.anchors, new.anchors)
    np.testing.assert_allclose(boxes(new), before, atol=1e-5)
    np.testing.assert_allclose(cell_shapes(new.anchors)[0], finest)


def test_anchors_of_the_other_maps_stay():
    old, new = ModelConfig(), with_finest(Config(), ((0.1, 0.2),) * 3).model
    first = 3 * 19 * 19
    np.testing.assert_array_equal(model_anchors(new)[first:], model_anchors(old)[first:])
    assert np.any(model_anchors(new)[:first] != model_anchors(old)[:first])
