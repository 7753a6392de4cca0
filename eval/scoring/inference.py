"""Inference over a data set: the shipping `Predictor` on every core, or a COCO results file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from configs.errors import UserError
from detector.classes import ClassChoice
from detector.data.dataset import Dataset
from detector.data.orientation import from_upright, lies, read_sample
from detector.hardware import usable_cores
from detector.images import read_image
from detector.models import AUTO, FoundModel, find_model
from detector.predictor import Predictor
from detector.runtimes.graph import EngineOptions
from detector.sliced_predictor import SlicedPredictor
from detector.slicing.tiling import Asked
from detector.types import Detections, Sample
from eval.scoring.eval_set import EvalSet, make_eval_set, shared_classes
from eval.scoring.large_images import about_tiles, with_little_counted
from eval.scoring.most_detections import MAX_DETECTIONS, with_cap_counted
from eval.scoring.results_file import ResultsFile, read_detections
from eval.scoring.scored_part import (
    ToScore,
    open_to_score,
    part_settings,
    refuse_unreadable,
    turned_settings,
)

SCORE_THRESHOLD = 0.001
"""Below any live threshold: a precision-recall curve needs the doubtful detections too."""


def score(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    runtime: str | None = None,
    classes: Sequence[str] | None = None,
    allow_missing: bool = False,
    max_dets: int = MAX_DETECTIONS,
    agnostic: bool = False,
    slicing: Asked | None = None,
) -> EvalSet:
    """Run a model over a data set.

    `model` and `runtime` are those of `Predictor.load`, `data`, `images`, `voc_origin` and
    `allow_missing` of `open_to_score`; `classes` are names to score, by default those that model
    and data set share. In an image the model gives `max_dets` at most, and so many of each class
    are scored. With `agnostic`, its NMS is across classes, also where its own is not; with
    `slicing`, as of `choose_tiling`, it looks at images in tiles.

    Raises:
        UserError: either cannot be read, an image cannot be, they share no class, or an image is
            smaller than a tile whose size was asked for.
    """
    part, _ = find_inputs(
        model,
        data,
        images=images,
        voc_origin=voc_origin,
        runtime=runtime,
        classes=classes,
        allow_missing=allow_missing,
    )
    dataset = part.dataset

    def load(threads: int | None = None) -> Predictor:
        predictor = Predictor.load(
            model,
            runtime=runtime,
            options=EngineOptions(threads),
            score_threshold=SCORE_THRESHOLD,
            max_detections=max_dets,
            class_agnostic=agnostic or None,
        )
        return predictor if slicing is None else SlicedPredictor.of(predictor, slicing)

    first = load()
    make = _per_thread(load) if first.runtime != "keras" else lambda: first
    settings = {
        "model": first.name,
        "runtime": first.runtime,
        "input_size": first.spec.model.input_size,
        "score_threshold": SCORE_THRESHOLD,
        "nms_iou_threshold": first.thresholds.iou_threshold,
        "max_detections": max_dets,
        **({"class_agnostic": True} if first.thresholds.class_agnostic else {}),
        **_about_merged(first.spec.class_choice),
        **about_tiles(first, dataset),
    }
    shared = shared_classes(first.classes, dataset.classes, classes)
    found = _predict_part(make, dataset, allow_missing)
    settings |= part_settings(part, len(found))
    counts = first.spec.training_objects
    scored = make_eval_set(first.name, dataset, found, first.classes, shared, settings, counts)
    scored = with_little_counted(scored, found, first)
    return with_cap_counted(scored, [one for _, one in found])


def find_inputs(
    model: str,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    runtime: str | None = None,
    classes: Sequence[str] | None = None,
    allow_missing: bool = False,
) -> tuple[ToScore, FoundModel]:
    """Find what `score` would run and read, as far as that goes without loading a network.

    Raises:
        UserError: as `score`; of a model that only its weights describe, not for its classes.
    """
    if runtime == AUTO:
        raise UserError(f"figures must not depend on the machine: name a format, not {AUTO}")
    part = open_to_score(data, images, voc_origin, reads_images=True, allow_missing=allow_missing)
    found = find_model(model, runtime)
    if found.spec:
        merged = in_merged_classes(part.dataset, found.spec.class_choice)
        part = part._replace(dataset=merged)
    shared_classes(found.spec.classes if found.spec else None, part.dataset.classes, classes)
    return part, found


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
    allow_missing: bool = False,
    max_dets: int = MAX_DETECTIONS,
) -> EvalSet:
    """Take detections from a COCO results file instead of running a model.

    `file` is made by `eval.coco --save-detections`, `detect --coco` or elsewhere; the others are
    as in `score`, `classes` by default all of the data set. Its boxes are taken in the frame of
    the annotations, as any other program that scores it takes them, so that images need not be
    there, except where boxes are not known without them.

    Raises:
        UserError: either cannot be read, or the file does not belong to the data set.
    """
    part, found = find_detections(
        file,
        data,
        images=images,
        voc_origin=voc_origin,
        classes=classes,
        allow_missing=allow_missing,
    )
    dataset = part.dataset
    settings: dict[str, Any] = {"detections": file.name}
    if max_dets != MAX_DETECTIONS:  # of COCO's protocol: VOC scores all
        settings["max_detections"] = max_dets
    if found.warnings:
        settings["warnings"] = "; ".join(found.warnings)
    listed = part.whole or dataset
    if len({sample.image_id for sample in listed}) < len(listed):
        settings["image_ids"] = "1, 2, ... in the order of the data set, whose own repeat"
    shared = shared_classes(None, dataset.classes, classes)
    pairs = list(zip(dataset, found.detections, strict=True))
    settings |= part_settings(part, len(dataset)) | turned_settings(pairs)
    return make_eval_set(file.stem, dataset, pairs, dataset.classes, shared, settings)


def find_detections(
    file: Path,
    data: str,
    *,
    images: Path | None = None,
    voc_origin: int | None = None,
    classes: Sequence[str] | None = None,
    allow_missing: bool = False,
) -> tuple[ToScore, ResultsFile]:
    """Read what `score_file` would score.

    Raises:
        UserError: as `score_file`.
    """
    part = open_to_score(data, images, voc_origin, reads_images=False, allow_missing=allow_missing)
    shared_classes(None, part.dataset.classes, classes)
    found = read_detections(file, part.whole or part.dataset)
    if part.whole:
        there = [found.detections[row] for row in part.rows]
        found = found._replace(detections=there)
    return part, found


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
        each sample and what was found in it, both in the frame that the sample's annotation has:
        on its side where it was made so. Its size is the image's where it is another.

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
        found = make()(image)
        if settled is sample or not lies(sample):
            return settled, found
        return sample, replace(found, boxes=from_upright(found.boxes, sample))

    with ThreadPoolExecutor(usable_cores()) as pool:
        futures = [pool.submit(job, sample) for sample in samples]
        try:
            progress = tqdm(futures, "detecting", unit="image", delay=2, leave=False, disable=None)
            return [pair for future in progress if (pair := future.result())]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _predict_part(
    make: Callable[[], Predictor], dataset: Dataset, allow_missing: bool
) -> list[tuple[Sample, Detections]]:
    """`predict_all`; an image damaged behind its first bytes is left out, or ends it with a count.

    Raises:
        UserError: images are damaged, and not allowed to be or all.
    """
    try:
        found = predict_all(make, dataset, (lambda _: None) if allow_missing else None)
    except UserError:
        refuse_unreadable(dataset, read_image)
        raise
    if not found:
        refuse_unreadable(dataset, read_image)
    return found


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
