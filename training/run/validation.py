"""Validation during training: mAP by the predictor that ships, and the models that are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from configs.errors import UserError
from detector import artefact
from detector.artefact import DetectorSpec
from detector.predictor import Predictor
from detector.runtimes.keras_model import KerasRuntime
from eval.scoring.eval_set import EvalImage, EvalSet
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import SCORE_THRESHOLD, predict_all
from eval.scoring.most_detections import MAX_DETECTIONS
from training.model.networks import Networks
from training.model.trainer import Trainer
from training.run.run import Run
from training.run.training_sizes import training_sizes


class Measured(NamedTuple):
    """Weights as trained, what they find, and how good that is."""

    weights: Sequence[Any]
    found: EvalSet
    figures: dict[str, float]

    @property
    def ap(self) -> float:
        """COCO's AP, 0 ... 1."""
        return self.figures["AP"]


class Validated(NamedTuple):
    """The trained weights, and the better of them and their moving average."""

    raw: Measured
    better: Measured


class PausedError(Exception):
    """The run is to pause: its state is saved, and it goes on another time."""


class Pause(Protocol):
    """A request to pause."""

    def heed(self) -> None:
        """Raise `PausedError` once it was asked for."""


class Validation:
    """Measures the weights and their moving average, and keeps models.

    Args:
        run: with the validation split.
        networks: of the run.
        pause: asked for between two images.
        tell: takes a line for the user.
    """

    def __init__(
        self, run: Run, networks: Networks, pause: Pause, tell: Callable[[str], None]
    ) -> None:
        self._run, self._networks, self._pause, self._tell = run, networks, pause, tell
        self._unreadable: set[str] = set()
        config, classes = run.config, run.training.classes
        self._spec = DetectorSpec(
            name=run.folder.path.absolute().name,
            model=config.model,
            postprocess=config.postprocess,
            class_names=classes.names,
            category_ids=classes.category_ids,
            training_objects=run.training.object_counts(),
            class_choice=run.settings.class_choice,
            training_sizes=training_sizes(run.training, run.settings.tile),
        )
        thresholds = config.postprocess.model_copy(
            update={"score_threshold": SCORE_THRESHOLD, "max_detections": MAX_DETECTIONS}
        )
        self._predictor = Predictor(KerasRuntime(networks.stock), self._spec, thresholds)

    def measure(self, trainer: Trainer) -> Validated:
        """Detect in the validation images with both sets of weights.

        Raises:
            UserError: none of the images can be read.
            PausedError: the run is to pause.
        """
        averaged = trainer.averaged_weights
        average = self._measure(averaged) if averaged else None
        raw = self._measure(trainer.network.get_weights())
        return Validated(raw, average if average and average.ap > raw.ap else raw)

    def keep(self, name: str, measured: Measured) -> None:
        """Save a model in the run's folder, with its figures; exports of the one before go.

        Raises:
            UserError: it cannot be written.
        """
        folder = self._run.folder.path / name
        if gone := artefact.other_files(folder):
            self._tell(f"{folder} is another model now: {', '.join(gone)} went with the one before")
        self._networks.give_stock(measured.weights)
        metrics = {key: value for key, value in measured.figures.items() if value >= 0}
        spec = self._spec.model_copy(update={"metrics": metrics})
        artefact.save(folder, self._networks.stock, spec)

    def _measure(self, weights: Sequence[Any]) -> Measured:
        self._networks.give_stock(weights)
        validation = self._run.validation
        found = predict_all(self._predictor_unless_paused, validation, self._note)
        images = [EvalImage(sample, detections) for sample, detections in found]
        if not images:
            raise UserError(f"none of the images of {validation.name} can be read")
        scored = EvalSet(self._spec.name, validation.name, self._spec.classes, images, {})
        return Measured(weights, scored, dict(evaluate(scored, "fast").figures))

    def _predictor_unless_paused(self) -> Predictor:
        self._pause.heed()
        return self._predictor

    def _note(self, what: str) -> None:
        if what not in self._unreadable:
            self._unreadable.add(what)
            self._tell(f"{what}; left out of validation")
