import math

import h5py
import keras
import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import AnchorConfig, ModelConfig
from detector import artefact
from detector.artefact import DetectorSpec
from detector.backbones import build_classifier
from detector.models import load_model
from detector.network import BEHIND_BACKBONE, build_detector
from detector.postprocess import sigmoid, softmax
from training.classifier.classifier_run import ClassifierSpec, save_run
from training.model.init_weights import InitReport, load_initial_weights

pytestmark = pytest.mark.keras

CONFIG = ModelConfig(backbone="mobilenet_v1", input_size=96, width_multiplier=0.25)
PLUS = CONFIG.model_copy(update={"head": "ssdlite_plus"})
DONOR_CLASSES = ("cat", "dog", "owl", "fox")
HEADS = ("ssdlite", "ssdlite_plus")
RARE = math.log(0.01 / 0.99)


def randomise(network: keras.Model) -> keras.Model:
    """Weights that no fresh network has, also in batch norm and biases."""
    rng = np.random.default_rng(7)
    network.set_weights([w + rng.uniform(0.1, 0.2, w.shape) for w in network.get_weights()])
    return network


def write_detector(folder, config=CONFIG, names=DONOR_CLASSES) -> str:
    spec = DetectorSpec(
        name="donor", model=config, class_names=names, category_ids=tuple(range(1, len(names) + 1))
    )
    artefact.save(folder, randomise(build_detector(config, len(names))), spec)
    return str(folder)


@pytest.fixture(scope="module")
def donor(tmp_path_factory) -> str:
    keras.utils.set_random_seed(0)
    return write_detector(tmp_path_factory.mktemp("donor") / "detector")


@pytest.fixture(scope="module")
def plus_donor(tmp_path_factory) -> str:
    keras.utils.set_random_seed(0)
    return write_detector(tmp_path_factory.mktemp("plus") / "detector", PLUS)


def layers_with_weights(network) -> list[str]:
    return [layer.name for layer in network.layers if layer.weights]


def assert_equal_weights(network, other, names) -> None:
    for name in names:
        pairs = zip(
            network.get_layer(name).get_weights(), other.get_layer(name).get_weights(), strict=True
        )
        for mine, theirs in pairs:
            np.testing.assert_array_equal(mine, theirs)


def logits(network, images) -> np.ndarray:
    return np.asarray(network(images, training=False)["class_logits"])


def noise(size: int, count: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)


def test_a_detector_of_the_same_classes_is_loaded_whole_at_another_input_size(donor):
    config = CONFIG.model_copy(update={"input_size": 128})
    network = build_detector(config, 4)
    report = load_initial_weights(network, config, DONOR_CLASSES, donor)
    assert list(report.loaded) == layers_with_weights(network)
    assert (report.partly, report.fresh, report.skipped, report.new_classes) == ((),) * 4
    assert_equal_weights(network, load_model(donor).network, report.loaded)


def test_known_classes_keep_their_channels_and_new_ones_start_fresh(donor):
    names = ("owl", "newt", "Cat")
    network = build_detector(CONFIG, 3)
    fresh = {name: network.get_layer(name).get_weights() for name in layers_with_weights(network)}
    report = load_initial_weights(network, CONFIG, names, donor)
    source = load_model(donor).network
    assert report.kept_classes == ("owl", "Cat")
    assert report.new_classes == ("newt",)
    assert report.dropped_classes == ("dog", "fox")
    assert report.partly == tuple(f"head_{level}_class_conv" for level in range(6))
    assert_equal_weights(network, source, report.loaded)
    images = noise(96)
    # Background, owl and cat; the donor's background, cat, dog, owl, fox.
    kept = logits(network, images)[..., [0, 1, 3]]
    np.testing.assert_array_equal(kept, logits(source, images)[..., [0, 3, 1]])
    for name in report.partly:
        kernel, bias = (array.reshape(*array.shape[:-1], -1, 4) for array in weights(network, name))
        np.testing.assert_array_equal(kernel[..., 2], fresh[name][0].reshape(kernel.shape)[..., 2])
        np.testing.assert_allclose(bias[:, 2], RARE, rtol=1e-6)


