from pathlib import Path

import numpy as np
import pytest

from detector.types import Sample


@pytest.fixture
def sample_of():
    """A sample of an image that is never read: `sample_of(boxes, labels, ...)`."""

    def make(boxes, labels=None, height=100, width=200, crowd=(), difficult=(), name="a") -> Sample:
        count = len(boxes)
        rows = np.arange(count)
        return Sample(
            name,
            Path(f"{name}.jpg"),
            height,
            width,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(labels if labels is not None else [0] * count, np.int64),
            np.isin(rows, crowd),
            np.isin(rows, difficult),
            source=Path(f"{name}.xml"),
            elements=tuple(f"object {row + 1}" for row in range(count)),
        )

    return make


# A network and a run small enough for a test.
TINY = (
    "model.backbone=mobilenet_v1",
    "model.input_size=96",
    "model.width_multiplier=0.25",
    "loader.batch_size=4",
    "train.evaluate_every=1",
)


@pytest.fixture
def tiny():
    """Settings for `load_config` or `--set`: `tiny("train.epochs=2")`."""
    return lambda *more: [*TINY, *more]


def run_eagerly(monkeypatch) -> None:
    """Let training steps run as they are written: slower each, but there is no graph to build.

    So each counts, and the plan times one instead of five.
    """
    import functools

    from training.model.trainer import Trainer
    from training.run import plan

    compile_eagerly = functools.partialmethod(Trainer.compile, run_eagerly=True)
    monkeypatch.setattr(Trainer, "compile", compile_eagerly)
    monkeypatch.setattr(plan, "TIMED_STEPS", 1)


@pytest.fixture
def eagerly(monkeypatch):
    run_eagerly(monkeypatch)
