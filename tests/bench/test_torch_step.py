"""The PyTorch counterpart against the network and the loss that it is to equal."""

import json
import subprocess
import sys

import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import LossConfig, ModelConfig, TrainConfig
from detector.anchors import anchors_per_cell, model_anchors
from tests.bench import torch_step

CLASSES = 3


@pytest.fixture
def torch():
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # several wait for each other wherever another program runs
    return torch


def keras_network(size):
    """As `build_ssdlite` makes it, with weights that no signal fades under, nor rounding grows."""
    from detector.ssdlite import build_ssdlite

    network = build_ssdlite(ModelConfig(input_size=size), CLASSES)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name == "kernel":
            inputs = np.prod(weight.shape[:2] if "depthwise" in weight.path else weight.shape[:3])
            weight.assign(rng.normal(0, np.sqrt(1 / inputs), weight.shape))
        elif weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        else:
            weight.assign(rng.normal(0, 0.3, weight.shape))
    return network


def with_weights_of(network, torch):
    """The counterpart of a Keras network, also in its weights; both list them in one order."""
    copy = torch_step.Network(network.input_shape[1], CLASSES)
    for layer in network.layers:
        kernel_axes = (2, 3, 0, 1) if "depthwise" in layer.name else (3, 2, 0, 1)
        targets = copy.layers[layer.name].state_dict().values() if layer.weights else ()
        for values, target in zip(layer.get_weights(), targets, strict=False):
            values = values.transpose(kernel_axes) if values.ndim == 4 else values
            assert values.shape == target.shape
            target.copy_(torch.from_numpy(np.ascontiguousarray(values)))
    return copy


def images(size, batch=2):
    return np.random.default_rng(1).integers(0, 256, (batch, size, size, 3), dtype=np.uint8)


def test_tables_are_those_of_the_detector():
    from detector.backbones import V2_ROWS
    from detector.ssdlite import EXTRA_FILTERS

    assert torch_step._ROWS == V2_ROWS
    assert torch_step._EXTRA_FILTERS == EXTRA_FILTERS
    assert anchors_per_cell(ModelConfig()) == torch_step._ANCHORS_PER_CELL


@pytest.mark.parametrize("size", [96, 300], ids=["even sizes", "odd sizes too"])
def test_equal_weights_give_equal_outputs(torch, size):
    from keras import ops

    network = keras_network(size)
    copy = with_weights_of(network, torch)
    copy.layers.eval()
    with torch.no_grad():
        found = copy(torch.from_numpy(images(size).transpose(0, 3, 1, 2)))
    wanted = network(images(size), training=False)
    for ours, name in zip(found, ("box_deltas", "class_logits"), strict=True):
        theirs = ops.convert_to_numpy(wanted[name])
        assert theirs.std() > 0.1  # or else the tolerance would say nothing
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=0, atol=1e-4)


def test_as_many_weights_are_trained(torch):
    from detector.ssdlite import build_ssdlite

    network = build_ssdlite(ModelConfig(input_size=96), 20)
    weights = torch_step._Training(2, 96, 20).weights
    assert sum(w.numel() for w in weights) == sum(
        np.prod(w.shape) for w in network.trainable_weights
    )


def test_the_loss_is_that_of_training(torch):
    from keras import ops

    from training.batches.targets import Targets
    from training.model.losses import DetectionLoss

    rng = np.random.default_rng(0)
    config = ModelConfig(input_size=96)
    anchors = model_anchors(config)
    shape = (3, len(anchors))
    deltas, box_targets = rng.normal(0, 2, (2, *shape, 4)).astype(np.float32)
    logits = rng.normal(0, 3, (*shape, CLASSES + 1)).astype(np.float32)
    classes = rng.integers(1, CLASSES + 1, shape) * (rng.random(shape) < 0.05)
    classes[-1] = 0  # no object in this image
    loss = DetectionLoss(
        LossConfig().of_head("ssdlite"), anchors, config.anchors.variances, "sigmoid"
    )
    wanted = loss(
        deltas, logits, Targets(ops.convert_to_tensor(classes, "int32"), box_targets)
    ).total
    found = torch_step.detection_loss(
        *map(torch.from_numpy, (deltas, logits, classes, box_targets))
    )
    assert float(found) == pytest.approx(float(wanted), rel=1e-5)


def test_the_optimizer_is_that_of_training(torch):
    training, config = torch_step._Training(2, 96, CLASSES), TrainConfig()
    (group,) = training._optimizer.param_groups
    assert config.optimizer == "adamw"
    assert (group["lr"], group["weight_decay"]) == (config.learning_rate, config.weight_decay)
    assert training._clip.keywords == {"max_norm": config.clip_norm}


def test_steps_lower_the_loss(torch):
    training = torch_step._Training(2, 96, CLASSES)

    def loss():
        with torch.no_grad():
            outputs = training._network(training._images)
        return float(torch_step.detection_loss(*outputs, *training._targets))

    before = loss()
    for _ in range(5):
        training.step()
    assert loss() < before


def run_worker(*arguments, missing, orders=""):
    """The worker where packages are missing."""
    code = (
        "import runpy, sys; sys.modules.update(dict.fromkeys(sys.argv.pop(1).split()));"
        "runpy.run_module('tests.bench.torch_step', run_name='__main__', alter_sys=True)"
    )
    return subprocess.run(
        [sys.executable, "-c", code, missing, "--batch", "2", "--size", "96", *arguments],
        input=orders,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_worker_times_what_it_is_told_to_and_needs_nothing_but_torch(torch):
    missing = "keras tensorflow pydantic cv2"
    result = run_worker("--threads", "1", missing=missing, orders="1\n2\n")
    assert result.returncode == 0, result.stderr
    ready, *times = map(json.loads, result.stdout.splitlines())
    assert ready == {
        "ready": True,
        "torch": torch.__version__,
        "parameters": 3_355_833,
        "threads": 1,
    }
    assert [list(line) for line in times] == [["seconds"], ["seconds"]]
    assert min(line["seconds"] for line in times) > 0


def test_without_torch_one_line_says_what_to_do():
    result = run_worker(missing="torch")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error: {sys.executable} cannot import PyTorch")
    assert result.stderr.endswith("name the Python of any environment that has it\n")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("order", ["many\n", "0\n", "\n"])
def test_an_order_that_is_no_number_of_steps_is_refused(order):
    with pytest.raises(UserError, match="stdin: expected a number of steps"):
        torch_step._serve(None, [order])


def test_a_single_image_is_refused():
    with pytest.raises(UserError, match="give --batch 2 or more"):
        torch_step.main(["--batch", "1", "--size", "96"])