@pytest.mark.parametrize(("activation", "expected"), [("sigmoid", 0.01), ("softmax", 0.25)])
def test_new_classes_of_a_sigmoid_model_begin_as_rare(activation, expected):
    config = CONFIG.model_copy(update={"score_activation": activation})
    network = build_detector(config, 3)
    load_initial_weights(network, config, ("a", "b", "c"), "none")
    values = logits(network, noise(96))
    scores = sigmoid(values) if activation == "sigmoid" else softmax(values)
    np.testing.assert_allclose(scores[..., 1:], expected, rtol=1e-3)


def weights(network, layer):
    return network.get_layer(layer).get_weights()


def test_heads_of_other_anchors_start_fresh(tmp_path):
    fewer = CONFIG.model_copy(update={"anchors": AnchorConfig(aspect_ratios=(1.0, 2.0, 0.5))})
    source = write_detector(tmp_path / "detector", fewer)
    network = build_detector(CONFIG, 4)
    report = load_initial_weights(network, CONFIG, DONOR_CLASSES, source)
    convs = {f"head_{level}_{kind}_conv" for level in range(1, 6) for kind in ("box", "class")}
    assert set(report.fresh) == set(report.skipped) == convs
    assert "head_0_class_conv" in report.loaded  # it has three anchors in any case
    assert any("fresh layers: head_1_box_conv" in line for line in report.to_lines())


def test_what_starts_fresh_begins_as_rare_though_its_class_is_kept_elsewhere(tmp_path):
    fewer = CONFIG.model_copy(update={"anchors": AnchorConfig(aspect_ratios=(1.0, 2.0, 0.5))})
    source = write_detector(tmp_path / "detector", fewer)
    network = build_detector(CONFIG, 4)
    report = load_initial_weights(network, CONFIG, DONOR_CLASSES, source)
    assert report.kept_classes == DONOR_CLASSES
    fresh, loaded = (weights(network, f"head_{level}_class_conv")[1] for level in (1, 0))
    np.testing.assert_allclose(fresh.reshape(6, 5)[:, 1:], RARE, rtol=1e-6)
    assert loaded.min() > 0  # as the donor has them


