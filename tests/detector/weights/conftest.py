"""A synthetic official model: the real names and shapes, random values, random batch norm."""

import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.ssdlite import build_ssdlite
from detector.weights.tf_od_api import official_units


@pytest.fixture(scope="session")
def official_shapes() -> dict[str, tuple[int, ...]]:
    """Kernel shape of each unit of the official model, 91 class channels, by TensorFlow scope."""
    model = build_ssdlite(ModelConfig(), 90)
    return {unit.scope: model.get_layer(unit.conv).kernel.shape for unit in official_units()}


@pytest.fixture(scope="session")
def checkpoint_variables(official_shapes) -> dict[str, np.ndarray]:
    """All network variables of the TF1 checkpoint."""
    rng = np.random.default_rng(0)
    variables = {}
    for unit in official_units():
        shape = official_shapes[unit.scope]
        fan_in = np.prod(shape[:2]) * (1 if unit.is_depthwise else shape[2])
        kernel = "depthwise_weights" if unit.is_depthwise else "weights"
        variables[f"{unit.scope}/{kernel}"] = rng.normal(0, fan_in**-0.5, shape)
        channels = shape[2] if unit.is_depthwise else shape[3]
        if unit.norm is None:
            variables[f"{unit.scope}/biases"] = rng.normal(0, 0.1, channels)
            continue
        norm = f"{unit.scope}/BatchNorm"
        variables[f"{norm}/gamma"] = rng.uniform(0.5, 1.5, channels)
        variables[f"{norm}/beta"] = rng.normal(0, 0.3, channels)
        variables[f"{norm}/moving_mean"] = rng.normal(0, 0.3, channels)
        variables[f"{norm}/moving_variance"] = rng.uniform(0.5, 1.5, channels)
    return {name: value.astype(np.float32) for name, value in variables.items()}


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 300, 300, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def checkpoint_outputs(checkpoint_variables, picture):
    """Raw outputs of the synthetic checkpoint, by plain tf.nn calls, TensorFlow's box order."""
    import tensorflow as tf

    variables = checkpoint_variables

    def unit(x, scope, stride=1, relu=True):
        depthwise = f"{scope}/depthwise_weights"
        if depthwise in variables:
            strides = (1, stride, stride, 1)
            x = tf.nn.depthwise_conv2d(x, variables[depthwise], strides, "SAME")
        else:
            x = tf.nn.conv2d(x, variables[f"{scope}/weights"], stride, "SAME")
        if f"{scope}/biases" in variables:
            return x + variables[f"{scope}/biases"]
        parts = ("moving_mean", "moving_variance", "beta", "gamma")
        norm = [variables[f"{scope}/BatchNorm/{part}"] for part in parts]
        x = tf.nn.batch_normalization(x, *norm, 0.001)
        return tf.nn.relu6(x) if relu else x

    root = "FeatureExtractor/MobilenetV2"
    x = unit(picture.astype(np.float32) * (2 / 255) - 1, f"{root}/Conv", 2)
    maps = []
    for block in range(17):
        scope = f"{root}/expanded_conv" + (f"_{block}" if block else "")
        y = unit(x, f"{scope}/expand") if block else x
        if block == 13:
            maps.append(y)
        y = unit(y, f"{scope}/depthwise", 2 if block in (1, 3, 6, 13) else 1)
        y = unit(y, f"{scope}/project", relu=False)
        x = x + y if x.shape == y.shape else y
    maps.append(unit(x, f"{root}/Conv_1"))
    for number, depth in ((2, 512), (3, 256), (4, 256), (5, 128)):
        y = unit(maps[-1], f"{root}/layer_19_1_Conv2d_{number}_1x1_{depth // 2}")
        full = f"{root}/layer_19_2_Conv2d_{number}_3x3_s2_{depth}"
        maps.append(unit(unit(y, f"{full}_depthwise", 2), full))

    def heads(predictor, size):
        rows = []
        for level, x in enumerate(maps):
            scope = f"BoxPredictor_{level}/{predictor}"
            rows.append(tf.reshape(unit(unit(x, f"{scope}_depthwise"), scope), (1, -1, size)))
        return tf.concat(rows, axis=1).numpy()

    return heads("BoxEncodingPredictor", 4), heads("ClassPredictor", 91)
