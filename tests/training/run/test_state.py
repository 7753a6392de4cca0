import contextlib
import json
import random
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from configs.errors import UserError
from training.run.state import State, are_finite, read_state, restore, write_state

pytestmark = pytest.mark.keras

SAVED = {
    "weights": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([0.1], np.float32)],
    "optimizer": [np.array(7, np.int64)],
}
STATE = State(3, 5, 61.25, 0.5, 1, "", [{"epoch": 1, "loss": 2.5, "AP": ""}], {"loss": 0.1}, 5)


def test_a_state_comes_back_bit_for_bit(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, SAVED, STATE)
    saved, state = read_state(path)
    assert state == STATE
    for part in ("weights", "optimizer"):
        for found, expected in zip(saved[part], SAVED[part], strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_the_order_is_kept_beyond_ten(tmp_path):
    many = {"weights": [np.array(number) for number in range(25)]}
    write_state(tmp_path / "state.npz", many, State())
    saved, _ = read_state(tmp_path / "state.npz")
    assert [int(one) for one in saved["weights"]] == list(range(25))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from detector.command import run
from training.run.state import State, write_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
big = {"weights": [np.ones(100_000, np.float32)]}
sys.exit(run(lambda: write_state(Path(sys.argv[1]), big, State()) or 0))
"""


def test_no_space_leaves_the_state_before(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, SAVED, STATE)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert errors == [f"error: cannot write {path}: File too large"]
    assert read_state(path)[1] == STATE
    assert [one.name for one in tmp_path.iterdir()] == ["state.npz"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "holds no state to resume from", id="missing"),
        pytest.param(b"", "damaged, or no state", id="empty"),
        pytest.param(b"PK\x03\x04 and so on", "damaged, or no state", id="cut off"),
    ],
)
def test_a_bad_state_is_one_line(tmp_path, content, says):
    path = tmp_path / "state.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=says):
        read_state(path)


def altered(path, **changes):
    """A state whose arrays or progress are others."""
    write_state(path, SAVED, STATE)
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    progress = json.loads(arrays.pop("progress").tobytes())
    for name, value in changes.items():
        if isinstance(value, np.ndarray):
            arrays[name.replace("_", "/")] = value
        else:
            progress[name] = value
    said = np.frombuffer(json.dumps(progress).encode(), np.uint8)
    np.savez(path, **arrays, progress=said)


def deep(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"epoch": "3"}, r"damaged \(epoch: .*, got '3'\)", id="a text"),
        pytest.param({"step": -1}, r"damaged \(step: .*, got -1\)", id="below zero"),
        pytest.param({"epoch": 10**30}, r"damaged \(epoch: ", id="huge"),
        pytest.param({"rows": [5]}, r"damaged \(rows\.0: .*, got 5\)", id="a row that is none"),
        pytest.param({"rows": [{"AP": [1]}]}, r"damaged \(rows\.0\.AP", id="a list in a row"),
        pytest.param({"losses": deep(500)}, "damaged", id="deep"),
        pytest.param({"more": 1}, r"damaged \(more: ", id="an unknown name"),
        pytest.param({"weights_0": np.array(["a"])}, "damaged, or no state", id="texts"),
        pytest.param({"weights_0": np.array([{}], object)}, "damaged, or no state", id="objects"),
    ],
)
def test_a_state_of_other_types_is_one_line(tmp_path, changes, says):
    altered(tmp_path / "state.npz", **changes)
    with pytest.raises(UserError, match=says) as caught:
        read_state(tmp_path / "state.npz")
    assert len(str(caught.value)) < len(str(tmp_path)) + 400


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_state_that_is_cut_off_is_one_line(tmp_path, share):
    path = tmp_path / "state.npz"
    write_state(path, SAVED, STATE)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="damaged, or no state of a run"):
        read_state(path)


@pytest.mark.parametrize(
    "saved",
    [
        pytest.param({"weights": SAVED["weights"]}, id="no optimizer"),
        pytest.param(SAVED | {"weights": SAVED["weights"][:1]}, id="an array fewer"),
        pytest.param(SAVED | {"optimizer": [np.zeros(3)]}, id="another shape"),
        pytest.param(SAVED | {"weights": [np.zeros((3, 2)), np.zeros(1)]}, id="turned"),
    ],
)
def test_arrays_of_another_model_are_refused(saved):
    def like(arrays):
        return [keras.Variable(np.zeros_like(one)) for one in arrays]

    optimizer = SimpleNamespace(variables=like(SAVED["optimizer"]))
    trainer: Any = SimpleNamespace(weights=like(SAVED["weights"]), optimizer=optimizer)
    restore(trainer, SAVED)
    with pytest.raises(ValueError, match="other arrays"):
        restore(trainer, saved)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_noticed(bad):
    assert are_finite(SAVED)
    assert not are_finite({"weights": [np.array([1.0, bad])]})


def test_losses_are_the_mean_of_an_epoch_also_behind_a_resumption(tmp_path):
    state = State()
    assert np.isnan(state.mean_loss("loss"))
    for loss in (1.0, 2.0):
        state.end_step({"loss": loss})
    write_state(tmp_path / "state.npz", SAVED, state)
    _, resumed = read_state(tmp_path / "state.npz")
    resumed.end_step({"loss": 6.0})
    assert (resumed.step, resumed.mean_loss("loss")) == (3, 3.0)
    resumed.end_epoch({"epoch": 1})
    assert (resumed.epoch, resumed.step, resumed.losses, resumed.counted) == (1, 0, {}, 0)


def test_a_state_of_version_0_1_can_be_resumed(tmp_path):
    """It held the sums of losses among its arrays; the mean is of the steps behind it."""
    path = tmp_path / "state.npz"
    progress = {"epoch": 1, "step": 2, "seconds": 9.0, "best": 0.5, "since_best": 0, "ending": ""}
    said = np.frombuffer(json.dumps({**progress, "rows": [{"epoch": 1}]}).encode(), np.uint8)
    np.savez(path, **{"weights/0": SAVED["weights"][0], "metrics/0": np.zeros(2)}, progress=said)
    saved, state = read_state(path)
    np.testing.assert_array_equal(saved["weights"][0], SAVED["weights"][0])
    state.end_step({"loss": 4.0})
    assert (state.epoch, state.step, state.mean_loss("loss")) == (1, 3, 4.0)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_bytes_a_state_has_it_is_read_or_refused(tmp_path, seed):
    rng = random.Random(seed)
    path = tmp_path / "state.npz"
    write_state(path, SAVED, STATE)
    content = path.read_bytes()
    for _ in range(5):
        damaged = bytearray(content)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        with contextlib.suppress(UserError):
            read_state(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_weight_that_is_not_finite_is_refused_before_it_is_trained(tmp_path, value):
    """None is ever saved, so that such a file is damaged."""
    saved = {**SAVED, "weights": [np.array([0.1, value], np.float32)]}
    write_state(tmp_path / "state.npz", saved, STATE)
    with pytest.raises(UserError, match=r"cannot read .*state\.npz: damaged"):
        read_state(tmp_path / "state.npz")
    write_state(tmp_path / "state.npz", {**SAVED, "optimizer": [np.array(value)]}, STATE)
    read_state(tmp_path / "state.npz")
