"""Inference over a data set: the shipping `Predictor` on every core, or a COCO results file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from configs.errors import UserError
from detector.classes import ClassChoice
from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from detector.data.orientation import read_sample, settle_on_disk
from detector.hardware import usable_cores
from detector.models import AUTO, FoundModel, find_model
from detector.predictor import Predictor
from detector.runtimes.graph import EngineOptions
from detector.types import Detections, Sample
from eval.scoring.eval_set import EvalSet, make_eval_set, shared_classes
from eval.scoring.results_file import ResultsFile, read_detections

SCORE_THRESHOLD = 0.001
"""Below any live threshold: a precision-recall curve needs the doubtful detections too."""

MAX_DETECTIONS = 100
"""Per image, COCO's own limit."""


def score(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    runtime: str | None = None,
    classes: Sequence[str] | None = None,
) -> EvalSet:
    """Run a model over a data set.

    `model` and `runtime` are those of `Predictor.load`, `data`, `images` and `voc_origin` of
    `open_dataset`; `classes` are names to score, by default those that model and data set share.

    Raises:
        UserError: either cannot be read, or they share no class.
    """
    dataset, _ = find_inputs(
        model, data, images=images, voc_origin=voc_origin, runtime=runtime, classes=classes
    )

    def load(threads: int | None = None) -> Predictor:
        return Predictor.load(
            model,
            runtime=runtime,
            options=EngineOptions(threads),
            score_threshold=SCORE_THRESHOLD,
            max_detections=MAX_DETECTIONS,
        )

    first = load()
    make = _per_thread(load) if first.runtime != "keras" else lambda: first
    settings = {
        "model": first.name,
        "runtime": first.runtime,
        "input_size": first.spec.model.input_size,
        "score_threshold": SCORE_THRESHOLD,
        "nms_iou_threshold": first.thresholds.iou_threshold,
        "max_detections": MAX_DETECTIONS,
        **_about_merged(first.spec.class_choice),
    }
    shared = shared_classes(first.classes, dataset.classes, classes)
    found = predict_all(make, dataset)
    counts = first.spec.training_objects
    return make_eval_set(first.name, dataset, found, first.classes, shared, settings, counts)


def find_inputs(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    runtime: str | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[Dataset, FoundModel]:
    """Find what `score` would run and read, as far as that goes without loading a network.

    Raises:
        UserError: as `score`; of a model that only its weights describe, not for its classes.
    """
    if runtime == AUTO:
        raise UserError(f"figures must not depend on the machine: name a format, not {AUTO}")
    dataset = open_dataset(data, images, voc_origin=voc_origin)
    found = find_model(model, runtime)
    if found.spec:
        dataset = in_merged_classes(dataset, found.spec.class_choice)
    shared_classes(found.spec.classes if found.spec else None, dataset.classes, classes)
    return dataset, found


def in_merged_classes(dataset: Dataset, choice: ClassChoice) -> Dataset:
    """A data set with the classes taken for one that were so when a model was trained.

    Those that the model does not know are left to `shared_classes`.
    """
    merged = replace(choice, classes=())
    return dataset.relabelled(*merged.of(dataset.classes)) if merged else dataset


def score_file(
    file: Path,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    classes: Sequence[str] | None = None,
) -> EvalSet:
    """Take detections from a COCO results file instead of running a model.

    `file` is made by `eval.coco --save-detections`, `detect --coco` or elsewhere; the others are
    as in `score`, `classes` by default all of the data set.

    Raises:
        UserError: either cannot be read, or the file does not belong to the data set.
    """
    dataset, found = find_detections(
        file, data, images=images, voc_origin=voc_origin, classes=classes
    )
    settings = {"detections": file.name}
    if found.warnings:
        settings["warnings"] = "; ".join(found.warnings)
    if len({sample.image_id for sample in dataset}) < len(dataset):
        settings["image_ids"] = "1, 2, ... in the order of the data set, whose own repeat"
    shared = shared_classes(None, dataset.classes, classes)
    pairs = [(_upright(sample), one) for sample, one in zip(dataset, found.detections, strict=True)]
    return make_eval_set(file.stem, dataset, pairs, dataset.classes, shared, settings)


def find_detections(
    file: Path,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    classes: Sequence[str] | None = None,
) -> tuple[Dataset, ResultsFile]:
    """Read what `score_file` would score.

    Raises:
        UserError: as `score_file`.
    """
    dataset = open_dataset(data, images, voc_origin=voc_origin)
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


def _about_merged(choice: ClassChoice) -> dict[str, str]:
    """The setting that says which classes are taken for one, as the model does; without, none."""
    merged = [f"{' and '.join(names)} as {target}" for target, names in choice.merge.items()]
    return {"merged": "; ".join(merged)} if merged else {}


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
