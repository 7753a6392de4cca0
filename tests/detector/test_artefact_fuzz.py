"""Mutated `model.keras` and `detector.json`: refused in a line, or a network of finite weights.

A few dozen cases here; `make proofs` runs 10,000.
"""

import os
import random
import shutil
import zipfile

import keras
import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import ModelConfig
from detector import artefact
from detector.artefact import DESCRIPTION, NETWORK, DetectorSpec
from tests.tools.mutate import mutate

pytestmark = [pytest.mark.keras, pytest.mark.slow]

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 60
CONFIG = ModelConfig(input_size=96, width_multiplier=0.35)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model folder whose network is a toy of the right form, which loads at once."""
    spec = DetectorSpec(name="toy", model=CONFIG, class_names=("a",), category_ids=(1,))
    image = keras.Input((96, 96, 3))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    outputs = {
        name: keras.layers.Reshape(shape)(keras.layers.Dense(int(np.prod(shape)))(mean))
        for name, shape in spec.output_shapes.items()
    }
    folder = tmp_path_factory.mktemp("model") / "toy"
    artefact.save(folder, keras.Model(image, outputs), spec)
    return folder


def mutated_part(file, rng):
    """The archive with one of its files mutated and its check sums right."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(parts))
    with zipfile.ZipFile(file, "w") as archive:
        for one, data in parts.items():
            archive.writestr(one, mutate(data, rng) if one == name else data)


def load(folder):
    """Whether it could be loaded; what cannot be is refused in a short line."""
    try:
        network = artefact.load(folder).network
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        return False
    assert all(np.isfinite(one).all() for one in network.get_weights())
    return True


@pytest.mark.parametrize("kind", ["digest", "bytes", "part", "description"])
def test_a_mutated_model_is_refused_or_sound(saved, tmp_path, kind):
    rng, loaded = random.Random(0), 0
    for _ in range(CASES // 4):
        folder = shutil.copytree(saved, tmp_path / "m", dirs_exist_ok=True)
        if kind == "description":
            file = folder / DESCRIPTION
            file.write_bytes(mutate(file.read_bytes(), rng))
        elif kind == "part":
            mutated_part(folder / NETWORK, rng)
        else:
            file = folder / NETWORK
            file.write_bytes(mutate(file.read_bytes(), rng))
        loaded += load(folder)
    assert loaded < CASES / 4
