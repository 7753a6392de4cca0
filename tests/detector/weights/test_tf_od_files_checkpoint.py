import numpy as np
import pytest

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS
from detector.weights.tf_od_files import load_checkpoint

pytestmark = pytest.mark.keras


def write(prefix, variables) -> None:
    """A TF1 checkpoint, written by TensorFlow itself."""
    import tensorflow as tf

    names, values = zip(*sorted(variables.items()), strict=True)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=list(names),
        shape_and_slices=[""] * len(names),
        tensors=list(values),
    )


def test_outputs_are_those_of_plain_tensorflow(
    tmp_path, checkpoint_variables, checkpoint_outputs, image
):
    write(tmp_path / "model.ckpt", checkpoint_variables)
    model, classes = load_checkpoint(tmp_path / "model.ckpt")
    outputs = model(image, training=False)
    box_codes, class_logits = checkpoint_outputs
    kept = [0, *COCO_CATEGORY_IDS]
    assert classes.category_ids == COCO_CATEGORY_IDS
    np.testing.assert_allclose(
        np.asarray(outputs["box_deltas"])[..., [1, 0, 3, 2]], box_codes, atol=1e-4
    )
    np.testing.assert_allclose(outputs["class_logits"], class_logits[..., kept], atol=1e-4)


def test_what_training_saved_beside_the_weights_is_passed_by(tmp_path, checkpoint_variables):
    name = "FeatureExtractor/MobilenetV2/Conv/weights"
    slots = {"global_step": np.int64(200_000), f"{name}/RMSProp": checkpoint_variables[name]}
    write(tmp_path / "model.ckpt", checkpoint_variables | slots)
    load_checkpoint(tmp_path / "model.ckpt")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda v, n: v.pop(n), r"{n} is missing", id="missing"),
        pytest.param(
            lambda v, n: v.update({n: v[n][..., :5]}), r"{n} has shape .*, this model", id="shape"
        ),
        pytest.param(
            lambda v, n: v.update({n + "_2": v[n]}), r"{n}_2 has no place", id="left over"
        ),
        pytest.param(lambda v, n: v.update({n: v[n] * np.nan}), r"{n} holds NaN", id="NaN"),
    ],
)
def test_a_variable_that_does_not_fit_is_refused_by_name(
    tmp_path, checkpoint_variables, change, message
):
    name = "BoxPredictor_2/ClassPredictor/weights"
    variables = dict(checkpoint_variables)
    change(variables, name)
    write(tmp_path / "model.ckpt", variables)
    with pytest.raises(UserError, match=message.format(n=name)):
        load_checkpoint(tmp_path / "model.ckpt")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match=r"model\.ckpt\.index is missing"):
        load_checkpoint(tmp_path / "model.ckpt")


@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_a_truncated_checkpoint_is_named(tmp_path, checkpoint_variables, suffix):
    write(tmp_path / "model.ckpt", checkpoint_variables)
    path = tmp_path / f"model.ckpt.{suffix}"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match="truncated or damaged"):
        load_checkpoint(tmp_path / "model.ckpt")
