"""What a run is going to do, in words, before its first step: so that nobody waits in vain."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from configs.schema import Config
from configs.typed_form import command_name
from detector.types import Sample
from training.batches.loader import cache_bytes
from training.doctor.anchor_checks import SMALL, AnchorFit, fit_anchors
from training.model.schedule import scaled_rate
from training.model.trainer import Trainer
from training.run.prefetch import Feed
from training.run.state import restore, snapshot

TIMED_STEPS = 5
_SAMPLED = 2000  # images whose objects are matched with the anchors
_FEW_STEPS = 200  # in which little can be learnt
_SMALL_BATCH = 8  # under which the statistics of batch norm are noise
_MANY_SMALL = 0.3  # of the objects
_MANY_UNREACHED = 0.3
_MEASURING = 0.05  # seconds an image, about, for a measurement with and without averaging


@dataclass(frozen=True)
class Timing:
    """Of a few steps, which are undone afterwards.

    Attributes:
        step: seconds, the median.
        memory: of this process behind them, bytes.
    """

    step: float
    memory: int


def time_steps(trainer: Trainer, feed: Feed) -> Timing:
    """Train a few steps, measure them, and undo them.

    The first one, in which everything is compiled, does not count.

    Args:
        trainer: compiled and built; as before when this returns.
        feed: of batches.
    """
    import psutil

    before = snapshot(trainer)
    clock = _Clock()
    run: Any = trainer.fit  # its `verbose` is declared a str
    with feed.own_errors():
        run(
            feed.from_step(0),
            steps_per_epoch=TIMED_STEPS + 1,
            shuffle=False,
            verbose=0,
            callbacks=[clock],
        )
    restore(trainer, before)
    feed.waited = 0.0
    seconds = np.diff(clock.times)
    return Timing(float(np.median(seconds)), psutil.Process().memory_info().rss)


class _Clock(keras.callbacks.Callback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        del batch
        float((logs or {})["loss"])  # devices work ahead; this waits for them
        self.times.append(time.perf_counter())


@dataclass(frozen=True)
class Plan:
    """A run before its first step.

    Attributes:
        config: of it.
        images: to learn from.
        validation: images to measure on.
        counts: objects to learn, by class.
        steps: per epoch.
        epochs: of the run.
        fit: of the objects to the anchors, of a sample of the images where they are many.
        timing: of the first steps.
        trains_norm: whether batch norm takes the statistics of each batch.
        precision: "float32" or "bfloat16".
        has_gpu: whether that is where it trains.
    """

    config: Config
    images: int
    validation: int
    counts: Mapping[str, int]
    steps: int
    epochs: int
    fit: AnchorFit
    timing: Timing
    trains_norm: bool
    precision: str
    has_gpu: bool

    @property
    def seconds(self) -> float:
        """Expected, measurements included."""
        return self.epochs * self.epoch_seconds

    @property
    def epoch_seconds(self) -> float:
        """Expected of one epoch, with its share of the measurements."""
        measuring = self.validation * _MEASURING / self.config.train.evaluate_every
        return self.steps * self.timing.step + measuring

    def to_lines(self) -> list[str]:
        """In words; the last lines are warnings, where there are any."""
        config, fit = self.config, self.fit
        batch = config.loader.batch_size
        rate = scaled_rate(config.train, batch)
        objects = sum(self.counts.values())
        lines = [
            f"{self.images:,} images, {objects:,} objects of {len(self.counts)} classes; "
            f"{self.validation:,} images to validate",
            f"{self.epochs} epochs of {self.steps} steps, {batch} images each; learning rate "
            f"{rate:.2g} ({config.train.optimizer}, {self.precision})",
            f"about {duration(self.seconds)}: {self.timing.step:.2f} s a step, "
            f"{batch / self.timing.step:.1f} images/s; memory {self._memory / 1e9:.1f} GB",
        ]
        if len(fit.best_iou):
            lines.append(
                f"{fit.positives.mean():.1f} anchors for each object; {fit.unreached.mean():.0%} "
                "of the objects have none at IoU 0.5 and get their best one"
            )
        return lines + [f"warning: {one}" for one in self.warnings()]

    def warnings(self) -> list[str]:
        """Where a setting will disappoint, and what to do."""
        config, fit, found = self.config, self.fit, []
        missing = [name for name, count in self.counts.items() if not count]
        if missing:
            found.append(f"no object to learn of {', '.join(missing)}")
        if len(fit.best_iou):
            small, unreached = (fit.side < SMALL).mean(), fit.unreached.mean()
            if small > _MANY_SMALL:
                found.append(
                    f"{small:.0%} of the objects are under {SMALL:g} px at the input size, and "
                    f"will be missed; try model.input_size={_larger(config.model.input_size)}"
                )
            elif unreached > _MANY_UNREACHED:
                found.append(
                    f"no anchor fits {unreached:.0%} of the objects; "
                    f"{command_name('training.check')} shows which"
                )
        if self.trains_norm and config.loader.batch_size < _SMALL_BATCH:
            found.append(
                f"batch norm trains on batches of {config.loader.batch_size}: use 8 or more, or "
                "train.freeze_norm=true"
            )
        if self.steps * self.epochs < _FEW_STEPS:
            found.append(f"{self.steps * self.epochs} steps are few; raise train.epochs or --time")
        if self.precision == "bfloat16" and not self.has_gpu:
            found.append("bfloat16 is slower than float32 on a CPU; leave train.precision at auto")
        return found

    @property
    def _memory(self) -> int:
        return self.timing.memory + cache_bytes(self.images, self.config)


def sampled_fit(samples: Sequence[Sample], config: Config, name: str) -> AnchorFit:
    """The fit of the objects to the anchors, of evenly spread images where they are many."""
    return fit_anchors(samples[:: max(1, len(samples) // _SAMPLED)], config.model, name)


def duration(seconds: float) -> str:
    """Such as "12 min" or "3.5 h"."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _larger(input_size: int) -> int:
    return min(round(input_size * 1.5 / 32) * 32, 640)
