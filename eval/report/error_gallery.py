"""Galleries of the reports: objects found, objects missed (false negatives), false positives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from detector.data.findings import counted
from detector.data.orientation import to_upright
from detector.draw import (
    Colour,
    draw_annotations,
    draw_marked,
    font_size,
    ink_on,
    paste,
    text_patch,
)
from detector.report.gallery import GREY, gallery_items, read_resized
from eval.scoring.confusion import Judgement
from eval.scoring.eval_set import EvalImage

FOUND: Colour = (96, 190, 110)
MISSED: Colour = (255, 165, 0)
FALSE_POSITIVE: Colour = (230, 40, 110)

LEGEND = (
    "Green: objects found. Orange: objects missed. Magenta: false positives. Dashed: ignored. "
    "An object that is misclassified is both missed and a false positive."
)

_SIDE = 440  # px, the longer one of an image
_GAP = 6  # px, between two images
_NEUTRAL: Colour = (40, 40, 44)

Judged = tuple[EvalImage, Judgement]


def missed_and_false(items: Iterable[Judged], names: Sequence[str]) -> list[tuple[str, str]]:
    """Each image twice: with the objects missed, and with the false positives.

    Returns:
        data URI and caption of each; an image that cannot be read is left out.
    """

    def draw(judged: Judged) -> tuple[np.ndarray, str]:
        image, one, judgement = _read(judged)
        found = draw_marked(image, one.detections.boxes[judgement.found[:, 1]], FOUND)
        false = _draw_false_positives(found, one, judgement, names)
        views = [
            _labelled(_draw_truth(image, one, judgement, names), "missed", MISSED),
            _labelled(false, "false positives", FALSE_POSITIVE),
        ]
        return _stacked(views), f"{judged[0].sample.path.name}: {_in_words(judgement)}"

    return gallery_items(items, draw)


def all_in_one(items: Iterable[Judged], names: Sequence[str]) -> list[tuple[str, str]]:
    """Each image with all objects and false positives; returns as above."""

    def draw(judged: Judged) -> tuple[np.ndarray, str]:
        caption = f"{judged[0].sample.path.name}: {_in_words(judged[1])}"
        return _everything(judged, names), caption

    return gallery_items(items, draw)


def side_by_side(
    items: Iterable[Sequence[Judged]], models: Sequence[str], names: Sequence[str]
) -> list[tuple[str, str]]:
    """Each image once per model, with all objects and this model's false positives.

    Args:
        items: an image with the detections of each model, and how each was judged.
        models: what to call them.
        names: of the classes.

    Returns:
        as above.
    """

    def draw(sides: Sequence[Judged]) -> tuple[np.ndarray, str]:
        pairs = list(zip(models, sides, strict=True))
        views = [_labelled(_everything(side, names), model, _NEUTRAL) for model, side in pairs]
        words = [f"{model}: {_in_words(judgement)}" for model, (_, judgement) in pairs]
        return _stacked(views), f"{sides[0][0].sample.path.name}. {'. '.join(words)}"

    return gallery_items(items, draw)


def _in_words(judgement: Judgement) -> str:
    false = counted(len(judgement.false_positives), "false positive")
    return f"{len(judgement.found)} found, {len(judgement.missed)} missed, {false}"


def _read(judged: Judged) -> tuple[np.ndarray, EvalImage, Judgement]:
    """The image, small, with truth and detections in its pixels."""
    one, judgement = judged
    image, sample, zoom = read_resized(one.sample, _SIDE)
    boxes = to_upright(one.detections.boxes, one.sample)
    found = replace(one.detections, boxes=boxes * zoom, own_xywh=None)
    return image, EvalImage(sample, found), judgement


def _everything(judged: Judged, names: Sequence[str]) -> np.ndarray:
    image, one, judgement = _read(judged)
    truth = _draw_truth(image, one, judgement, names)
    return _draw_false_positives(truth, one, judgement, names)


def _draw_truth(
    image: np.ndarray, one: EvalImage, judgement: Judgement, names: Sequence[str]
) -> np.ndarray:
    sample = one.sample
    ignored = np.flatnonzero(~one.is_counted)
    marks = np.ones(len(ignored), bool)
    seen = draw_annotations(image, sample.boxes[ignored], sample.labels[ignored], names, marks)
    seen = draw_marked(seen, sample.boxes[judgement.found[:, 0]], FOUND)
    texts = [names[int(label)] for label in sample.labels[judgement.missed]]
    return draw_marked(seen, sample.boxes[judgement.missed], MISSED, texts)


def _draw_false_positives(
    image: np.ndarray, one: EvalImage, judgement: Judgement, names: Sequence[str]
) -> np.ndarray:
    found = one.detections[judgement.false_positives]
    texts = [
        f"{names[int(label)]} {score:.0%}"
        for label, score in zip(found.labels, found.scores, strict=True)
    ]
    return draw_marked(image, found.boxes, FALSE_POSITIVE, texts)


def _labelled(image: np.ndarray, text: str, colour: Colour) -> np.ndarray:
    """An image with a word in its lower left corner."""
    patch = text_patch(text, font_size(image) + 2, ink_on(colour), colour)
    paste(image, patch, 0, image.shape[0])
    return image


def _stacked(views: Sequence[np.ndarray]) -> np.ndarray:
    """Images of one size above each other."""
    gap = np.full((_GAP, *views[0].shape[1:]), GREY, np.uint8)
    return np.concatenate([views[0], *(part for view in views[1:] for part in (gap, view))])
