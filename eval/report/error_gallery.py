"""Images for the reports: what was found, missed and invented."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

import cv2
import numpy as np

from configs.errors import UserError
from detector.data.orientation import read_sample
from detector.draw import (
    Colour,
    draw_annotations,
    draw_marked,
    font_size,
    ink_on,
    paste,
    text_patch,
)
from detector.report.page import thumbnail
from eval.scoring.confusion import Judgement
from eval.scoring.eval_set import EvalImage

FOUND: Colour = (96, 190, 110)
MISSED: Colour = (255, 165, 0)
INVENTED: Colour = (230, 40, 110)

LEGEND = (
    "Green: objects found. Orange: objects missed. Magenta: detections invented. Dashed: ignored. "
    "An object that goes by a wrong name is both missed and invented."
)

_SIDE = 440  # px, the longer one of an image
_GAP = 6  # px, between two images
_PAPER = 128  # grey level
_NEUTRAL: Colour = (40, 40, 44)


def counted(judgement: Judgement) -> str:
    """What was right and what was wrong, in words."""
    return (
        f"{len(judgement.found)} found, {len(judgement.missed)} missed, "
        f"{len(judgement.invented)} invented"
    )


def missed_and_invented(
    items: Iterable[tuple[EvalImage, Judgement]], names: Sequence[str]
) -> list[tuple[str, str]]:
    """Each image twice: with the objects missed, and with the detections invented.

    Returns:
        data URI and caption of each; an image that cannot be read is left out.
    """
    shown = []
    for one, judgement in items:
        with contextlib.suppress(UserError):
            image, small = _read(one)
            views = [
                _labelled(_truth(image, small, judgement, names), "missed", MISSED),
                _labelled(_detected(image, small, judgement, names), "invented", INVENTED),
            ]
            caption = f"{one.sample.path.name}: {counted(judgement)}"
            shown.append((thumbnail(_together(views)), caption))
    return shown


def all_in_one(
    items: Iterable[tuple[EvalImage, Judgement]], names: Sequence[str]
) -> list[tuple[str, str]]:
    """Each image with all that was found, missed and invented; returns as above."""
    shown = []
    for image, judgement in items:
        with contextlib.suppress(UserError):
            caption = f"{image.sample.path.name}: {counted(judgement)}"
            shown.append((thumbnail(_everything(image, judgement, names)), caption))
    return shown


def side_by_side(
    items: Iterable[tuple[Sequence[EvalImage], Sequence[Judgement]]],
    models: Sequence[str],
    names: Sequence[str],
) -> list[tuple[str, str]]:
    """Each image once per model, with all that this model found, missed and invented.

    Args:
        items: an image with the detections of each model, and how each was judged.
        models: what to call them.
        names: of the classes.

    Returns:
        as above.
    """
    shown = []
    for images, judgements in items:
        with contextlib.suppress(UserError):
            views = [
                _labelled(_everything(image, judgement, names), model, _NEUTRAL)
                for image, judgement, model in zip(images, judgements, models, strict=True)
            ]
            words = [f"{m}: {counted(j)}" for m, j in zip(models, judgements, strict=True)]
            caption = f"{images[0].sample.path.name}. {'. '.join(words)}"
            shown.append((thumbnail(_together(views)), caption))
    return shown


def _everything(one: EvalImage, judgement: Judgement, names: Sequence[str]) -> np.ndarray:
    image, small = _read(one)
    seen = _truth(image, small, judgement, names)
    return _draw_invented(seen, small, judgement, names)


def _read(one: EvalImage) -> tuple[np.ndarray, EvalImage]:
    """The image, small, with truth and detections in its pixels."""
    image, sample = read_sample(one.sample)
    zoom = _SIDE / max(image.shape[:2])
    size = (max(1, round(zoom * image.shape[1])), max(1, round(zoom * image.shape[0])))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR)
    found = replace(one.detections, boxes=one.detections.boxes * np.float32(zoom))
    return small, EvalImage(replace(sample, boxes=sample.boxes * np.float32(zoom)), found)


def _truth(
    image: np.ndarray, one: EvalImage, judgement: Judgement, names: Sequence[str]
) -> np.ndarray:
    sample = one.sample
    ignored = np.flatnonzero(sample.is_crowd | sample.is_difficult)
    marks = np.ones(len(ignored), bool)
    seen = draw_annotations(image, sample.boxes[ignored], sample.labels[ignored], names, marks)
    seen = draw_marked(seen, sample.boxes[judgement.found[:, 0]], FOUND)
    texts = [names[int(label)] for label in sample.labels[judgement.missed]]
    return draw_marked(seen, sample.boxes[judgement.missed], MISSED, texts)


def _detected(
    image: np.ndarray, one: EvalImage, judgement: Judgement, names: Sequence[str]
) -> np.ndarray:
    seen = draw_marked(image, one.detections.boxes[judgement.found[:, 1]], FOUND)
    return _draw_invented(seen, one, judgement, names)


def _draw_invented(
    image: np.ndarray, one: EvalImage, judgement: Judgement, names: Sequence[str]
) -> np.ndarray:
    found = one.detections[judgement.invented]
    texts = [
        f"{names[int(label)]} {score:.0%}"
        for label, score in zip(found.labels, found.scores, strict=True)
    ]
    return draw_marked(image, found.boxes, INVENTED, texts)


def _labelled(image: np.ndarray, text: str, colour: Colour) -> np.ndarray:
    """An image with a word in its lower left corner."""
    patch = text_patch(text, font_size(image) + 2, ink_on(colour), colour)
    paste(image, patch, 0, image.shape[0])
    return image


def _together(views: Sequence[np.ndarray]) -> np.ndarray:
    """Images of one size above each other."""
    gap = np.full((_GAP, *views[0].shape[1:]), _PAPER, np.uint8)
    return np.concatenate([views[0], *(part for view in views[1:] for part in (gap, view))])
