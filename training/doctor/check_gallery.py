"""Galleries of the data report: samples as annotated, and images of each kind of problem."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np

from detector.data.findings import Finding, counted
from detector.data.orientation import read_sample
from detector.draw import class_colour, draw_annotations, draw_marked
from detector.report.gallery import GREY, gallery_items, read_resized, resized
from detector.report.page import Gallery
from detector.types import Sample
from training.doctor.examine import Examination, by_kind
from training.doctor.image_checks import element_of, same_boxes

_SIDE = 300  # px, the longer one of an image on the page
_SAMPLES = 12
_PER_KIND = 6
_MARGIN = 0.12  # of the image, around it, where a box reaches outside
_OF_CLASSES = (
    "suspect-class-name",
    "class-imbalance",
    "class-missing-in-split",
    "unlearnable-class",
)
_CLOSE_UP = 0.15  # of the image: where a box is smaller, no more than this is shown


def sample_gallery(examination: Examination) -> Gallery:
    """Images from the whole of the data set with their annotations."""
    readable = [p.sample for p in examination.images if p.header]
    chosen = np.linspace(0, len(readable) - 1, min(len(readable), _SAMPLES)).astype(int)
    names = examination.dataset.classes.names

    def draw(sample: Sample) -> tuple[np.ndarray, str]:
        marks = sample.is_crowd | sample.is_difficult
        image = _drawn(sample, np.arange(len(sample)), names, marks)
        return image, f"{sample.path.name}, {counted(len(sample), 'object')}"

    items = gallery_items([readable[index] for index in chosen.tolist()], draw)
    ignored = examination.counts.crowd + examination.counts.difficult
    about = "Dashed: crowds and difficult objects, which are ignored" if ignored else ""
    return Gallery(items, about)


def problem_galleries(examination: Examination) -> Iterator[Gallery]:
    """A few images for each kind of problem that an image can show."""
    finder = _Finder(examination)
    for findings in by_kind(examination.findings).values():
        scenes = itertools.chain.from_iterable(map(finder.scenes, findings))
        if items := gallery_items(itertools.islice(scenes, _PER_KIND), lambda scene: scene()):
            title = findings[0].kind.title
            leaking = [f.message for f in findings if f.kind.name == "leak" and not f.others]
            yield Gallery(items, "; ".join([f"{title[:1].upper()}{title[1:]}", *leaking]))


_Scene = Callable[[], tuple[np.ndarray, str]]  # draws an image, and gives its caption


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

    def scenes(self, finding: Finding) -> Iterator[_Scene]:
        """What to draw; nothing if the finding is not about an image that can be read."""
        name = finding.kind.name
        if name in ("leak", "near-duplicate", "duplicate-picture"):
            if finding.others:  # else it says how many images of a split leak
                yield functools.partial(self._twins, finding)
        elif name in ("unreached-box", "small-after-resize"):
            coverage = self._coverage
            chosen = coverage.small if name != "unreached-box" else coverage.unreached
            counts = np.bincount(coverage.owners[chosen], minlength=len(self._readable))
            for owner in np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)].tolist():
                boxes = coverage.boxes[chosen & (coverage.owners == owner)]
                yield functools.partial(self._out_of_reach, self._readable[owner], boxes)
        elif name in _OF_CLASSES:
            label = [f"class {name!r}" for name in self._names].index(finding.element)
            having = (sample for sample in self._readable if label in sample.labels)
            for sample in itertools.islice(having, 1):
                yield functools.partial(self._of_class, sample, label, finding)
        else:
            samples = filter(None, map(self._by_path.get, (finding.path, *finding.others)))
            for sample in itertools.islice(samples, 1):
                yield functools.partial(self._problem, sample, finding)

    def _problem(self, sample: Sample, finding: Finding) -> tuple[np.ndarray, str]:
        caption = _caption(sample, finding)
        for row in range(len(sample)):
            if element_of(sample, row) == finding.element:
                twins = [first for first, later in same_boxes(sample).tolist() if later == row]
                return _close_up(sample, [row, *twins[:1]], self._names), caption
        return _drawn(sample, np.arange(len(sample)), self._names), caption

    def _twins(self, finding: Finding) -> tuple[np.ndarray, str]:
        samples = [self._by_path[path] for path in (finding.path, *finding.others)[:2]]
        images = [read_resized(sample, 2 * _SIDE // 3, enlarge=False)[0] for sample in samples]
        height = min(image.shape[0] for image in images)
        first, second = (_to_height(image, height) for image in images)
        gap = np.full((height, 4, 3), 255, np.uint8)
        return np.hstack([first, gap, second]), finding.message

    def _out_of_reach(self, sample: Sample, boxes_fraction: np.ndarray) -> tuple[np.ndarray, str]:
        image = read_resized(sample, _SIDE, enlarge=False)[0]
        boxes = boxes_fraction * np.tile(image.shape[1::-1], 2)
        caption = f"{sample.path.name}: {counted(len(boxes), 'object')}"
        return draw_marked(image, boxes, class_colour(0)), caption

    def _of_class(self, sample: Sample, label: int, finding: Finding) -> tuple[np.ndarray, str]:
        rows = np.flatnonzero(sample.labels == label)
        is_ignored = (sample.is_crowd | sample.is_difficult)[rows]
        image = _drawn(sample, rows, self._names, is_ignored)
        return image, f"{finding.element}: {finding.message}"


def _caption(sample: Sample, finding: Finding) -> str:
    place = sample.path.name
    element = f", {finding.element}" if finding.element else ""
    return f"{place}{element}: {finding.message.removeprefix(f'{place}: ')}"


def _drawn(
    sample: Sample, rows: np.ndarray, names: Sequence[str], is_ignored: np.ndarray | None = None
) -> np.ndarray:
    """The whole image, small, with some of its objects."""
    image, sample, _ = read_resized(sample, _SIDE, enlarge=False)
    return draw_annotations(image, sample.boxes[rows], sample.labels[rows], names, is_ignored)


def _close_up(sample: Sample, rows: Sequence[int], names: Sequence[str]) -> np.ndarray:
    """The part of an image that shows some objects, enlarged if they are small."""
    image, sample = read_sample(sample)
    margin = round(_MARGIN * max(image.shape[:2]))
    image = np.pad(image, [(margin, margin), (margin, margin), (0, 0)], constant_values=GREY)
    boxes = sample.boxes[rows] + margin
    x, y, width, height = _view(image, boxes, margin)
    part = image[y : y + height, x : x + width]
    shifted = (boxes - [x, y, x, y]) * (_SIDE / max(part.shape[:2]))
    part = resized(part, _SIDE, enlarge=cv2.INTER_CUBIC)
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


def _to_height(image: np.ndarray, height: int) -> np.ndarray:
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
