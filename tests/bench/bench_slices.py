"""AP of single images against a mosaic of them in tiles, and the time of a tile.

Run by hand: `python -m tests.bench.bench_slices MODEL DATA [--columns N] [--slice SIZE] [--whole]`,
such as `my_run/best foda:val --columns 10`. With `shapes` as DATA the images are drawn.

The first images of the data set with objects are measured one by one, then laid side by side as
one large image: whole, and in tiles. Cells are as large as the first image, to which others are
stretched. Where an object ends at the border of its image, and another image begins there, no tile
can know it: `--whole` takes images in which none does, as none does in a large photo.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detector.boxes import scale
from detector.classes import ClassMap
from detector.data.open import open_dataset
from detector.data.orientation import read_sample
from detector.predictor import Predictor
from detector.preprocess import resize
from detector.shapes.generator import draw_scene
from detector.shapes.outlines import SHAPES
from detector.sliced_predictor import SlicedPredictor
from detector.slicing.tiles import make_tiles
from detector.slicing.tiling import AUTO, tile_size
from detector.types import Detections, Sample
from eval.scoring.eval_set import make_eval_set, shared_classes
from eval.scoring.evaluator import evaluate
from eval.scoring.inference import SCORE_THRESHOLD

MOST = 100  # detections in a cell
_LOOSE = 3  # px


class Cell(NamedTuple):
    """An image with its objects, all of one size."""

    image: np.ndarray
    sample: Sample


def drawn_cells(count: int, side: int) -> tuple[list[Cell], ClassMap]:
    """Drawn shapes."""
    cells = []
    for index in range(count):
        scene = draw_scene(7, index, (side, side))
        found = (scene.boxes, scene.labels, np.zeros(len(scene.boxes), bool), scene.is_difficult)
        sample = Sample(index, Path(str(index)), side, side, *found)
        cells.append(Cell(scene.image, sample))
    return cells, ClassMap(SHAPES)


def read_cells(data: str, count: int, whole: bool) -> tuple[list[Cell], ClassMap]:
    """Images of a data set, spread over it; `whole`: of those whose objects end inside them."""
    dataset = open_dataset(data)
    full = np.flatnonzero(dataset.object_columns().lengths)
    if whole:
        full = np.array([row for row in full.tolist() if _ends_inside(dataset[row])])
    chosen = full[np.linspace(0, len(full) - 1, count).astype(int)]
    cells: list[Cell] = []
    for row in chosen.tolist():
        image, sample = read_sample(dataset[row])
        side = cells[0].image.shape[0] if cells else image.shape[0]
        fractions = sample.boxes / ([sample.width, sample.height] * 2)
        boxes = scale(fractions.astype(np.float32), side, side)
        moved = Sample(
            row, sample.path, side, side, boxes, sample.labels, sample.is_crowd, sample.is_difficult
        )
        cells.append(Cell(resize(image, side), moved))
    return cells, dataset.classes


def _ends_inside(sample: Sample) -> bool:
    """Whether no object comes as near to the border as a box is loose."""
    end = np.array([sample.width, sample.height] * 2, np.float32) - _LOOSE
    return bool(np.all(sample.boxes > _LOOSE) and np.all(sample.boxes < end))


def mosaic(cells: Sequence[Cell], columns: int) -> Cell:
    """All cells as one image, row by row."""
    side = cells[0].image.shape[0]
    rows = len(cells) // columns
    image = np.zeros((rows * side, columns * side, 3), np.uint8)
    boxes = []
    for index, cell in enumerate(cells):
        top, left = side * (index // columns), side * (index % columns)
        image[top : top + side, left : left + side] = cell.image
        boxes.append(cell.sample.boxes + np.array([left, top, left, top], np.float32))
    labels, is_crowd, is_difficult = (
        np.concatenate([getattr(cell.sample, name) for cell in cells])
        for name in ("labels", "is_crowd", "is_difficult")
    )
    height, width = image.shape[:2]
    place, found = Path("mosaic"), np.concatenate(boxes)
    whole = Sample("mosaic", place, height, width, found, labels, is_crowd, is_difficult)
    return Cell(image, whole)


def ap(
    cells: Sequence[Cell],
    detect: Callable[[np.ndarray], Detections],
    classes: ClassMap,
    model: ClassMap,
    most: int,
) -> dict[str, float]:
    """COCO's figures."""
    found = [(cell.sample, detect(cell.image)) for cell in cells]
    dataset = argparse.Namespace(name="cells", classes=classes)
    shared = shared_classes(model, classes)
    settings = {"max_detections": most}
    scored = make_eval_set("model", dataset, found, model, shared, settings)  # pyright: ignore
    return dict(evaluate(scored, "fast").figures)


def main(argv: Sequence[str] | None = None) -> dict[str, dict[str, float]]:
    """Print the figures, and return them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("data")
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--side", type=int, default=320, help="of drawn cells, px")
    parser.add_argument("--slice", type=tile_size, default=AUTO)
    parser.add_argument("--runtime")
    parser.add_argument("--whole", action="store_true", help="no object ends at a border")
    args = parser.parse_args(argv)
    count = args.columns**2
    cells, classes = (
        drawn_cells(count, args.side)
        if args.data == "shapes"
        else read_cells(args.data, count, args.whole)
    )

    def load(most: int) -> Predictor:
        return Predictor.load(
            args.model, args.runtime, score_threshold=SCORE_THRESHOLD, max_detections=most
        )

    single, whole = load(MOST), load(count * MOST)
    sliced = SlicedPredictor.of(whole, args.slice)
    tiling = sliced.tiling
    large = [mosaic(cells, args.columns)]
    figures = {}
    for name, pictures, predictor, most in (
        ("single images", cells, single, MOST),
        ("mosaic, whole", large, whole, count * MOST),
        ("mosaic, tiles", large, sliced, count * MOST),
    ):
        begun = time.perf_counter()
        figures[name] = ap(pictures, predictor, classes, single.classes, most)
        seconds = time.perf_counter() - begun
        shown = "  ".join(f"{key} {figures[name][key]:.3f}" for key in ("AP", "AP50", "APs", "APm"))
        print(f"{name:14} {shown}  {seconds:.1f} s", flush=True)
    height, width = large[0].image.shape[:2]
    print(f"{width}x{height} px, {tiling.in_words()}")
    for share in (0.25, 0.5, 1.0):
        part = large[0].image[: round(share * height)]
        tiles = len(make_tiles(len(part), width, tiling.size, tiling.overlap))
        begun = time.perf_counter()
        sliced(part)
        per_tile = 1000 * (time.perf_counter() - begun) / tiles
        print(f"{tiles:5} tiles: {per_tile:.1f} ms each")
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
