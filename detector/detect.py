"""Detect objects in images: JSON, COCO results, drawn images, or lines on the terminal."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from detector.command import (
    EXIT_CHECK_FAILED,
    EXIT_OK,
    SKIPS,
    CommandParser,
    path,
    run,
)
from detector.data.findings import counted
from detector.detection_cap import DetectionCap
from detector.files import check_folder, check_outputs, write_text
from detector.little_found import LittleFound
from detector.model_arguments import add_model_arguments, load_predictor, model_files
from detector.slicing.tiling import choose_tiling

if TYPE_CHECKING:
    import numpy as np

    from detector.predictor import Predictor
    from detector.results import ResultsWriter
    from detector.types import Detections

_EXAMPLES = """examples:
  python -m detector.detect photo.jpg --draw drawn
  python -m detector.detect photos/ 'more/**/*.png' --json found.json --score 0.5
  python -m detector.detect photos/ --model my_run/best --classes person,dog --coco results.json
  python -m detector.detect aerial.jpg --model my_run/best --slice auto --draw drawn
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser("detector.detect", "Detect objects in images.", _EXAMPLES, SKIPS)
    parser.add_images()
    add_model_arguments(parser)
    parser.add_outputs(
        json="write detections as JSON",
        coco="write COCO results; a file name of digits is the image id, else the name is, or "
        "the path where names repeat",
    )
    parser.add_argument("--draw", type=path, metavar="DIR", help="write images with boxes drawn")
    parser.add_dry_run()
    return parser.parse_args(argv)


class _Outputs:
    """Where detections go; what was not asked for is not made."""

    def __init__(
        self,
        args: argparse.Namespace,
        predictor: Predictor,
        writer: ResultsWriter | None,
        inputs: list[Path],
    ) -> None:
        self._predictor = predictor
        self._writer = writer
        self._coco_path: Path | None = args.coco
        self._coco: list[dict[str, Any]] = []
        self._ids = self._make_ids(inputs) if args.coco else {}
        self._draw_folder: Path | None = args.draw
        self._taken = {image.resolve() for image in inputs}
        self.cap = DetectionCap(predictor.thresholds.max_detections)
        self.little = LittleFound(predictor)

    def add(self, path: Path, image: np.ndarray, detections: Detections) -> None:
        """Write or keep what was found in one image."""
        from detector.results import coco_results

        classes = self._predictor.classes
        if self._writer:
            height, width = image.shape[:2]
            self._writer.add(str(path), height, width, detections)
        if self._coco_path:
            name = path.as_posix()
            self._coco += coco_results(self._ids[path], detections, classes, name)
        if self._draw_folder:
            self._draw(self._draw_folder, path.stem, image, detections)

    def finish(self) -> None:
        """Write what could only be written at the end."""
        if self._writer:
            reached = {"images_at_max_detections": self.cap.reached}
            self._writer.finish(max_detections=self.cap.most, **reached)
        if self._coco_path:
            write_text(self._coco_path, json.dumps(self._coco))

    def _make_ids(self, inputs: list[Path]) -> dict[Path, int | str]:
        """The id of each image for COCO's form; says so where it is not its name."""
        from detector.data.values import as_text
        from detector.results import coco_image_ids

        ids = coco_image_ids(inputs)
        named = ((one, as_text(path.stem)) for path, one in ids.items())
        by_path = sum(isinstance(one, str) and one != name for one, name in named)
        if by_path:
            print(f"{counted(by_path, 'image')}: names repeat, so image_id is the path")
        return ids

    def _draw(self, folder: Path, stem: str, image: np.ndarray, detections: Detections) -> None:
        from detector.draw import draw_detections
        from detector.images import write_image

        target = folder / f"{stem}.jpg"
        number = 2
        while target.resolve() in self._taken:  # by an input, or an image of the same name
            target = folder / f"{stem}_{number}.jpg"
            number += 1
        self._taken.add(target.resolve())
        write_image(target, draw_detections(image, detections, self._predictor.classes.names))


