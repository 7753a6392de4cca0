from pathlib import Path

import numpy as np
import pytest

from eval.timing.rounds import Measured
from eval.timing.worker import About, Contender


@pytest.fixture
def make(tmp_path):
    """A contender whose rounds take the given milliseconds, end to end; half of that to run."""

    def make_one(*round_ms, model="model.npz", name="m", threads=1, is_peer=False):
        file = tmp_path / Path(model).name
        file.write_bytes(bytes(2_000_000))
        rows = [np.outer(np.ones(4), [0.1, 0.1, 0.5, 0.1, 0.1, 1.0]) * ms for ms in round_ms]
        if is_peer:
            for one in rows:
                one[:, 3:5] = np.nan
        return Measured(
            Contender(model, threads, is_peer=is_peer),
            About(name, "keras", file, (300, 300), 4 if is_peer else None),
            starts_s=[9.0, 2.0, 1.0],
            rounds=rows,
            peak_memory_mb=100.0,
            images_per_s=[50.0, 70.0],
        )

    return make_one
