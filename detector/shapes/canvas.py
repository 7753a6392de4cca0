"""A canvas that finds room for each shape, and knows its box and how much of it can be seen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from detector.boxes import area, clip, pairwise_intersection, pairwise_iou
from detector.shapes.background import Background
from detector.shapes.render import Colour, Patch, Pen, Sprite, make_patch, print_patch, project
from detector.shapes.surfaces import any_colour

_MOST_IOU = 0.3  # of two boxes
_LEAST_INSIDE = 0.6  # of the ink and the box of anything
_LEAST_VISIBLE = 0.35  # of the ink of any shape
_CLEARLY_VISIBLE = 0.5  # of the ink; below it a shape counts as difficult
_MIN_SIDE = 10.0  # px of a box; below it likewise
_LEAST_SIDE = 6.0  # px of a box; nothing smaller is drawn
_CONTRAST = 80.0  # between ink and what lies under it, 0 ... 255
_TRIES = 16
_DISTRACTOR = -1


class Canvas:
    """A background with what has been drawn on it.

    Args:
        background: its image is drawn on.
        rng: decides on everything that is left open.
        most_covered: share of the smaller of two boxes that both may cover.
    """

    def __init__(
        self, background: Background, rng: np.random.Generator, most_covered: float
    ) -> None:
        self.image = background.image
        self._background, self._rng, self._most_covered = background, rng, most_covered
        self._size_hw = (background.image.shape[0], background.image.shape[1])
        self._owner = np.full(self._size_hw, -1, np.int16)  # row of what lies on top
        # Of everything drawn, distractors too: box and ink in full, and px that can be seen.
        self._boxes = np.zeros((0, 4), np.float32)
        self._labels = np.zeros(0, np.int64)
        self._ink = np.zeros(0, np.int64)
        self._visible = np.zeros(0, np.int64)

    def add(
        self,
        make: Callable[[], Sprite],
        size: float,
        pen: Pen,
        label: int = _DISTRACTOR,
        colour: Colour | None = None,
    ) -> bool:
        """Draw something where there is room for it.

        Args:
            make: draws it; not called where there is no room.
            size: about how large it appears, px of the image.
            pen: what `make` draws with.
            label: of the shape; by default it is none of them.
            colour: another one is taken where it would not stand out; None for any.

        Returns:
            whether there was room.
        """
        places = self._free_places(size)
        if not len(places):
            return False
        sprite = make()
        for x, y in places[:4]:
            placed = project(sprite, self._background.at(x, y, size), self._size_hw)
            patch = make_patch(*placed)
            if patch is not None and self._has_room(patch):
                self._draw(patch, pen, label, colour)
                return True
        return False

    def cover(self, mask: np.ndarray, colour: Colour, least: float = 0.6) -> None:
        """Lay something over the drawing, unless it would hide a shape.

        Args:
            mask: uint8 `(H, W)`, where it lies.
            colour: of it.
            least: share of every shape that must still be seen.
        """
        patch = make_patch(0, 0, mask[..., None])
        if patch is not None and self._leaves(patch, least):
            print_patch(self.image, patch, [colour], Pen("full", False, 0.0), self._rng)
            self._take(patch, _DISTRACTOR)

    def smallest(self) -> float:
        """The shorter side of the smallest shape, px; that of the image without any."""
        boxes = self._boxes[self._labels != _DISTRACTOR]
        return float((boxes[:, 2:] - boxes[:, :2]).min(initial=min(self._size_hw)))

    def shapes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The shapes on the image.

        Returns:
            boxes, float32 `(N, 4)` as xyxy, clipped to the image; labels, int64 `(N,)`; and
            whether each can hardly be made out, bool `(N,)`.
        """
        boxes = clip(self._boxes, *self._size_hw)
        is_tiny = (boxes[:, 2:] - boxes[:, :2] < _MIN_SIDE).any(axis=1)
        is_hidden = self._visible < _CLEARLY_VISIBLE * self._ink
        is_shape = self._labels != _DISTRACTOR
        return boxes[is_shape], self._labels[is_shape], (is_tiny | is_hidden)[is_shape]

    def _free_places(self, size: float) -> np.ndarray:
        """Points of the sheet `(N, 2)` around which there seems to be room."""
        sheet = np.array(self._background.plane_hw[::-1])
        margin = np.minimum(0.42 * size / self._background.scale(*(sheet / 2)), 0.48 * sheet)
        places = margin + self._rng.uniform(0, 1, (_TRIES, 2)) * (sheet - 2 * margin)
        centres = self._background.seen(places)
        return places[self._fit(np.concatenate([centres - 0.45 * size, centres + 0.45 * size], 1))]

    def _fit(self, boxes: np.ndarray) -> np.ndarray:
        """Whether each of some boxes `(N, 4)` lies on the sheet, in the image and by itself."""
        inside = clip(boxes, *self._size_hw)
        fits = self._background.are_on_sheet(boxes)
        fits &= area(inside) >= _LEAST_INSIDE * area(boxes)
        fits &= (inside[:, 2:] - inside[:, :2]).min(axis=1) >= _LEAST_SIDE
        if len(self._boxes):
            smaller = np.minimum(area(boxes)[:, None], area(self._boxes)[None])
            covered = pairwise_intersection(boxes, self._boxes) / smaller
            fits &= covered.max(axis=1) <= self._most_covered
            fits &= pairwise_iou(boxes, self._boxes).max(axis=1) < _MOST_IOU
        return fits

    def _has_room(self, patch: Patch) -> bool:
        if not self._fit(patch.box()[None])[0]:
            return False
        part = patch.inside(self._size_hw)
        is_seen = part.ink.sum() >= _LEAST_INSIDE * patch.ink.sum()
        return bool(is_seen) and self._leaves(part, _LEAST_VISIBLE)

    def _leaves(self, part: Patch, least: float) -> bool:
        """Whether a share of all that lies below would still be seen."""
        lost = self._hidden_by(part)
        return bool(np.all((self._visible - lost >= least * self._ink) | (lost == 0)))

    def _hidden_by(self, part: Patch) -> np.ndarray:
        under = self._owner[part.where()][part.ink]
        return np.bincount(under[under >= 0], minlength=len(self._ink))

    def _draw(self, patch: Patch, pen: Pen, label: int, colour: Colour | None) -> None:
        part = patch.inside(self._size_hw)
        colours = [legible(colour, self.image[part.where()][part.ink], self._rng)]
        if part.masks.shape[2] > 1:  # fill and outline
            colours.append(any_colour(self._rng) if self._rng.random() < 0.6 else colours[0])
        print_patch(self.image, part, colours, pen, self._rng)
        self._take(part, len(self._ink))
        self._boxes = np.concatenate([self._boxes, patch.box()[None]])
        self._labels = np.append(self._labels, label)
        self._ink = np.append(self._ink, patch.ink.sum())
        self._visible = np.append(self._visible, part.ink.sum())

    def _take(self, part: Patch, owner: int) -> None:
        self._visible = self._visible - self._hidden_by(part)
        self._owner[part.where()][part.ink] = owner


def legible(colour: Colour | None, under: np.ndarray, rng: np.random.Generator) -> Colour:
    """A colour that stands out from all that lies under it, or does so best.

    Args:
        colour: the one to take if it does; None for any.
        under: uint8 `(P, 3)`, RGB, the pixels under the ink.
        rng: draws colours.
    """
    some = under[:: max(1, len(under) // 200)].astype(np.float32)
    tries = rng.uniform(0, 255, (_TRIES, 3)).astype(np.float32)
    if colour:
        tries[0] = colour
    contrasts = _contrasts(tries, some)
    good = np.flatnonzero(contrasts > _CONTRAST)
    return tuple(tries[good[0] if len(good) else contrasts.argmax()].tolist())


def _contrasts(colours: np.ndarray, under: np.ndarray) -> np.ndarray:
    """How far each colour is from nine tenths of the pixels: in brightness, and half in hue."""
    apart = under[None] - colours[:, None]
    brightness = apart @ np.array([0.299, 0.587, 0.114], np.float32)
    hue = apart - brightness[..., None]
    far = brightness**2 + 0.25 * np.einsum("ijk,ijk->ij", hue, hue)
    tenth = far.shape[1] // 10
    return np.sqrt(np.partition(far, tenth, axis=1)[:, tenth])
