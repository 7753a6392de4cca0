"""Synthetic images of circles, triangles, squares, stars, crosses and hearts, with exact boxes.

Every image is a pure function of its seed and number: drawings on paper, boards and screens,
flat or held up in a room, lit, blurred and compressed as a camera would. `write_shapes` makes a
VOC data set of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.voc.write_voc import write_voc
from detector.data.write import check_new_folder
from detector.files import atomic_folder
from detector.images import write_image
from detector.shapes.background import Background, draw_background
from detector.shapes.camera_effects import photograph
from detector.shapes.canvas import Canvas
from detector.shapes.distractors import draw_distractor, draw_word
from detector.shapes.outlines import SHAPES, Outline, draw_outline
from detector.shapes.render import Colour, Pen, Sprite, make_sprite
from detector.shapes.surfaces import SizeHW, any_colour, skin_colour
from detector.types import Sample

_COUNTS = (0.04, 0.2, 0.2, 0.18, 0.14, 0.1, 0.05, 0.04, 0.02, 0.02, 0.01)  # of 0 ... 10 shapes
_SMALLEST, _LARGEST = 0.06, 0.85  # of the image's short side
_SIZES_HW = ((240, 320), (320, 320), (320, 240), (300, 400))  # of the images of a data set
_FINE = 40.0  # px; hatching, grain and thin lines of smaller shapes would not be seen


def write_shapes(
    folder: Path,
    count: int,
    seed: int = 0,
    photo: bool = False,
    val_share: float = 0.15,
    test_share: float = 0.15,
) -> Dataset:
    """Draw images and write them, with their annotations, as a VOC folder.

    The folder appears whole or not at all. Image number i of a seed is always the same,
    however many are written.

    Args:
        folder: does not exist, or is empty.
        count: of images.
        seed: of the images; those of another seed are others.
        photo: draw all of them printed and photographed.
        val_share: of the images, for the split `val`.
        test_share: likewise, for the split `test`; the others are `train`.

    Returns:
        what was written, with its splits.

    Raises:
        UserError: the folder holds something or cannot be written, or the shares leave nothing
            to train on.
    """
    splits = _splits(count, val_share, test_share)
    check_new_folder(folder)
    with atomic_folder(folder) as new:
        samples = list(_write_images(new / "JPEGImages", count, seed, photo))
        dataset = Dataset(str(folder), folder, ClassMap(SHAPES), samples, splits)
        rows = {name: indices.tolist() for name, indices in splits.items()}
        write_voc(new, dataset, samples, rows)
    return dataset


def _splits(count: int, val_share: float, test_share: float) -> dict[str, np.ndarray]:
    """Indices by split; one that has a share gets at least one image."""
    val, test = (max(1, round(count * share)) if share else 0 for share in (val_share, test_share))
    train = count - val - test
    if train < 1:
        raise UserError(f"of {count} images, val {val} and test {test} leave none to train on")
    ends = np.cumsum([train, val, test])
    parts = np.split(np.arange(count), ends[:-1])
    named = zip(("train", "val", "test"), parts, strict=True)
    return {name: part for name, part in named if len(part)}


def _write_images(folder: Path, count: int, seed: int, photo: bool) -> Iterator[Sample]:
    from tqdm import tqdm

    folder.mkdir(parents=True)
    for index in tqdm(range(count), desc="drawing images", unit="image", delay=2):
        size_hw = _SIZES_HW[np.random.default_rng([seed, index]).integers(len(_SIZES_HW))]
        scene = draw_scene(seed, index, size_hw, photo)
        path = folder / f"shapes_{index:06}.jpg"
        write_image(path, scene.image)
        crowd = np.zeros(len(scene.boxes), bool)
        yield Sample(
            path.stem, path, *size_hw, scene.boxes, scene.labels, crowd, scene.is_difficult
        )


class Scene(NamedTuple):
    """An image and what is drawn on it."""

    image: np.ndarray  # uint8 `(H, W, 3)`, RGB
    # float32 `(N, 4)`, xyxy in pixels: around all the ink of a shape, also where something lies
    # over it, as far as it lies in the image
    boxes: np.ndarray
    labels: np.ndarray  # int64 `(N,)`, indices into `SHAPES`
    is_difficult: np.ndarray  # bool `(N,)`: under half of the ink is seen, or a side under 10 px


def draw_scene(seed: int, index: int, size_hw: SizeHW = (320, 320), photo: bool = False) -> Scene:
    """Draw one image of an endless set.

    Args:
        seed: of the set.
        index: of the image; images are independent of each other.
        size_hw: height and width, px.
        photo: draw the printed and photographed look: a sheet that is tilted, unevenly lit,
            blurred, noisy and compressed, in every image; else all looks are mixed.
    """
    rng = np.random.default_rng([seed, index, photo])
    background = draw_background(rng, size_hw, is_held=photo or rng.random() < 0.45)
    # Mostly shapes keep apart, now and then they overlap, or lie within each other.
    canvas = Canvas(background, rng, float(rng.choice([0.0, 0.3, 1.0], p=[0.6, 0.28, 0.12])))
    count = int(rng.choice(len(_COUNTS), p=_COUNTS))
    habits = _draw_habits(rng, is_printed=photo)
    if not count or rng.random() < 0.45:
        _distract(canvas, rng, least=1 if count else 3)
    for size in _sizes(rng, count, min(size_hw)):
        _add_shape(canvas, rng, habits, size)
    if rng.random() < 0.3:
        _hold(canvas, background, rng)
    strength = rng.uniform(0.6, 1.0) if photo else rng.uniform(-0.1, 1.0)
    return Scene(photograph(canvas.image, rng, strength, canvas.smallest()), *canvas.shapes())


@dataclass(frozen=True)
class _Habits:
    """What the shapes of one drawing share; None for what each has of its own."""

    is_printed: bool
    wobble: float
    is_loose: bool
    pen: Pen | None
    colour: Colour | None


def _draw_habits(rng: np.random.Generator, is_printed: bool) -> _Habits:
    is_printed = is_printed or rng.random() < 0.25
    return _Habits(
        is_printed,
        wobble=0.0 if is_printed else rng.uniform(0.005, 0.04),
        is_loose=not is_printed and rng.random() < 0.5,
        pen=_draw_pen(rng, is_printed) if rng.random() < 0.4 else None,
        colour=any_colour(rng) if rng.random() < 0.35 else None,
    )


def _draw_pen(rng: np.random.Generator, is_printed: bool) -> Pen:
    fill = str(rng.choice(["none", "full", "hatched", "scribbled"], p=[0.46, 0.36, 0.1, 0.08]))
    is_outlined = rng.random() < {"none": 1.0, "full": 0.35}.get(fill, 0.9)
    width = math.exp(rng.uniform(math.log(0.015), math.log(0.15)))
    grain = 0.0 if is_printed or rng.random() < 0.65 else rng.uniform(0.2, 0.65)
    opacity = 1.0 if rng.random() < 0.6 else rng.uniform(0.75, 1.0)
    return Pen(fill, is_outlined, width, grain, opacity)


def _sizes(rng: np.random.Generator, count: int, short: int) -> list[float]:
    """Of shapes, px, largest first."""
    most = min(_LARGEST, 1.3 / math.sqrt(max(count, 1)))
    large = rng.random(count) ** 0.75
    return sorted((short * _SMALLEST * (most / _SMALLEST) ** large).tolist(), reverse=True)


def _add_shape(canvas: Canvas, rng: np.random.Generator, habits: _Habits, size: float) -> None:
    """Draw a shape where there is room for it, smaller if need be, or not at all."""
    label = int(rng.integers(len(SHAPES)))
    for fitting in (size, 0.6 * size, 0.4 * size):
        pen = habits.pen or _draw_pen(rng, habits.is_printed)
        if fitting < _FINE:
            fill = "none" if pen.fill == "none" else "full"
            pen = replace(pen, fill=fill, width=max(pen.width, 0.07), grain=0.0)

        def make(size: float = fitting, pen: Pen = pen) -> Sprite:
            outline = draw_outline(label, rng, habits.wobble, habits.is_loose)
            is_traced = not habits.is_printed and rng.random() < 0.12
            outlines = [outline, _traced_again(outline, rng)] if is_traced else [outline]
            return make_sprite(outlines, pen, size, rng)

        if canvas.add(make, fitting, pen, label, habits.colour):
            return


def _traced_again(outline: Outline, rng: np.random.Generator) -> Outline:
    moved = [side * rng.uniform(0.94, 1.06, 2) + rng.normal(0, 0.015, 2) for side in outline.sides]
    return Outline(moved, None)


def _distract(canvas: Canvas, rng: np.random.Generator, least: int) -> None:
    """Words, and lines that are no shapes."""
    short = min(canvas.image.shape[:2])
    for _ in range(int(rng.integers(least, 8))):
        size = short * math.exp(rng.uniform(math.log(0.06), math.log(0.6)))
        pen = _draw_pen(rng, is_printed=False)
        if rng.random() < 0.35:
            canvas.add(lambda size=size: draw_word(rng, size), size, pen)
            continue
        # A thick spiral would be a disc.
        pen = replace(pen, fill=str(rng.choice(["none", "full"])), width=min(pen.width, 0.06))
        canvas.add(
            lambda size=size, pen=pen: make_sprite([draw_distractor(rng)], pen, size, rng),
            size,
            pen,
        )


def _hold(canvas: Canvas, background: Background, rng: np.random.Generator) -> None:
    """Fingers that hold the sheet, and a pen that lies on it."""
    thick = float(rng.uniform(0.03, 0.09)) * min(canvas.image.shape[:2])
    skin = skin_colour(rng)
    for _ in range(int(rng.integers(1, 4))):
        edge, inwards = _edge_of(background, rng)
        aside = inwards[::-1] * (1, -1) * thick * 1.1
        fingers = [
            np.stack([edge - 5 * thick * inwards, edge + inwards * rng.uniform(0.5, 3.5) * thick])
            + aside * number
            for number in range(int(rng.integers(1, 5)))
        ]
        canvas.cover(_capsules(canvas.image, fingers, thick), skin)
    if rng.random() < 0.4:
        edge, inwards = _edge_of(background, rng)
        pen = np.stack([edge, edge + inwards * rng.uniform(4, 20) * thick])
        canvas.cover(_capsules(canvas.image, [pen], 0.6 * thick), any_colour(rng))


def _edge_of(background: Background, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A point on an edge of the sheet, px of the image, and the way inwards from there."""
    along = rng.uniform(0, 1)
    edges = [[along, 0.0], [along, 1.0], [0.0, along], [1.0, along]]
    places = np.array([edges[rng.integers(4)], rng.uniform(0.3, 0.7, 2)])
    edge, middle = background.seen(places * background.plane_hw[::-1])
    return edge, (middle - edge) / (np.linalg.norm(middle - edge) + 1e-6)


def _capsules(image: np.ndarray, lines: list[np.ndarray], thick: float) -> np.ndarray:
    """Thick lines with round ends: uint8 `(H, W)`."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for line in lines:
        start, end = np.rint(line * 16).astype(int).tolist()
        cv2.line(mask, start, end, 255, max(2, round(thick)), cv2.LINE_AA, 4)
    return mask
