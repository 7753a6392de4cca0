"""What every test shares: a quiet TensorFlow, hypothesis profiles, and the optional real data."""

import os
import warnings
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("proofs", deadline=None, max_examples=3000)
settings.load_profile("proofs" if os.environ.get("SSDLITE_PROOFS") else "ci")


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_imported_once():
    """Importing TensorFlow warns about its own dependencies; our code must not warn at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow  # noqa: F401


@pytest.fixture(autouse=True)
def _seeded():
    """Random weights are the same in every run."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real pictures and weights, which the project does not ship."""
    folder = os.environ.get("SSDLITE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SSDLITE_TEST_DATA does not name the folder of real pictures and weights")
    return Path(folder)
