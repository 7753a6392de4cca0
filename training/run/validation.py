"""mAP during training, by the predictor that ships, and the models that are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras

from configs.errors import UserError
from detector import artefact
from detector.artefact import DetectorSpec
from detector.predictor import Predictor
from detector.runtimes.keras_model import KerasRuntime
from detector.types import Sample
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import MAX_DETECTIONS, SCORE_THRESHOLD, predict_all
from training.run.session import Session


class Keeper(keras.callbacks.Callback):
    """Measures the weights and their moving average, and keeps the best and the last.

    Args:
        session: of the run.
        validation: to measure on; its labels are those of `spec`.
        data: the validation part's name.
        spec: describes the model.

    Attributes:
        found: images and detections of the better of the last two measured; None before.
    """

    def __init__(
        self, session: Session, validation: Sequence[Sample], data: str, spec: DetectorSpec
    ) -> None:
        super().__init__()
        self._session, self._validation = session, validation
        self._data, self._spec = data, spec
        self._unreadable: set[str] = set()
        self.found: EvalSet | None = None
        thresholds = spec.postprocess.model_copy(
            update={"score_threshold": SCORE_THRESHOLD, "max_detections": MAX_DETECTIONS}
        )
        self._predictor = Predictor(KerasRuntime(session.networks.stock), spec, thresholds)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measure, where this epoch is to be, and keep."""
        session, every = self._session, self._session.config.train.evaluate_every
        session.epoch_ends = not session.is_halted
        if session.is_halted or ((epoch + 1) % every and not session.is_last_epoch):
            return
        try:
            self._measure_and_keep(logs if logs is not None else {})
        except _PausedError:
            session.epoch_ends = False  # measured again when the run is resumed
            return
        patience, progress = session.config.train.patience, session.progress
        if patience and progress.since_best >= patience:
            progress.ending = f"no better AP in {patience} evaluations"

    def _measure_and_keep(self, logs: dict[str, Any]) -> None:
        trainer, progress = self._session.trainer, self._session.progress
        averaged = trainer.averaged_weights
        average = self._measure(averaged) if averaged else None
        raw = self._measure(trainer.network.get_weights())
        self._save("last", raw)
        better = average if average and average.ap > raw.ap else raw
        self.found = better.found
        logs["AP"], logs["AP50"], logs["AP_raw"] = better.ap, better.figures["AP50"], raw.ap
        progress.since_best += 1
        if better.ap > progress.best:
            progress.best, progress.since_best = better.ap, 0
            self._save("best", better)

    def _measure(self, weights: Sequence[Any]) -> _Measured:
        self._session.networks.give_stock(weights)
        found = predict_all(self._predictor_unless_paused, self._validation, self._note)
        images = [EvalImage(sample, detections) for sample, detections in found]
        if not images:
            raise UserError(f"none of the images of {self._data} can be read")
        classes = self._spec.classes
        scored = EvalSet(self._spec.name, self._data, classes, images, {})
        return _Measured(weights, scored, dict(evaluate(scored, "fast").figures))

    def _predictor_unless_paused(self) -> Predictor:
        if self._session.pausing:
            raise _PausedError
        return self._predictor

    def _note(self, what: str) -> None:
        if what not in self._unreadable:
            self._unreadable.add(what)
            self._session.tell(f"{what}; left out of validation")

    def _save(self, name: str, measured: _Measured) -> None:
        self._session.networks.give_stock(measured.weights)
        metrics = {key: value for key, value in measured.figures.items() if value >= 0}
        spec = self._spec.model_copy(update={"metrics": metrics})
        artefact.save(self._session.folder.path / name, self._session.networks.stock, spec)


class _Measured(NamedTuple):
    """Weights as trained, what they find, and how good that is."""

    weights: Sequence[Any]
    found: EvalSet
    figures: dict[str, float]

    @property
    def ap(self) -> float:
        return self.figures["AP"]


class _PausedError(Exception):
    """The run is to pause, in the middle of a measurement."""