def test_a_run_gives_its_best_model(tmp_path):
    write_detector(tmp_path / "run" / "best")
    network = build_detector(CONFIG, 4)
    report = load_initial_weights(network, CONFIG, DONOR_CLASSES, str(tmp_path / "run"))
    assert list(report.loaded) == layers_with_weights(network)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"width_multiplier": 0.5}, id="width"),
        pytest.param({"backbone": "mobilenet_v2"}, id="backbone"),
    ],
)
def test_another_backbone_or_width_is_refused_in_one_line(donor, config):
    config = CONFIG.model_copy(update=config)
    network = build_detector(config, 4)
    before = network.get_weights()
    message = r"detector is mobilenet_v1 at width 0\.25, .* set model\.backbone=mobilenet_v1 and"
    with pytest.raises(UserError, match=message):
        load_initial_weights(network, config, DONOR_CLASSES, donor)
    for now, then in zip(network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def backbone_of(network) -> list[str]:
    names = layers_with_weights(network)
    return [name for name in names if not name.startswith(BEHIND_BACKBONE)]


@pytest.mark.parametrize("backbone", ["mobilenet_v1", "mobilenet_v2"])
def test_an_ssdlite_takes_of_a_plus_model_what_is_alike_and_no_class(tmp_path, backbone):
    base = CONFIG.model_copy(update={"backbone": backbone, "width_multiplier": 0.35})
    source = write_detector(tmp_path / "run" / "best", base.model_copy(update={"head": HEADS[1]}))
    network = build_detector(base, 2)
    report = load_initial_weights(network, base, ("cat", "newt"), str(tmp_path / "run"))
    assert set(report.loaded) >= {*backbone_of(network), "extra_1_project", "head_0_box_depthwise"}
    assert_equal_weights(network, load_model(source).network, report.loaded)
    assert (report.partly, report.kept_classes) == ((), ())
    assert report.new_classes == ("cat", "newt")
    assert report.dropped_classes == ("dog", "owl", "fox")
    lines = report.to_lines()
    assert "classes kept: none" in lines and "classes that start fresh: cat, newt" in lines


def test_a_plus_model_starts_another_whole_and_keeps_the_rows_of_equal_names(plus_donor):
    names = ("owl", "newt", "Cat")
    config = PLUS.model_copy(update={"input_size": 128})
    network = build_detector(config, 3)
    report = load_initial_weights(network, config, names, plus_donor)
    source = load_model(plus_donor).network
    firsts = [f"head_{name}_class_conv" for name in ("finer", *range(4))]
    assert set(report.partly) == {"head_class_conv", *firsts}
    assert (report.fresh, report.skipped) == ((), ())
    assert (report.kept_classes, report.new_classes) == (("owl", "Cat"), ("newt",))
    assert_equal_weights(network, source, report.loaded)
    kernel, bias = weights(network, "head_class_conv")
    own, their = [0, 1, 3], [0, 3, 1]  # background, owl and cat of both
    their_kernel, their_bias = weights(source, "head_class_conv")
    np.testing.assert_array_equal(kernel[..., own], their_kernel[..., their])
    np.testing.assert_array_equal(bias[own], their_bias[their])
    assert bias[2] == pytest.approx(RARE)


def test_of_no_weights_a_plus_model_begins_with_rare_classes():
    network = build_detector(PLUS, 2)
    load_initial_weights(network, PLUS, ("a", "b"), "none")
    scores = sigmoid(logits(network, noise(96)))[..., 1:]
    np.testing.assert_allclose(scores, 0.01, rtol=0.1)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(UserError, match="is no model"):
        load_initial_weights(build_detector(CONFIG, 1), CONFIG, ("a",), str(tmp_path / "missing"))


def test_from_nothing_all_is_fresh():
    network = build_detector(CONFIG, 1)
    report = load_initial_weights(network, CONFIG, ("a",), "none")
    assert list(report.fresh) == layers_with_weights(network)
    assert report.to_lines() == ["start from random weights"]


def write_imagenet_file(path) -> keras.Model:
    """Such a file as `keras.applications` fetches, of random values."""
    model = keras.applications.MobileNet((96, 96, 3), alpha=0.25, include_top=False, weights=None)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in randomise(model).layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [weight.name.encode() for weight in layer.weights]
            for weight in layer.weights:
                group[weight.name] = weight.numpy()
    return model


@pytest.mark.parametrize("config", [CONFIG, PLUS], ids=["ssdlite", "plus"])
def test_imagenet_fills_the_backbone_alone(tmp_path, config):
    source = write_imagenet_file(tmp_path / "notop.h5")
    network = build_detector(config, 1)
    report = load_initial_weights(network, config, ("a",), str(tmp_path / "notop.h5"))
    assert set(report.loaded) == set(layers_with_weights(source))
    assert all(name.startswith(BEHIND_BACKBONE) for name in report.fresh)
    assert len(report.loaded) + len(report.fresh) == len(layers_with_weights(network))
    assert report.new_classes == ("a",)
    assert_equal_weights(network, source, report.loaded)


@pytest.mark.parametrize(
    ("backbone", "width", "application"),
    [
        pytest.param("mobilenet_v1", 0.25, keras.applications.MobileNet, id="v1"),
        pytest.param("mobilenet_v2", 1.4, keras.applications.MobileNetV2, id="v2"),
    ],
)
def test_imagenet_is_fetched_from_where_keras_applications_has_it(
    tmp_path, monkeypatch, backbone, width, application
):
    class AskedError(Exception):
        """Ends a download; bears the address."""

    def keras_asks(_name, url, **_options):
        raise AskedError(url)

    def we_ask(remote, _folder):
        raise AskedError(remote.url)

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", keras_asks)
    with pytest.raises(AskedError) as theirs:
        application((224, 224, 3), alpha=width, include_top=False, weights="imagenet")
    monkeypatch.setattr("training.model.start_files.fetch", we_ask)
    config = ModelConfig(backbone=backbone, width_multiplier=width)
    with pytest.raises(AskedError) as ours:
        load_initial_weights(keras.Model(), config, ("a",), "imagenet")
    assert str(ours.value) == str(theirs.value)


@pytest.mark.parametrize("config", [CONFIG, PLUS], ids=["ssdlite", "plus"])
def test_a_classifier_gives_its_backbone(tmp_path, config):
    classifier = randomise(build_classifier("mobilenet_v1", 3, 0.25, 32))
    spec = ClassifierSpec(
        classes=("x", "y", "z"), network="mobilenet_v1", width=0.25, resolution=32
    )
    save_run(tmp_path / "run", classifier, spec)
    network = build_detector(config, 1)
    report = load_initial_weights(network, config, ("a",), str(tmp_path / "run"))
    assert set(report.loaded) == set(layers_with_weights(classifier)) - {"conv_preds"}
    assert report.skipped == ("conv_preds",)
    assert report.new_classes == ("a",)
    assert_equal_weights(network, classifier, report.loaded)


def test_a_width_without_imagenet_weights_is_refused():
    config = CONFIG.model_copy(update={"width_multiplier": 0.6})
    with pytest.raises(UserError, match=r"at width 0\.6; set model\.width_multiplier to one of 0"):
        load_initial_weights(build_detector(config, 1), config, ("a",), "imagenet")


def test_words_name_what_was_kept():
    report = InitReport(
        source="run1",
        loaded=("conv1", "conv1_bn"),
        partly=("head_0_class_conv",),
        kept_classes=("fox", "owl"),
        new_classes=("newt",),
        dropped_classes=("cat",),
    )
    assert report.to_lines() == [
        "start from run1: 2 layers loaded, 1 layers loaded by class",
        "classes kept: fox, owl",
        "classes that start fresh: newt",
        "classes left behind: cat",
    ]


def test_the_real_detector_keeps_the_logits_of_known_classes(test_data):
    source = str(test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz")
    network = build_detector(ModelConfig(), 3)
    report = load_initial_weights(network, ModelConfig(), ("dog", "raccoon", "person"), source)
    assert (report.kept_classes, report.new_classes) == (("dog", "person"), ("raccoon",))
    donor, spec = load_model(source)
    rows = [0, spec.class_names.index("dog") + 1, spec.class_names.index("person") + 1]
    with np.load(test_data / "weights/golden_heads.npz") as golden:
        images = golden["images_rgb_uint8_300"]
    expected = donor(images, training=False)
    np.testing.assert_array_equal(
        logits(network, images)[..., [0, 1, 3]], np.asarray(expected["class_logits"])[..., rows]
    )
    np.testing.assert_array_equal(
        network(images, training=False)["box_deltas"], expected["box_deltas"]
    )


@pytest.mark.parametrize("head", ["ssdlite", "ssdlite_plus"])
def test_the_real_imagenet_file_starts_a_detector(test_data, head):
    path = test_data / "weights/mobilenet_v2_imagenet_notop.weights.h5"
    config = ModelConfig(head=head)
    network = build_detector(config, 3)
    report = load_initial_weights(network, config, ("a", "b", "c"), str(path))
    assert len(report.loaded) == 104
    assert report.new_classes == ("a", "b", "c")
