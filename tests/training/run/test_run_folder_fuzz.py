"""Mutated `run.json` and `state.npz`: refused in a short line, or read; 10,000 in `make proofs`."""

import json
import os
import random

import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import Config
from tests.tools.mutate import mutate
from training.run.run_folder import RunFolder, RunSettings
from training.run.state import State, read_state, write_state

pytestmark = [pytest.mark.slow]

CASES = 10_000 if os.environ.get("SSDLITE_PROOFS") else 300
VALUES = [None, True, 0, -1, 1.5, "x" * 300, [], {}, [["a"]], {"a": 1}, [[1] * 50] * 50, 10**30]


@pytest.fixture
def folder(tmp_path):
    run = RunFolder(tmp_path / "run")
    settings = RunSettings("bccd", None, "none", None, None, 3, "ab12", [[0.1, 0.2]] * 3)
    run.create(Config(), settings, {})
    return run


def read(folder):
    """Whether it could be read; what cannot be is refused in a short line."""
    try:
        _, settings = folder.read()
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 600
        return False
    assert isinstance(settings.data, str)
    assert isinstance(settings.epochs, int) and settings.epochs > 0
    assert settings.class_choice is not None
    return True


def test_a_mutated_run_json_is_refused_or_read(folder):
    file, rng = folder.path / "run.json", random.Random(0)
    original, good = file.read_bytes(), 0
    for _ in range(CASES // 2):
        file.write_bytes(mutate(original, rng))
        good += read(folder)
    assert 0 < good < CASES // 2


def test_a_run_json_with_values_of_another_type_is_refused_or_read(folder):
    file, rng = folder.path / "run.json", random.Random(0)
    original, good = json.loads(file.read_text()), 0
    for _ in range(CASES // 2):
        keys = rng.sample(sorted(original), rng.choice([1, 1, 2]))
        file.write_text(json.dumps(original | {key: rng.choice(VALUES) for key in keys}))
        good += read(folder)
    assert 0 < good < CASES // 2


@pytest.mark.keras
def test_a_mutated_state_is_refused_or_read(folder):
    rng, good = random.Random(0), 0
    saved = {"weights": [np.ones((3, 4), np.float32)], "optimizer": [np.array(7, np.int64)]}
    write_state(folder.state, saved, State(1, 2, 3.5, 0.25, rows=[{"epoch": 1}], losses={"a": 1.0}))
    original = folder.state.read_bytes()
    for _ in range(CASES):
        folder.state.write_bytes(mutate(original, rng))
        try:
            arrays, state = read_state(folder.state)
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 600
            continue
        good += 1
        assert state.epoch >= 0
        assert {type(one) for many in arrays.values() for one in many} == {np.ndarray}
    assert 0 < good < CASES
