"""A model over a data set: the shipping `Predictor`, on every core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from detector.data.orientation import read_sample, settle_on_disk
from detector.hardware import usable_cores
from detector.models import AUTO, FoundModel, find_model
from detector.predictor import Predictor
from detector.runtimes.graph import EngineOptions
from detector.types import Detections, Sample
from eval.scoring.detections_file import read_detections
from eval.scoring.eval_set import (
    EvalImage,
    EvalSet,
    relabel,
    require_objects,
    shared_classes,
    truth_of,
)

SCORE_THRESHOLD = 0.001
"""Below any live threshold: a precision-recall curve needs the doubtful detections too."""

MAX_DETECTIONS = 100
"""Per image, COCO's own limit."""


def score(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    runtime: str | None = None,
    score_threshold: float = SCORE_THRESHOLD,
    iou_threshold: float | None = None,
    max_detections: int = MAX_DETECTIONS,
    classes: Sequence[str] | None = None,
) -> EvalSet:
    """Run a model over a data set.

    Args:
        model: as `Predictor.load`.
        data: as `open_dataset`.
        images: images of a COCO JSON.
        runtime: as `Predictor.load`.
        score_threshold: detections below it are left out.
        iou_threshold: of NMS; None for the model's own.
        max_detections: per image.
        classes: names to score; by default those that model and data set share.

    Raises:
        UserError: either cannot be read, or they share no class.
    """
    dataset, _ = find_inputs(model, data, images=images, runtime=runtime, classes=classes)

    def load(threads: int | None = None) -> Predictor:
        return Predictor.load(
            model,
            runtime=runtime,
            options=EngineOptions(threads),
            score_threshold=score_threshold,
            iou_threshold=iou_threshold,
            max_detections=max_detections,
        )

    first = load()
    shared = shared_classes(first.classes, dataset.classes, classes)
    make = _per_thread(load) if first.runtime != "keras" else lambda: first
    found = predict_all(make, dataset)
    settings = {
        "model": first.name,
        "runtime": first.runtime,
        "input_size": first.spec.model.input_size,
        "score_threshold": score_threshold,
        "nms_iou_threshold": first.thresholds.iou_threshold,
        "max_detections": max_detections,
        "classes": len(shared),
        "images": len(dataset),
    }
    evaluated = [
        EvalImage(truth_of(sample, dataset.classes, shared), _known(one, first.classes, shared))
        for sample, one in found
    ]
    require_objects(evaluated, dataset, shared)
    counts = first.spec.training_objects
    return EvalSet(first.name, dataset.name, shared, evaluated, settings, counts)


def find_inputs(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    runtime: str | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[Dataset, FoundModel]:
    """Find what `score` would run and read, as far as that goes without loading a network.

    Raises:
        UserError: as `score`; of a model that only its weights describe, not for its classes.
    """
    if runtime == AUTO:
        raise UserError(f"figures must not depend on the machine: name a format, not {AUTO}")
    dataset, found = open_dataset(data, images), find_model(model, runtime)
    shared_classes(found.spec.classes if found.spec else None, dataset.classes, classes)
    return dataset, found


def score_file(
    file: Path, data: str, *, images: Path | None = None, classes: Sequence[str] | None = None
) -> EvalSet:
    """Take detections from a COCO results file instead of running a model.

    Args:
        file: made by `eval.coco --save-detections`, `detect --coco` or elsewhere.
        data: as `open_dataset`.
        images: images of a COCO JSON.
        classes: names to score; by default all of the data set.

    Raises:
        UserError: either cannot be read, or the file does not belong to the data set.
    """
    dataset, found = find_detections(file, data, images=images, classes=classes)
    shared = shared_classes(None, dataset.classes, classes)
    evaluated = [
        EvalImage(
            truth_of(_upright(sample), dataset.classes, shared),
            _known(one, dataset.classes, shared),
        )
        for sample, one in zip(dataset, found, strict=True)
    ]
    require_objects(evaluated, dataset, shared)
    settings = {"detections": file.name, "classes": len(shared), "images": len(dataset)}
    if len({image.sample.image_id for image in evaluated}) < len(evaluated):
        settings["image_ids"] = "1, 2, ... in the order of the data set, whose own repeat"
    return EvalSet(file.stem, dataset.name, shared, evaluated, settings)


def find_detections(
    file: Path, data: str, *, images: Path | None = None, classes: Sequence[str] | None = None
) -> tuple[Dataset, list[Detections]]:
    """Read what `score_file` would score.

    Raises:
        UserError: as `score_file`.
    """
    dataset = open_dataset(data, images)
    shared_classes(None, dataset.classes, classes)
    return dataset, read_detections(file, dataset)


def predict_all(
    make: Callable[[], Predictor],
    samples: Sequence[Sample],
    on_unreadable: Callable[[str], None] | None = None,
) -> list[tuple[Sample, Detections]]:
    """Detect in every image, with a thread per core and a progress bar.

    Args:
        make: the predictor of the thread that asks.
        samples: of a data set.
        on_unreadable: is told of an image that cannot be read, which is then left out. By
            default that is an error: figures on part of a data set mislead.

    Returns:
        each sample in the frame of its image, and what was found in it.

    Raises:
        UserError: an image cannot be read.
    """
    from tqdm import tqdm

    def job(sample: Sample) -> tuple[Sample, Detections] | None:
        try:
            image, settled = read_sample(sample)
        except UserError as error:
            if on_unreadable is None:
                raise
            on_unreadable(str(error))
            return None
        return settled, make()(image)

    with ThreadPoolExecutor(usable_cores()) as pool:
        futures = [pool.submit(job, sample) for sample in samples]
        try:
            progress = tqdm(futures, "detecting", unit="image", delay=2, leave=False, disable=None)
            return [pair for future in progress if (pair := future.result())]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _per_thread(load: Callable[[int], Predictor]) -> Callable[[], Predictor]:
    """A predictor of one thread for each thread: most engines serve one caller at a time."""
    local = threading.local()

    def mine() -> Predictor:
        if not hasattr(local, "predictor"):
            local.predictor = load(1)
        return local.predictor

    return mine


def _upright(sample: Sample) -> Sample:
    """In the frame of its image, as `predict_all` has it; as annotated if there is none."""
    try:
        return settle_on_disk(sample)[0]
    except UserError:
        return sample


def _known(detections: Detections, old: ClassMap, new: ClassMap) -> Detections:
    labels = relabel(detections.labels, old, new)
    return replace(detections, labels=labels)[labels >= 0]
