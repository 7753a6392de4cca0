"""Images for the doctor's report: samples as they are, and each kind of problem."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from configs.errors import UserError
from detector.data.findings import Finding
from detector.data.orientation import read_sample
from detector.draw import draw_annotations, draw_boxes
from detector.report.page import Gallery, thumbnail
from detector.types import Detections, Sample
from training.doctor.box_checks import element_of, same_boxes
from training.doctor.examine import Examination, by_kind
from training.doctor.words import counted

_SIDE = 300  # px, the longer one of an image on the page
_SAMPLES = 12
_PER_KIND = 6
_MARGIN = 0.12  # of the image, around it, where a box reaches outside
_CLOSE_UP = 0.15  # of the image: where a box is smaller, no more than this is shown
_PAPER = 128  # grey level


def sample_gallery(examination: Examination) -> Gallery:
    """Images from the whole of the data set with their annotations."""
    readable = [p.sample for p in examination.images if p.header]
    chosen = np.linspace(0, len(readable) - 1, min(len(readable), _SAMPLES)).astype(int)
    names = examination.dataset.classes.names
    items = []
    for index in chosen.tolist():
        sample = readable[index]
        with contextlib.suppress(UserError):
            ignored = sample.is_crowd | sample.is_difficult
            image = _drawn(sample, np.arange(len(sample)), names, ignored)
            items.append(
                (thumbnail(image), f"{sample.path.name}, {counted(len(sample), 'object')}")
            )
    ignored = examination.counts.crowd + examination.counts.difficult
    about = "Dashed: crowds and difficult objects, which are ignored" if ignored else ""
    return Gallery(items, about)


def problem_galleries(examination: Examination) -> Iterator[Gallery]:
    """A few images for each kind of problem that an image can show."""
    finder = _Finder(examination)
    for findings in by_kind(examination.findings).values():
        items = []
        for finding in findings:
            with contextlib.suppress(UserError):
                items += finder.show(finding, _PER_KIND - len(items))
            if len(items) >= _PER_KIND:
                break
        if items:
            kind = findings[0].kind
            yield Gallery(items, f"{kind.title[:1].upper()}{kind.title[1:]}")


class _Finder:
    """Finds and draws what a finding is about."""

    def __init__(self, examination: Examination) -> None:
        self._names = examination.dataset.classes.names
        self._coverage = examination.coverage
        self._readable = [p.sample for p in examination.images if p.header]
        self._by_path = {sample.path: sample for sample in self._readable}
        # Where each image has an annotation file of its own, that file leads to it, too.
        sources = [sample.source for sample in self._readable if sample.source]
        if len(set(sources)) == len(sources):
            self._by_path |= {sample.source: sample for sample in self._readable if sample.source}

    def show(self, finding: Finding, most: int) -> list[tuple[str, str]]:
        """Images and captions; none if the finding is not about an image that can be read."""
        name = finding.kind.name
        if name in ("leak", "near-duplicate", "duplicate-picture"):
            return [self._twins(finding)]
        if name in ("unreached-box", "small-after-resize"):
            return self._out_of_reach(most, small=name == "small-after-resize")
        if name in ("suspect-class-name", "class-imbalance", "class-missing-in-split"):
            return self._of_class(finding)
        sample = next(filter(None, map(self._by_path.get, (finding.path, *finding.others))), None)
        if sample is None:
            return []
        return [(thumbnail(self._problem(sample, finding)), _caption(sample, finding))]

    def _problem(self, sample: Sample, finding: Finding) -> np.ndarray:
        for row in range(len(sample)):
            if element_of(sample, row) == finding.element:
                twins = [first for first, later in same_boxes(sample).tolist() if later == row]
                return _close_up(sample, [row, *twins[:1]], self._names)
        return _drawn(sample, np.arange(len(sample)), self._names)

    def _twins(self, finding: Finding) -> tuple[str, str]:
        paths: Sequence[Path] = (finding.path, *finding.others)
        images = [
            _scaled(read_sample(self._by_path[path])[0], 2 * _SIDE // 3) for path in paths[:2]
        ]
        height = min(image.shape[0] for image in images)
        row = [_to_height(image, height) for image in images]
        gap = np.full((height, 4, 3), 255, np.uint8)
        return thumbnail(np.hstack([row[0], gap, row[1]])), finding.message

    def _out_of_reach(self, most: int, small: bool) -> list[tuple[str, str]]:
        """The images with the most objects of which the finding speaks."""
        coverage = self._coverage
        chosen = coverage.side < 16 if small else coverage.unreached
        counts = np.bincount(coverage.owners[chosen], minlength=len(self._readable))
        items = []
        for owner in np.argsort(-counts, kind="stable")[:most].tolist():
            if not counts[owner]:
                break
            sample = self._readable[owner]
            image = _scaled(read_sample(sample)[0], _SIDE)
            size = np.tile(image.shape[1::-1], 2)
            boxes = coverage.boxes[chosen & (coverage.owners == owner)] * size
            found = Detections(boxes, np.ones(len(boxes)), np.zeros(len(boxes), int))
            items.append(
                (
                    thumbnail(draw_boxes(image, found)),
                    f"{sample.path.name}: {counted(int(counts[owner]), 'object')}",
                )
            )
        return items

    def _of_class(self, finding: Finding) -> list[tuple[str, str]]:
        """The first object of the class that the finding names."""
        elements = [f"class {name!r}" for name in self._names]
        for sample in self._readable:
            rows = np.flatnonzero(sample.labels == elements.index(finding.element))
            if len(rows):
                image = _drawn(sample, rows, self._names)
                return [(thumbnail(image), f"{finding.element}: {finding.message}")]
        return []


def _caption(sample: Sample, finding: Finding) -> str:
    place = sample.path.name
    element = f", {finding.element}" if finding.element else ""
    return f"{place}{element}: {finding.message.removeprefix(f'{place}: ')}"


def _drawn(
    sample: Sample, rows: np.ndarray, names: Sequence[str], is_ignored: np.ndarray | None = None
) -> np.ndarray:
    """The whole image, small, with some of its objects."""
    image, sample = read_sample(sample)
    small = _scaled(image, _SIDE)
    boxes = sample.boxes[rows] * (small.shape[1] / image.shape[1])
    return draw_annotations(small, boxes, sample.labels[rows], names, is_ignored)


def _close_up(sample: Sample, rows: Sequence[int], names: Sequence[str]) -> np.ndarray:
    """The part of an image that shows some objects, enlarged if they are small."""
    image, sample = read_sample(sample)
    margin = round(_MARGIN * max(image.shape[:2]))
    image = np.pad(image, [(margin, margin), (margin, margin), (0, 0)], constant_values=_PAPER)
    boxes = sample.boxes[rows] + margin
    x, y, width, height = _view(image, boxes, margin)
    part = image[y : y + height, x : x + width]
    zoom = _SIDE / max(part.shape[:2])
    size = (max(1, round(zoom * part.shape[1])), max(1, round(zoom * part.shape[0])))
    part = cv2.resize(part, size, interpolation=cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC)
    shifted = (boxes - [x, y, x, y]) * zoom
    return draw_annotations(part, shifted, sample.labels[rows], names)


def _view(image: np.ndarray, boxes: np.ndarray, margin: int) -> tuple[int, int, int, int]:
    """x, y, width and height of what to show of an image with a margin around it."""
    height, width = image.shape[:2]
    low, high = boxes.reshape(-1, 2).min(axis=0), boxes.reshape(-1, 2).max(axis=0)
    side = float((high - low).max())
    if side < _CLOSE_UP * max(height, width):
        side = round(max(4 * side, _CLOSE_UP * max(height, width)))
        x, y = np.clip((low + high - side) / 2, 0, [max(0, width - side), max(0, height - side)])
        return int(x), int(y), min(side, width), min(side, height)
    inside = (low >= margin).all() and (high <= [width - margin, height - margin]).all()
    cut = margin if inside else 0
    return cut, cut, width - 2 * cut, height - 2 * cut


def _scaled(image: np.ndarray, side: int) -> np.ndarray:
    """An image shrunk until its longer side fits."""
    zoom = min(1.0, side / max(image.shape[:2]))
    size = (max(1, round(zoom * image.shape[1])), max(1, round(zoom * image.shape[0])))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def _to_height(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
