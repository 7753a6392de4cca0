import subprocess
import sys

import numpy as np
import pytest

from configs.errors import UserError
from training.run.state import Progress, are_finite, read_state, write_state

pytestmark = pytest.mark.keras

SAVED = {
    "weights": [np.arange(6, dtype=np.float32).reshape(2, 3), np.array([0.1], np.float32)],
    "optimizer": [np.array(7, np.int64)],
    "metrics": [],
}
PROGRESS = Progress(3, 5, 61.25, 0.5, 1, [{"epoch": 1, "loss": 2.5, "AP": ""}])


def test_a_state_comes_back_bit_for_bit(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, SAVED, PROGRESS)
    saved, progress = read_state(path)
    assert progress == PROGRESS
    for part in ("weights", "optimizer"):
        for found, expected in zip(saved[part], SAVED[part], strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)


def test_the_order_is_kept_beyond_ten(tmp_path):
    many = {"weights": [np.array(number) for number in range(25)]}
    write_state(tmp_path / "state.npz", many, Progress())
    saved, _ = read_state(tmp_path / "state.npz")
    assert [int(one) for one in saved["weights"]] == list(range(25))


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
import numpy as np
from detector.command import run
from training.run.state import Progress, write_state
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
big = {"weights": [np.ones(100_000, np.float32)]}
sys.exit(run(lambda: write_state(Path(sys.argv[1]), big, Progress()) or 0))
"""


def test_no_space_leaves_the_state_before(tmp_path):
    path = tmp_path / "state.npz"
    write_state(path, SAVED, PROGRESS)
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert errors == [f"error: cannot write {path}: File too large"]
    assert read_state(path)[1] == PROGRESS
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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_noticed(bad):
    assert are_finite(SAVED)
    assert not are_finite({"weights": [np.array([1.0, bad])]})
