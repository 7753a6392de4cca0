"""Detections of overlapping tiles as those of one image: each object once, and whole.

Two tiles that see one object agree on it in the area that both show: there their boxes, clipped,
are nearly the same, wherever a border cut it. So a box that ends at a border inside the image
gives way to one that another tile shows whole, though its score be lower, but not to noise; and
where no tile shows the object whole, its parts become one box.

All is in fractions of the image, in which overlaps are those in its pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from detector.boxes import pairwise_intersection, pairwise_iou
from detector.postprocess import FractionDetections

_NEAR = 0.03  # of a tile's side: a box that ends so near to its border may go on behind it
_SLACK, _SLOPPY = 0.005, 0.1
_AGREE = 0.5  # least IoU, in the area that two tiles share, of boxes of one object
_SAME_COARSE = 0.3  # IoU from which a box of the whole image is one of a tile, placed worse
_LEAST_SCORE = 0.5  # of the best part's: what is joined with it
# Of a part's: what it gives way to. Above a threshold of this much everything passes; below it,
# where mAP is measured, a wrong box of score 0.01 hid what was found with 0.9.
_LEAST_TO_YIELD = 0.25


class TileDetections(NamedTuple):
    """What was found in tiles, of which each was searched alone.

    Attributes:
        found: in all tiles, in fractions of the image, in any order.
        tiles: in which each was found: float32 `(N, 4)`, xyxy in fractions of the image.
    """

    found: FractionDetections
    tiles: np.ndarray

    def pick(self, keep: np.ndarray) -> TileDetections:
        """Those that a boolean mask or an index array picks."""
        return TileDetections(_pick(self.found, keep), self.tiles[keep])


def merge(
    parts: TileDetections,
    coarse: FractionDetections,
    suppress: Callable[[FractionDetections], FractionDetections],
    across_classes: bool,
) -> FractionDetections:
    """One detection for each object.

    Args:
        parts: found in the tiles.
        coarse: found in the whole image at once, which are too large for tiles.
        suppress: the model's NMS (`Postprocessor.suppress`).
        across_classes: whether that suppresses across classes; so are parts joined then.

    Returns:
        as of `suppress`.
    """
    is_cut = ends_at_border(parts)
    in_tiles = suppress(_pick(parts.found, ~is_cut))
    whole = _joined(in_tiles, _pick(coarse, ~_is_known(coarse, in_tiles, across_classes)))
    cut = parts.pick(is_cut)
    shown = _agreement(cut, _as_tiles(whole)) >= _AGREE
    shown &= whole.scores >= _LEAST_TO_YIELD * cut.found.scores[:, None]
    rest = cut.pick(~np.any(shown, axis=1))
    return suppress(_joined(whole, join_parts(rest, across_classes)))


def ends_at_border(parts: TileDetections) -> np.ndarray:
    """Bool `(N,)`: whether a box ends at a border of its tile that is none of the image."""
    boxes, tiles = parts.found.boxes_fraction, parts.tiles
    sides, extents = tiles[:, 2:] - tiles[:, :2], boxes[:, 2:] - boxes[:, :2]
    near = np.tile(np.minimum(_NEAR * sides, _SLACK * sides + _SLOPPY * extents), 2)
    is_inside = np.concatenate([tiles[:, :2] > 0, tiles[:, 2:] < 1], axis=1)
    return np.any(is_inside & (np.abs(boxes - tiles) < near), axis=1)


def join_parts(parts: TileDetections, across_classes: bool) -> FractionDetections:
    """Parts of objects that no tile shows whole, one box for each object: what holds all parts.

    From the best score down, a part takes those of its class that agree with it, or with one that
    it took, unless their score is far below its own. Its score and its class are the object's.

    Args:
        parts: that end at borders of their tiles.
        across_classes: join parts of several classes too.
    """
    scores, labels = parts.found.scores, parts.found.labels
    same = _agreement(parts, parts) >= _AGREE
    if not across_classes:
        same &= labels[:, None] == labels
    boxes = parts.found.boxes_fraction.copy()
    is_free, kept = np.ones(len(scores), bool), []
    for best in np.argsort(-scores, kind="stable"):
        if not is_free[best]:
            continue
        kept.append(best)
        able = is_free & (scores >= _LEAST_SCORE * scores[best])
        members = np.arange(len(scores)) == best
        while (more := able & ~members & same[members].any(axis=0)).any():
            members |= more
        group = parts.found.boxes_fraction[members]
        boxes[best] = [*group[:, :2].min(axis=0), *group[:, 2:].max(axis=0)]
        is_free &= ~(members | same[best])
    return _pick(parts.found._replace(boxes_fraction=boxes), np.array(kept, int))


def _agreement(some: TileDetections, others: TileDetections) -> np.ndarray:
    """IoU of each with each of the others in the area that both their tiles show, `(N, M)`.

    A box lies in its tile, so that the other tile alone clips it.
    """
    boxes, other_boxes = some.found.boxes_fraction, others.found.boxes_fraction
    both = pairwise_intersection(boxes, other_boxes)
    seen = pairwise_intersection(boxes, others.tiles)
    other_seen = pairwise_intersection(some.tiles, other_boxes)
    either = seen + other_seen - both
    return np.where(either > 0, both / np.where(either > 0, either, 1), 0)


def _is_known(
    coarse: FractionDetections, known: FractionDetections, across_classes: bool
) -> np.ndarray:
    """Whether each is, less well placed, one of those that are known: bool `(N,)`."""
    same = pairwise_iou(coarse.boxes_fraction, known.boxes_fraction) >= _SAME_COARSE
    if not across_classes:
        same &= coarse.labels[:, None] == known.labels
    return np.any(same, axis=1)


def _as_tiles(whole: FractionDetections) -> TileDetections:
    """Detections of which no border cuts anything."""
    image = np.array([0, 0, 1, 1], np.float32)
    return TileDetections(whole, np.tile(image, (len(whole.scores), 1)))


def _pick(found: FractionDetections, keep: np.ndarray) -> FractionDetections:
    return FractionDetections(*(values[keep] for values in found))


def _joined(*found: FractionDetections) -> FractionDetections:
    return FractionDetections(*map(np.concatenate, zip(*found, strict=True)))