def _describe(image: Path, detections: Detections, names: tuple[str, ...]) -> str:
    found = [
        f"{names[label]} {score:.2f} [{' '.join(f'{edge:.0f}' for edge in box)}]"
        for box, score, label in zip(
            detections.boxes, detections.scores, detections.labels, strict=True
        )
    ]
    return f"{image}: {', '.join(found) or 'nothing found'}"


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    from detector.images import find_images

    paths = find_images(args.images)
    check_outputs([args.json, args.coco], inputs=[*paths, *model_files(args.model)])
    if args.draw:
        check_folder(args.draw)
    if args.dry_run:
        print(_intent(args, paths))
        return EXIT_OK
    predictor = load_predictor(args)
    labels = predictor.classes.labels_of(args.classes) if args.classes else None
    with contextlib.ExitStack() as stack:
        writer = None
        if args.json:
            from detector.results import open_results

            opened = open_results(args.json, predictor.name, predictor.classes)
            writer = stack.enter_context(opened)
        outputs = _Outputs(args, predictor, writer, paths)
        quiet = bool(args.json or args.coco or args.draw)
        skipped = _detect_all(paths, predictor, labels, outputs, quiet)
        if skipped == len(paths):  # within the block, so that no empty file is written
            raise UserError(f"none of the images can be read ({skipped})")
        outputs.finish()
    for saved in filter(None, (args.json, args.coco, args.draw)):
        print(f"saved {saved}")
    for line in filter(None, (outputs.cap.in_words(), outputs.little.in_words())):
        print(line, file=sys.stderr)
    if skipped:
        print(f"skipped {skipped} of {len(paths)} images", file=sys.stderr)
    return EXIT_CHECK_FAILED if skipped else EXIT_OK


def _intent(args: argparse.Namespace, paths: list[Path]) -> str:
    """What would be done; the model is looked for, not loaded."""
    from detector.models import find_model

    model = find_model(args.model, args.runtime)
    if args.classes and model.spec:
        model.spec.classes.labels_of(args.classes)  # raises for an unknown one
    outputs = ", ".join(str(one) for one in (args.json, args.coco, args.draw) if one)
    tiles = ""
    if args.slice is not None:
        from detector.slicing.tile_counts import count_tiles

        tiling = choose_tiling(args.slice, model.spec)
        tiles = f", in {counted(count_tiles(paths, tiling), 'tile')}: {tiling.in_words()}"
    return (
        f"would detect in {len(paths):,} images with {model.in_words()}{tiles}; output "
        f"{outputs or 'here'}"
    )


def _detect_all(
    paths: list[Path],
    predictor: Predictor,
    labels: list[int] | None,
    outputs: _Outputs,
    quiet: bool,
) -> int:
    """Run over all images; the number of those that could not be read."""
    from tqdm import tqdm

    from detector.images import read_image

    skipped = 0
    with _progress(paths, predictor, quiet) as on_image:
        for file in paths:
            try:
                image = read_image(file)
            except UserError as error:
                tqdm.write(f"skipped: {error}", file=sys.stderr)
                skipped += 1
                on_image(1)
                continue
            found = predictor(image)
            # Before the choice of classes, which they know nothing of.
            outputs.cap.add(len(found))
            height, width = image.shape[:2]
            outputs.little.add(height, width, len(found))
            detections = found.of_labels(labels)
            outputs.add(file, image, detections)
            if not quiet:
                tqdm.write(_describe(file, detections, predictor.classes.names))
            on_image(1)
    return skipped


@contextlib.contextmanager
def _progress(
    paths: list[Path], predictor: Predictor, quiet: bool
) -> Iterator[Callable[[int], object]]:
    """A bar of images, to be told of each; of tiles, where one image may take minutes."""
    from tqdm import tqdm

    from detector.sliced_predictor import SlicedPredictor

    if not isinstance(predictor, SlicedPredictor):
        with tqdm(total=len(paths), unit="image", delay=2, disable=not quiet) as bar:
            yield bar.update
        return
    from detector.slicing.tile_counts import count_tiles

    total = count_tiles(paths, predictor.tiling)
    with tqdm(total=total, unit="tile", delay=2, disable=None) as bar:
        predictor.on_tiles = bar.update
        yield lambda _: None


if __name__ == "__main__":
    sys.exit(run(main))
