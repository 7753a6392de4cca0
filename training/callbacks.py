"""What happens beside the steps: a moving average of the weights, mAP, and what is kept."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from configs.schema import Config
from detector import artefact
from detector.artefact import DetectorSpec
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.predictor import Predictor
from detector.runtimes.keras_model import KerasRuntime
from detector.types import Sample
from eval.evaluator import evaluate
from eval.run import MAX_DETECTIONS, SCORE_THRESHOLD, predict_all
from eval.scored import Scored, ScoredSet


class MovingAverage(keras.callbacks.Callback):
    """A moving average of all weights: at step t the decay is min(momentum, (1 + t) / (10 + t)).

    Args:
        network: whose weights are averaged, those of batch norm's statistics too.
        momentum: the decay of late steps.

    Source: the decay of early steps is TensorFlow's `ExponentialMovingAverage(num_updates=t)`.
    """

    def __init__(self, network: keras.Model, momentum: float) -> None:
        super().__init__()
        self._network = network
        self._momentum = momentum
        self._steps = 0
        self._average = network.get_weights()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Move the average towards the weights."""
        del batch, logs
        self._steps += 1
        decay = min(self._momentum, (1 + self._steps) / (10 + self._steps))
        for average, weight in zip(self._average, self._network.weights, strict=True):
            average += (1 - decay) * (np.asarray(weight) - average)

    @contextlib.contextmanager
    def swapped_in(self) -> Iterator[None]:
        """The network has the average as its weights, within the block."""
        own = self._network.get_weights()
        self._network.set_weights(self._average)
        try:
            yield
        finally:
            self._network.set_weights(own)


class Deadline(keras.callbacks.Callback):
    """Ends training in time.

    Args:
        seconds: from now.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._end = time.monotonic() + seconds

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Ask `fit` to stop."""
        del batch, logs
        if time.monotonic() > self._end and self.model is not None:
            self.model.stop_training = True


class Keeper(keras.callbacks.Callback):
    """Measures mAP by the predictor that ships, and keeps the best and the last model.

    Args:
        network: that trains.
        average: of its weights; None if there is none.
        validation: the data set to measure on; its labels are those of `spec`.
        spec: describes the model.
        config: of the run.
        stock: a network of stock layers with the same weights, which is what is saved.
        output: the run's folder.
        tell: takes a line for the user.

    Attributes:
        best: the highest AP so far; -1 before the first.
    """

    def __init__(
        self,
        network: keras.Model,
        average: MovingAverage | None,
        validation: Dataset,
        spec: DetectorSpec,
        config: Config,
        stock: keras.Model,
        output: Path,
        tell: Callable[[str], None],
    ) -> None:
        super().__init__()
        self._network, self._average, self._stock = network, average, stock
        self._validation, self._spec, self._config = validation, spec, config
        self._output, self._tell = output, tell
        self._since_best = 0
        self.best = -1.0
        thresholds = spec.postprocess.model_copy(
            update={"score_threshold": SCORE_THRESHOLD, "max_detections": MAX_DETECTIONS}
        )
        self._predictor = Predictor(KerasRuntime(stock), spec, thresholds)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, where this epoch is to be, and keep."""
        config = self._config.train
        if (epoch + 1) % config.evaluate_every and epoch + 1 != config.epochs:
            return
        found = {"raw": self._measure()}
        self._save("last", found["raw"])
        self._keep_if_best(found["raw"], "weights", epoch)
        if self._average:
            with self._average.swapped_in():
                found["average"] = self._measure()
                self._keep_if_best(found["average"], "averaged weights", epoch)
        ap = max(figures["AP"] for figures in found.values())
        if logs is not None:
            logs["AP"], logs["AP50"] = ap, max(figures["AP50"] for figures in found.values())
        self._since_best = 0 if ap >= self.best else self._since_best + 1
        if config.patience and self._since_best >= config.patience and self.model is not None:
            self._tell(f"no better AP for {config.patience} evaluations: stopping")
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Keep what there is, where training ended between two measurements."""
        del logs
        if self.best < 0:
            self.on_epoch_end(self._config.train.epochs - 1)

    def _measure(self) -> dict[str, float]:
        self._stock.set_weights(self._network.get_weights())
        found = predict_all(lambda: self._predictor, self._validation)
        pictures = [Scored(sample, detections) for sample, detections in found]
        name, data = self._spec.name, self._validation.name
        scored = ScoredSet(name, data, self._spec.classes, pictures, {})
        return dict(evaluate(scored, "fast").figures)

    def _keep_if_best(self, figures: dict[str, float], which: str, epoch: int) -> None:
        if figures["AP"] > self.best:
            self.best = figures["AP"]
            self._save("best", figures)
            self._tell(
                f"epoch {epoch + 1}: AP {figures['AP']:.3f}, AP50 {figures['AP50']:.3f}: "
                f"the best so far ({which})"
            )

    def _save(self, name: str, figures: dict[str, float]) -> None:
        metrics = {key: value for key, value in figures.items() if value >= 0}
        spec = self._spec.model_copy(update={"metrics": metrics})
        artefact.save(self._output / name, self._stock, spec)


def relabelled(dataset: Dataset, classes: ClassMap) -> list[Sample]:
    """The samples of a data set in the labels of another class map, by name."""
    from eval.scored import truth_of

    return [truth_of(sample, dataset.classes, classes) for sample in dataset]


def count_objects(samples: Sequence[Sample], classes: ClassMap) -> dict[str, int]:
    """Objects of each class that are learnt, by name."""
    counts = np.zeros(len(classes), np.int64)
    for sample in samples:
        np.add.at(counts, sample.labels[~(sample.is_crowd | sample.is_difficult)], 1)
    return dict(zip(classes.names, counts.tolist(), strict=True))
