import itertools
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import ModelConfig, PostprocessConfig
from detector import artefact
from detector.artefact import DetectorSpec
from detector.classes import ClassChoice
from detector.models import load_model, open_model
from detector.network import build_detector
from detector.ssdlite import build_ssdlite

pytestmark = pytest.mark.keras

SIZES = {"image_width": 90, "image_height": 90, "object_px": 9, "large_object_px": 20}
SIZES |= {"object_share": 0.1}
CONFIG = ModelConfig(backbone="mobilenet_v1", input_size=96, width_multiplier=0.25)


@pytest.fixture(scope="module")
def model():
    spec = DetectorSpec(name="tiny", model=CONFIG, class_names=("a", "b"), category_ids=(3, 7))
    return build_ssdlite(CONFIG, 2), spec


@pytest.fixture(scope="module")
def kept(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kept") / "m"
    artefact.save(folder, *model)
    return folder


@pytest.fixture
def saved(kept, tmp_path):
    """It in the folder `m`, for the test to change."""
    return Path(shutil.copytree(kept, tmp_path / "m"))


def test_what_was_saved_is_loaded_equal(model, tmp_path):
    network, spec = model
    artefact.save(tmp_path / "m", network, spec)
    loaded = artefact.load(tmp_path / "m")
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    before, after = network(image, training=False), loaded.network(image, training=False)
    assert loaded.spec == spec
    np.testing.assert_array_equal(before["class_logits"], after["class_logits"])


@pytest.mark.parametrize(("head", "other"), [*itertools.permutations(["ssdlite", "ssdlite_plus"])])
def test_a_head_that_the_network_does_not_have_is_refused(tmp_path, head, other):
    """At 420 px both have as many anchors."""
    config = ModelConfig(input_size=420, width_multiplier=0.1, head=head)
    spec = DetectorSpec(name="m", model=config, class_names=("a",), category_ids=(1,))
    artefact.save(tmp_path / "m", build_detector(config, 1), spec)
    described = json.loads((tmp_path / "m/detector.json").read_text())
    described["model"]["head"] = other
    (tmp_path / "m/detector.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=f"together: the head is {head}, described is {other}$"):
        artefact.load(tmp_path / "m")


def test_the_official_head_leaves_no_trace(model, tmp_path):
    """So that programs that know no such key read all other models."""
    artefact.save(tmp_path / "m", *model)
    assert "head" not in json.loads((tmp_path / "m/detector.json").read_text())["model"]


def test_a_head_that_is_none_is_one_line(model, tmp_path):
    artefact.save(tmp_path / "m", *model)
    described = json.loads((tmp_path / "m/detector.json").read_text())
    described["model"]["head"] = "foo"
    (tmp_path / "m/detector.json").write_text(json.dumps(described))
    with pytest.raises(UserError, match=r"detector\.json: model\.head: Input should be 'ssdlite'"):
        artefact.read_spec(tmp_path / "m")


def test_a_choice_of_classes_is_kept_and_none_leaves_no_trace(model, tmp_path):
    network, spec = model
    choice = ClassChoice(("a", "b"), {"a": ("c", "d")})
    artefact.save(tmp_path / "m", network, spec.model_copy(update={"class_choice": choice}))
    assert artefact.read_spec(tmp_path / "m").class_choice == choice
    artefact.save(tmp_path / "plain", network, spec)
    assert "class_choice" not in (tmp_path / "plain/detector.json").read_text()
    assert not artefact.read_spec(tmp_path / "plain").class_choice


def test_class_agnostic_nms_is_kept_and_its_absence_leaves_no_trace(model, tmp_path):
    """So that programs that know no such key read all other models."""
    network, spec = model
    across = spec.model_copy(update={"postprocess": PostprocessConfig(class_agnostic=True)})
    artefact.save(tmp_path / "across", network, across)
    assert artefact.read_spec(tmp_path / "across").postprocess.class_agnostic
    artefact.save(tmp_path / "plain", network, spec)
    assert "class_agnostic" not in (tmp_path / "plain/detector.json").read_text()
    assert not artefact.read_spec(tmp_path / "plain").postprocess.class_agnostic


@pytest.mark.parametrize("choice", [3, {"merge": ["a"]}, {"merge": {"a": ["c"], "b": ["c"]}}])
def test_a_choice_that_is_none_is_one_line(saved, choice):
    described = json.loads((saved / "detector.json").read_text())
    (saved / "detector.json").write_text(json.dumps({**described, "class_choice": choice}))
    with pytest.raises(UserError, match=r"detector\.json: class_choice"):
        artefact.read_spec(saved)


def test_a_model_folder_may_be_the_current_one(saved, monkeypatch):
    monkeypatch.chdir(saved)
    assert load_model(".").spec.name == "tiny"


def test_saving_again_replaces_the_whole_artefact(model, tmp_path):
    network, spec = model
    artefact.save(tmp_path / "m", network, spec)
    artefact.save(tmp_path / "m", network, spec.model_copy(update={"name": "second"}))
    assert artefact.read_spec(tmp_path / "m").name == "second"
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_folder_of_other_files_is_not_overwritten(model, tmp_path):
    (tmp_path / "holiday.jpg").write_bytes(b"precious")
    with pytest.raises(UserError, match="holds other files"):
        artefact.save(tmp_path, *model)
    assert (tmp_path / "holiday.jpg").read_bytes() == b"precious"


def test_a_folder_without_description_says_so(tmp_path):
    with pytest.raises(UserError, match=r"holds no detector\.json"):
        artefact.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"schema_version": 2}, "schema_version", id="newer schema"),
        pytest.param({"class_names": ["a"], "category_ids": [1]}, "belong together", id="classes"),
        pytest.param({"class_names": ["a", "a"]}, "class name 'a' stands twice", id="same name"),
        pytest.param({"category_ids": [3, 3]}, "category id 3 stands twice", id="same id"),
        pytest.param({"category_ids": []}, "differ in length", id="no ids"),
        pytest.param({"colour": "red"}, "colour", id="unknown key"),
        pytest.param({"training_sizes": {**SIZES, "tile": 0}}, "tile", id="tiles of 0 px"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(saved, change, message):
    path = saved / "detector.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(UserError, match=message):
        artefact.load(saved)


def test_a_file_in_the_folders_place_is_left_alone(model, tmp_path):
    (tmp_path / "m").write_text("mine")
    with pytest.raises(UserError, match="it is a file; name a folder"):
        artefact.save(tmp_path / "m", *model)
    assert (tmp_path / "m").read_text() == "mine"


def without_digests(folder: Path) -> None:
    """As models were saved before there were any."""
    bare = artefact.read_spec(folder).model_copy(update={"digests": {}})
    (folder / "detector.json").write_text(bare.model_dump_json())


def overwrite(path: Path, place: int, count: int = 64) -> None:
    """Change bytes, as a bad disk or a broken copy does."""
    content = bytearray(path.read_bytes())
    content[place : place + count] = bytes(255 - byte for byte in content[place : place + count])
    path.write_bytes(content)


def test_a_damaged_or_foreign_network_is_named(saved):
    without_digests(saved)
    path = saved / "model.keras"
    overwrite(path, path.stat().st_size // 2)
    with pytest.raises(UserError, match="damaged or not a Keras model"):
        artefact.load(saved)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(UserError, match="do not belong together"):
        artefact.load(saved)


def test_a_truncated_network_is_named(saved):
    without_digests(saved)
    network = saved / "model.keras"
    network.write_bytes(network.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"model\.keras: damaged or not a Keras model"):
        artefact.load(saved)


# ---- digests: a network that is not the one described


@pytest.mark.parametrize("eighth", range(8))
def test_a_network_with_64_bytes_overwritten_is_refused(saved, eighth):
    path = saved / "model.keras"
    overwrite(path, eighth * path.stat().st_size // 8)
    with pytest.raises(UserError, match=r"model\.keras is damaged, or not the file that detector"):
        load_model(str(saved))


def test_a_network_of_another_model_is_refused_even_where_it_would_fit(model, tmp_path):
    network, spec = model
    for name in ("m", "other"):
        artefact.save(tmp_path / name, network, spec)
        network.get_layer("conv1").kernel.assign_add(network.get_layer("conv1").kernel * 0 + 0.1)
    (tmp_path / "other/model.keras").replace(tmp_path / "m/model.keras")
    with pytest.raises(UserError, match="put a sound copy back, or delete it and train or export"):
        load_model(str(tmp_path / "m"))


def test_what_was_changed_on_purpose_is_read_once_its_digest_is_gone(saved, model):
    described = json.loads((saved / "detector.json").read_text())
    assert list(described["digests"]) == ["model.keras"]
    del described["digests"]["model.keras"]
    (saved / "detector.json").write_text(json.dumps(described))
    model[0].save(saved / "model.keras")
    assert load_model(str(saved)).spec.name == "tiny"


def test_a_model_in_memory_has_no_digests_and_one_from_before_is_read(saved, model):
    assert load_model(str(saved)).spec == model[1]
    without_digests(saved)
    assert "digests" not in (saved / "detector.json").read_text()
    assert load_model(str(saved)).spec == model[1]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layer", ["conv1", "head_5_box_conv"])
def test_weights_that_are_no_numbers_are_one_line(tmp_path, layer, value):
    network = build_ssdlite(CONFIG, 1)
    weights = network.get_layer(layer).get_weights()
    weights[0].flat[7] = value
    network.get_layer(layer).set_weights(weights)
    spec = DetectorSpec(name="tiny", model=CONFIG, class_names=("a",), category_ids=(1,))
    artefact.save(tmp_path / "m", network, spec)
    with pytest.raises(UserError, match=rf"model\.keras: weight {layer}/kernel holds NaN or inf"):
        load_model(str(tmp_path / "m"))


def test_weights_too_large_to_compute_with_are_one_line(tmp_path):
    network = build_ssdlite(CONFIG, 1)
    norm, conv = (network.get_layer(f"head_5_box_{end}") for end in ("depthwise_BN", "conv"))
    norm.beta.assign(norm.beta * 0 + 1)  # so that what is multiplied is not 0
    conv.kernel.assign(conv.kernel * 0 + 3e38)
    spec = DetectorSpec(name="tiny", model=CONFIG, class_names=("a",), category_ids=(1,))
    artefact.save(tmp_path / "m", network, spec)
    with pytest.raises(UserError, match=r"model\.keras: its outputs are not finite"):
        open_model(str(tmp_path / "m"))
