import pytest

from configs.load import load_config
from configs.schema import ModelConfig
from detector.backbones import build_classifier
from detector.costs import layer_costs, separable_costs
from detector.network import build_detector
from detector.ssdlite import build_ssdlite

pytestmark = pytest.mark.keras


def totals(config: str, num_classes: int) -> tuple[int, int]:
    costs = layer_costs(build_ssdlite(load_config(config).model, num_classes))
    return sum(c.parameters for c in costs), sum(c.multiply_adds for c in costs)


@pytest.mark.parametrize(
    ("config", "num_classes", "parameters", "multiply_adds"),
    [
        # Sandler et al. 2018, table 6: 4.3 M and 0.8 B
        pytest.param("coco_320", 80, 4_337_013, 788_830_144, id="paper"),
        pytest.param("coco_300", 90, 4_500_543, 749_503_856, id="official model"),
        pytest.param("coco_300", 20, 3_355_833, 645_249_776, id="VOC"),
        # the same table's MNet V1 + SSDLite: 5.1 M and 1.3 B
        pytest.param("v1_coco", 80, 5_100_661, 1_309_162_944, id="V1"),
    ],
)
def test_detector_totals(config, num_classes, parameters, multiply_adds):
    assert totals(config, num_classes) == (parameters, multiply_adds)


@pytest.mark.parametrize(
    ("name", "parameters_m", "multiply_adds_m"),
    [
        pytest.param("mobilenet_v1", 4.2, 569, id="Howard et al. 2017, table 8"),
        pytest.param("mobilenet_v2", 3.5, 300, id="Sandler et al. 2018, table 4: 3.4 M, 300 M"),
    ],
)
def test_classifier_totals_are_the_papers(name, parameters_m, multiply_adds_m):
    costs = layer_costs(build_classifier(name, 1000))
    assert sum(c.parameters for c in costs) / 1e6 == pytest.approx(parameters_m, abs=0.05)
    assert sum(c.multiply_adds for c in costs) / 1e6 == pytest.approx(multiply_adds_m, abs=1)


def test_every_separable_pair_costs_what_the_formula_says():
    pairs = separable_costs(build_ssdlite(load_config("coco_300").model, 20))
    assert len(pairs) == 17 + 4 + 12  # backbone, extras, heads
    for pair in pairs:
        assert pair.ratio == pytest.approx(pair.formula, rel=1e-12)


def test_parts_are_named():
    parts = {c.part for c in layer_costs(build_ssdlite(load_config("coco_300").model, 20))}
    assert parts == {"backbone", "extras", "heads"}


def test_the_shared_head_of_ssdlite_plus_is_weighed_at_each_of_its_maps():
    config = ModelConfig(head="ssdlite_plus", input_size=96, width_multiplier=0.35)
    network = build_detector(config, 3)
    pairs = separable_costs(network)
    named = {pair.name for pair in pairs}
    own = [layer.name for layer in network.layers if layer.name.startswith(("neck_", "head_"))]
    assert named >= {name for name in own if name.endswith("_depthwise")}
    for pair in pairs:
        assert pair.ratio == pytest.approx(pair.formula, rel=1e-12)
    # What the parts cost together is what the layers cost: no place is counted twice.
    mixed = [pair for pair in pairs if pair.name.startswith("head_shared_")]
    layers = {cost.name: cost.multiply_adds for cost in layer_costs(network)}
    assert sum(pair.multiply_adds for pair in mixed) == sum(
        cost for name, cost in layers.items() if name in {pair.name for pair in mixed}
    ) + sum(layers[f"head_{kind}_project"] for kind in ("box", "class"))
