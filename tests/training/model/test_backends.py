"""The same training on TensorFlow, JAX and PyTorch, and on several devices.

JAX and PyTorch are no dependencies: SSDLITE_OTHER_PYTHON may name a Python that has them.
"""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(
    not os.environ.get("SSDLITE_PROOFS"), reason="a proof: `make proofs`"
)

OTHER = os.environ.get("SSDLITE_OTHER_PYTHON", sys.executable)
PYTHONS = {"tensorflow": sys.executable, "jax": OTHER, "torch": OTHER}

# Weights are drawn by NumPy, which is the same everywhere. All eight images are one batch: the
# last feature maps are of one cell, and a batch norm over four values makes gradients so steep that
# a step shows rounding alone (measured: 15 % apart; of eight values 0.2 %).
TRAIN = """
import itertools, json, sys
import keras
import numpy as np
from configs.load import load_config
from detector.data.open import open_dataset
from detector.ssdlite import build_ssdlite
from training.batches.loader import Loader
from training.run.splits import train_val
from training.model.input_sizes import at_other_input_sizes, with_layers_of
from training.model.optimizer import make_optimizer
from training.model.trainer import Trainer

data, folded = sys.argv[1], sys.argv[2] == "folded"
config = load_config("finetune", ["model.input_size=96", "model.width_multiplier=0.35",
    "loader.batch_size=8", "loader.workers=1", "train.optimizer=sgd", "train.warmup_share=0",
    "train.weight_decay=0", "train.clip_norm=1e6", "train.input_sizes=[128]",
    f"train.learning_rate={3e-4 if folded else 1e-6}"])
training, _ = train_val(*(open_dataset(f"{data}:{split}") for split in ("train", "val")))
norm = [None] if folded else []
network = build_ssdlite(config.model, 1, *norm)
rng = np.random.default_rng(0)
for layer in network.layers:
    if "Norm" not in type(layer).__name__:
        scale = [np.sqrt(2 / max(np.prod(w.shape[:-1]), 9)) for w in layer.get_weights()]
        layer.set_weights([rng.normal(0, s, w.shape) for s, w in zip(scale, layer.get_weights())])
loader = Loader(training, config, augment=True)
others = [with_layers_of(network, build_ssdlite(one.model, 1, *norm))
    for one in at_other_input_sizes(config)]
trainer = Trainer(network, config, others)
trainer.compile(optimizer=make_optimizer(config.train, 8, 1000), jit_compile=False)
epochs = [loader.batches(epoch) for epoch in (39, 0, 39)]  # of 96, 128 and 96 px
losses = [trainer.step(batch)["loss"] for batch in itertools.chain(*epochs)]
average = sum(float(np.abs(np.asarray(a)).sum()) for a in trainer.averaged_weights)
print(json.dumps({"losses": losses, "average": average}))
"""


def train(backend: str, data, form: str) -> dict:
    done = subprocess.run(
        [PYTHONS[backend], "-c", TRAIN, str(data), form],
        env={**os.environ, "KERAS_BACKEND": backend},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def is_installed(backend: str) -> bool:
    look = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{backend}') is None)"
    return subprocess.run([PYTHONS[backend], "-c", look], check=False).returncode == 0


@pytest.mark.parametrize("form", ["folded", "with batch norm"])
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_steps_at_two_sizes_are_those_of_tensorflow(squares, backend, form):
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed; SSDLITE_OTHER_PYTHON may name a Python with it")
    expected, found = train("tensorflow", squares, form), train(backend, squares, form)
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
from detector.ssdlite import build_ssdlite
from training.batches.loader import Batch
from training.model.trainer import Trainer

devices, form = int(sys.argv[1]), sys.argv[2]
config = load_config("finetune", ["model.input_size=96", "model.width_multiplier=0.35"])
strategy = (tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(devices)]).scope()
    if devices > 1 else contextlib.nullcontext())
with strategy:
    keras.utils.set_random_seed(0)
    norms = {"folded": [None], "with batch norm": []}[form]
    trainer = Trainer(build_ssdlite(config.model, 2, *norms), config)
    trainer.compile(optimizer=keras.optimizers.SGD(1e-3, momentum=0.9), jit_compile=False)
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


def train_on(devices: int, form: str) -> dict[str, list[float]]:
    done = subprocess.run(
        [sys.executable, "-c", REPLICAS, str(devices), form], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_two_devices_train_as_one_does():
    """Batch norm folded: each half of the batch is divided by the matched anchors of both."""
    one, two = train_on(1, "folded"), train_on(2, "folded")
    for name in one:
        np.testing.assert_allclose(two[name], one[name], rtol=1e-5)


def test_with_batch_norm_two_devices_train_too():
    """Its statistics are of each device's part of the batch, so the losses differ a little."""
    one, two = train_on(1, "with batch norm"), train_on(2, "with batch norm")
    assert np.all(np.isfinite(two["loss"]))
    np.testing.assert_allclose(two["loss"], one["loss"], rtol=0.2)
