"""The same training on TensorFlow, JAX and PyTorch, and on several devices.

JAX and PyTorch are no dependencies: SSDLITE_OTHER_PYTHON may name a Python that has them.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.keras
proof = pytest.mark.skipif(not os.environ.get("SSDLITE_PROOFS"), reason="a proof: `make proofs`")

OTHER = os.environ.get("SSDLITE_OTHER_PYTHON", sys.executable)
PYTHONS = {"tensorflow": sys.executable, "jax": OTHER, "torch": OTHER}

# Weights are drawn by NumPy, which is the same everywhere. All eight images are one batch: the
# last feature maps are of one cell, and where a channel's eight values are alike, batch norm would
# divide by so little that a step showed rounding alone; its epsilon of 1 keeps gradients flat.
TRAIN = """
import itertools, json, sys
import keras
import numpy as np
from configs.load import load_config
from detector.data.open import open_dataset
from detector.network import build_detector
from training.batches.loader import Loader
from training.run.splits import train_val
from training.model.input_sizes import at_other_input_sizes, with_layers_of
from training.model.trainer import Trainer

data, head, folded = sys.argv[1], sys.argv[2], sys.argv[3] == "folded"
config = load_config("finetune", ["model.input_size=96", "model.width_multiplier=0.35",
    "loader.batch_size=8", "loader.workers=1", "train.optimizer=sgd", "train.warmup_share=0",
    "train.weight_decay=0", "train.clip_norm=1e6", "train.input_sizes=[128]",
    "train.learning_rate=3e-4", f"model.head={head}"])
training, _ = train_val(*(open_dataset(f"{data}:{split}") for split in ("train", "val")))
norms = [None, None] if folded else []
network = build_detector(config.model, 1, *norms)
rng = np.random.default_rng(0)
for layer in network.layers:
    if "Norm" in type(layer).__name__:
        layer.epsilon = 1.0
    else:
        scale = [np.sqrt(2 / max(np.prod(w.shape[:-1]), 9)) for w in layer.get_weights()]
        layer.set_weights([rng.normal(0, s, w.shape) for s, w in zip(scale, layer.get_weights())])
loader = Loader(training, config, augment=True)
others = [with_layers_of(network, build_detector(one.model, 1, *norms))
    for one in at_other_input_sizes(config)]
trainer = Trainer(network, config, others)
trainer.prepare(1000, "none")
epochs = [loader.batches(epoch) for epoch in (39, 0, 39)]  # of 96, 128 and 96 px
losses = [trainer.step(batch)["loss"] for batch in itertools.chain(*epochs)]
average = sum(float(np.abs(np.asarray(a)).sum()) for a in trainer.averaged_weights)
print(json.dumps({"losses": losses, "average": average}))
"""


def train(backend: str, data, head: str, form: str) -> dict:
    done = subprocess.run(
        [PYTHONS[backend], "-c", TRAIN, str(data), head, form],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def is_installed(backend: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{backend}') is None)"
    return subprocess.run([PYTHONS[backend], "-c", look], check=False).returncode == 0


@proof
@pytest.mark.parametrize("form", ["folded", "with batch norm"])
@pytest.mark.parametrize("head", ["ssdlite", "ssdlite_plus"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_steps_at_two_sizes_are_those_of_tensorflow(squares, backend, head, form):
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed; SSDLITE_OTHER_PYTHON may name a Python with it")
    expected, found = (train(one, squares, head, form) for one in ("tensorflow", backend))
    np.testing.assert_allclose(found["losses"], expected["losses"], rtol=1e-4)
    assert found["average"] == pytest.approx(expected["average"], rel=1e-4)


# One batch in one piece, and in two halves on two devices; images with unlike numbers of objects.
REPLICAS = """
import contextlib, json, sys
import numpy as np
import tensorflow as tf
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import keras
from configs.load import load_config
from detector.network import build_detector
from training.batches.loader import Batch
from training.model.trainer import Trainer

devices, head, form = int(sys.argv[1]), sys.argv[2], sys.argv[3]
config = load_config("finetune", ["model.input_size=96", "model.width_multiplier=0.35",
    "train.optimizer=sgd", "train.warmup_share=0", "train.weight_decay=0", f"model.head={head}"])
strategy = (tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)]).scope()
    if devices > 1 else contextlib.nullcontext())
with strategy:
    keras.utils.set_random_seed(0)
    norms = {"folded": [None, None], "with batch norm": []}[form]
    trainer = Trainer(build_detector(config.model, 2, *norms), config)
    trainer.prepare(1000, "none")
rng = np.random.default_rng(0)
corners = rng.uniform(0, 0.6, (4, 6, 2))
boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (4, 6, 2))], -1)
labels = rng.integers(0, 2, (4, 6))
labels[0, 1:] = labels[1] = -1
batch = Batch(rng.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8), boxes.astype("float32"), labels,
    np.zeros((4, 6), bool), np.arange(4))
steps = [trainer.step(batch) for _ in range(4)]
history = {name: [step[name] for step in steps] for name in steps[0]}
print(json.dumps({name: history[name] for name in ("loss", "classification_loss", "box_loss")}))
"""


def train_on(devices: int, head: str, form: str) -> dict[str, list[float]]:
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS, str(devices), head, form], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("head", [pytest.param("ssdlite", marks=proof), "ssdlite_plus"])
def test_two_devices_train_as_one_does(head):
    """Batch norm folded: each half of the batch is divided by the matched anchors of both."""
    one, two = (train_on(devices, head, "folded") for devices in (1, 2))
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5)


@proof
@pytest.mark.parametrize("head", ["ssdlite", "ssdlite_plus"])
def test_with_batch_norm_two_devices_train_too(head):
    """Its statistics are of each device's part of the batch, so the losses differ a little."""
    one, two = (train_on(devices, head, "with batch norm") for devices in (1, 2))
    assert np.all(np.isfinite(two["loss"]))
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=0.2)
