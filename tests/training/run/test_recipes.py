"""Every recipe that comes with the project is started for two steps."""

import itertools
import json
import os

import numpy as np
import pytest

from configs.load import config_names, load_config
from detector.data.open import open_dataset
from training import classify
from training.batches.loader import Loader
from training.model.networks import keeps_statistics, make_networks
from training.model.optimizer import make_optimizer
from training.model.trainer import Trainer
from training.run.splits import train_val

pytestmark = pytest.mark.keras

PROOFS = bool(os.environ.get("SSDLITE_PROOFS"))
# In CI nothing but the sizes is changed, and steps run without building a graph.
SMALL = ("model.input_size=96", "model.width_multiplier=0.35", "loader.batch_size=4")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", [name for name in config_names() if name != "cifar10"])
def test_a_detector_recipe_starts(name, squares):
    config = load_config(name, () if PROOFS else SMALL)
    training, _ = train_val(*(open_dataset(f"{squares}:{part}") for part in ("train", "val")))
    samples = [*training] * config.loader.batch_size  # enough for two full batches
    keeps_norm = keeps_statistics(config.train, len(samples), "none")
    networks = make_networks(config, ("square",), samples, None, keeps_norm, lambda _: None)
    loader = Loader(samples, config, augment=True)
    trainer = Trainer(networks.trained, config)
    optimizer = make_optimizer(config.train, config.loader.batch_size, 100)
    trainer.compile(optimizer=optimizer, run_eagerly=not PROOFS, jit_compile=False)
    before = trainer.network.get_weights()
    losses = [trainer.step(batch)["loss"] for batch in itertools.islice(loader.batches(0), 2)]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    moved = [np.any(a != b) for a, b in zip(before, trainer.network.get_weights(), strict=True)]
    assert np.mean(moved) > 0.9


@pytest.mark.timeout(1200)
def test_the_classifier_recipe_starts(tmp_path, capsys):
    """On CIFAR-10's binary form with 64 images: a byte of label, then planes of 32x32."""
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        labels = rng.integers(0, 10, (13, 1), np.uint8)
        rows = np.concatenate([labels, rng.integers(0, 256, (13, 3072), np.uint8)], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    small = [] if PROOFS else ["--width", "0.25"]
    words = ["train", "--data", str(folder), "--output", str(tmp_path / "run")]
    assert classify.main([*words, "--config", "cifar10", "--epochs", "1", *small]) == 0
    assert "mobilenet_v1" in capsys.readouterr().out
    made = json.loads((tmp_path / "run/classifier.json").read_text())
    assert made["resolution"] == 64
    assert made["width"] == (1.0 if PROOFS else 0.25)
    assert made["recipe"]["training_pictures"] == 65
