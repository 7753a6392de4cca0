"""The plan of a run: epochs, steps, time, memory and warnings, before its first step."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from configs.schema import Config
from configs.typed_form import command_name
from detector.data.findings import counted
from detector.types import Sample
from training.batches.course import Course
from training.batches.loader import Loader, cache_bytes
from training.model.anchor_coverage import AnchorCoverage, measure_anchor_coverage
from training.model.optimizer import backbone_share, scaled_rate
from training.model.trainer import Trainer
from training.run.negatives import lacks_negatives
from training.run.prefetch import Prefetch
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
        step: seconds, the median; of several input sizes, the mean over the epochs.
        memory: of this process behind them, bytes.
        building: seconds to build the graphs of further input sizes; 0 with one size.
    """

    step: float
    memory: int
    building: float = 0.0


def time_steps(trainer: Trainer, loader: Loader) -> Timing:
    """Train a few steps, measure them, and undo them.

    The first one, in which everything is compiled, does not count. Of several input sizes the
    smallest and the largest are timed; between them time grows with the area.

    Args:
        trainer: compiled and built; as before when this returns.
        loader: of the training images.
    """
    import psutil

    before = snapshot(trainer)
    sizes = loader.course.input_sizes()
    timed = sorted({int(sizes.min()), int(sizes.max())})
    seconds = np.array([_step_seconds(trainer, loader.at_size(size)) for size in timed])
    restore(trainer, before)
    first, others = seconds[:, 0], np.median(seconds[:, 1:], axis=1)
    return Timing(
        step=float(np.interp(sizes**2, np.square(timed), others).mean()),
        memory=psutil.Process().memory_info().rss,
        building=float((first - others).max()) * (len(np.unique(sizes)) - 1),
    )


def _step_seconds(trainer: Trainer, loader: Loader) -> list[float]:
    """Of each of a few steps."""
    ends = [time.perf_counter()]
    with contextlib.closing(Prefetch(loader, 0, 0)) as batches:
        for _ in range(TIMED_STEPS + 1):
            trainer.step(batches.next())
            ends.append(time.perf_counter())
    return np.diff(ends).tolist()


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
        start: what it starts from.
        fit: of the objects to the anchors, of a sample of the images where they are many.
        timing: of the first steps.
        trains_norm: whether batch norm takes the statistics of each batch.
        precision: "float32" or "bfloat16".
        has_gpu: whether that is where it trains.
        empty: images to learn from that show no object; None where nothing is made of it.
        over_limits: in words, which images have more objects than limits let through.
        repeats: in words, which classes are shown more often; "" for none.
    """

    config: Config
    images: int
    validation: int
    counts: Mapping[str, int]
    steps: int
    epochs: int
    start: str
    fit: AnchorCoverage
    timing: Timing
    trains_norm: bool
    precision: str
    has_gpu: bool
    empty: int | None = None
    over_limits: Sequence[str] = ()
    repeats: str = ""

    @property
    def seconds(self) -> float:
        """Expected, measurements included."""
        return self.timing.building + self.epochs * self.epoch_seconds

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
        share = backbone_share(config.train, self.steps * self.epochs, self.start)
        slower = f"; for the backbone {share:.2g} of it" if share != 1 else ""
        objects = sum(self.counts.values())
        empty = f" ({self.empty:,} without objects)" if self.empty else ""
        lines = [
            f"{self.images:,} images{empty}, {objects:,} objects of "
            f"{counted(len(self.counts), 'class')}; {self.validation:,} images to validate",
            f"{counted(self.epochs, 'epoch')} of {self.steps} steps, {batch} images each; learning "
            f"rate {rate:.2g} ({config.train.optimizer}, {self.precision}){slower}",
            *([self.repeats] if self.repeats else []),
            *Course(config, self.epochs).to_lines(),
            f"about {duration(self.seconds)}: {self.timing.step:.2f} s a step, "
            f"{batch / self.timing.step:.1f} images/s; memory {self._memory / 1e9:.1f} GB",
        ]
        if len(fit):
            lines.append(_anchors_in_words(fit))
        return lines + [f"warning: {one}" for one in self.warnings()]

    def warnings(self) -> list[str]:
        """Where a setting will disappoint, and what to do."""
        config, fit, found = self.config, self.fit, []
        missing = [name for name, count in self.counts.items() if not count]
        if missing:
            found.append(f"no object to learn of {', '.join(missing)}")
        if self.empty is not None and (lack := lacks_negatives(len(self.counts), self.empty)):
            found.append(lack)
        found += self.over_limits
        if len(fit):
            small, unreached = fit.small.mean(), fit.unreached.mean()
            if small > _MANY_SMALL:
                found.append(
                    f"{small:.0%} of the objects are under {fit.cell} px at the input size, and "
                    f"will be missed; try model.input_size={_larger(config.model.input_size)}"
                )
            elif unreached > _MANY_UNREACHED:
                found.append(
                    f"no anchor fits {unreached:.0%} of the objects; "
                    f"{command_name('training.check')} shows which"
                )
        if self.trains_norm and config.loader.batch_size < _SMALL_BATCH:
            rest = ", or train.freeze_norm=true" if config.model.head == "ssdlite" else ""
            found.append(
                f"batch norm trains on batches of {config.loader.batch_size}: use 8 or more{rest}"
            )
        if self.steps * self.epochs < _FEW_STEPS:
            found.append(f"{self.steps * self.epochs} steps are few; raise train.epochs or --time")
        if self.precision == "bfloat16" and not self.has_gpu:
            found.append("bfloat16 is slower than float32 on a CPU; leave train.precision at auto")
        return found

    @property
    def _memory(self) -> int:
        return self.timing.memory + cache_bytes(self.images, self.config)


def sampled_fit(samples: Sequence[Sample], config: Config, name: str) -> AnchorCoverage:
    """The fit of the objects to the anchors, of evenly spread images where they are many."""
    return measure_anchor_coverage(samples[:: max(1, len(samples) // _SAMPLED)], config, name)


def _anchors_in_words(fit: AnchorCoverage) -> str:
    if fit.best_iou is None:
        return f"up to {fit.positives.mean():.1f} anchors for each object, of those in or beside it"
    return (
        f"{fit.positives.mean():.1f} anchors for each object; {fit.unreached.mean():.0%} "
        "of the objects have none at IoU 0.5 and get their best one"
    )


def duration(seconds: float) -> str:
    """Such as "12 min" or "3.5 h"."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _larger(input_size: int) -> int:
    return min(round(input_size * 1.5 / 32) * 32, 640)
