import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS
from detector.weights.tf_od_api import official_units
from detector.weights.tf_od_files import load_npz

pytestmark = pytest.mark.keras

META = "meta/coco_category_ids_of_class_channels"


def fold(variables: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The checkpoint's variables with all batch norm folded."""
    folded = {META: np.arange(91)}
    for unit in official_units():
        kernel = variables[f"{unit.scope}/{'depthwise_' * unit.is_depthwise}weights"]
        if unit.norm is None:
            bias = variables[f"{unit.scope}/biases"]
        else:
            norm = f"{unit.scope}/BatchNorm"
            mul = variables[f"{norm}/gamma"] / np.sqrt(variables[f"{norm}/moving_variance"] + 1e-3)
            bias = variables[f"{norm}/beta"] - variables[f"{norm}/moving_mean"] * mul
            kernel = kernel * (mul[:, None] if unit.is_depthwise else mul)
        folded |= {f"{unit.scope}/kernel": kernel, f"{unit.scope}/bias": bias}
    return folded


@pytest.fixture
def arrays(checkpoint_variables):
    return fold(checkpoint_variables)


def test_outputs_are_those_of_plain_tensorflow(tmp_path, arrays, checkpoint_outputs, image):
    np.savez(tmp_path / "w.npz", **arrays)
    model, classes = load_npz(tmp_path / "w.npz")
    outputs = model(image, training=False)
    kept = checkpoint_outputs[1][..., [0, *COCO_CATEGORY_IDS]]
    assert classes.category_ids == COCO_CATEGORY_IDS
    np.testing.assert_allclose(outputs["class_logits"], kept, atol=1e-3)


def test_a_variable_left_over_is_refused_by_name(tmp_path, arrays):
    np.savez(tmp_path / "w.npz", **arrays, **{"BoxPredictor_6/kernel": np.zeros(3)})
    with pytest.raises(UserError, match="BoxPredictor_6/kernel has no place"):
        load_npz(tmp_path / "w.npz")


def test_a_missing_variable_is_refused_by_name(tmp_path, arrays):
    del arrays["FeatureExtractor/MobilenetV2/Conv_1/bias"]
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(UserError, match="Conv_1/bias is missing"):
        load_npz(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("channel_ids", "message"),
    [
        pytest.param([1, 2, 3], "must be 0", id="no background"),
        pytest.param([0, 1, 1], "names a category twice", id="twice"),
        pytest.param([0, 12], "COCO category ids", id="no named category"),
    ],
)
def test_channel_ids_that_make_no_sense_are_refused(tmp_path, arrays, channel_ids, message):
    np.savez(tmp_path / "w.npz", **(arrays | {META: np.array(channel_ids)}))
    with pytest.raises(UserError, match=message):
        load_npz(tmp_path / "w.npz")


@pytest.mark.parametrize("text", [np.array(["a", "b"]), np.array([0.0, np.nan])])
def test_channel_ids_that_are_no_whole_numbers_are_refused(tmp_path, arrays, text):
    np.savez(tmp_path / "w.npz", **(arrays | {META: text}))
    with pytest.raises(UserError, match="must be 0"):
        load_npz(tmp_path / "w.npz")


def test_text_in_place_of_weights_is_refused(tmp_path, arrays):
    name = "FeatureExtractor/MobilenetV2/Conv_1/bias"
    np.savez(tmp_path / "w.npz", **(arrays | {name: np.full(1280, "x")}))
    with pytest.raises(UserError, match="Conv_1/bias is <U1, not a float array"):
        load_npz(tmp_path / "w.npz")


@given(st.data())
def test_a_damaged_archive_is_refused_in_one_way(tmp_path_factory, data):
    """Fuzzing: a few bytes anywhere are changed; tens of cases in CI, thousands in proofs."""
    path = tmp_path_factory.mktemp("fuzz") / "w.npz"
    writer = data.draw(st.sampled_from([np.savez, np.savez_compressed]))
    # Even whole it is refused, before a network is built: it has no background channel.
    writer(path, **{META: np.array([7, 1]), "BoxPredictor_0/kernel": np.arange(9.0)})
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with pytest.raises(UserError):
        load_npz(path)


def test_an_archive_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.zeros(3))
    with pytest.raises(UserError, match="not a weights file of this project"):
        load_npz(tmp_path / "w.npz")


def test_missing_truncated_and_foreign_files_are_named(tmp_path, arrays):
    with pytest.raises(UserError, match="no such weights file"):
        load_npz(tmp_path / "none.npz")
    np.savez(tmp_path / "w.npz", **arrays)
    whole = (tmp_path / "w.npz").read_bytes()
    for name, content in (("cut", whole[: len(whole) // 2]), ("text", b"hello"), ("empty", b"")):
        (tmp_path / f"{name}.npz").write_bytes(content)
        with pytest.raises(UserError, match=rf"{name}\.npz: truncated or not a \.npz file"):
            load_npz(tmp_path / f"{name}.npz")
