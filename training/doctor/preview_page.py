"""The page of `training.preview`: augmented images, their boxes and their positive anchors.

Where training chooses anchors by their centre and by what the network predicts, the page shows
those that it chooses among, as small squares about their centres.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from configs.schema import Config, ModelConfig
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from detector.boxes import scale
from detector.data.dataset import Dataset
from detector.data.findings import counted
from detector.draw import class_colour, draw_annotations
from detector.report.gallery import gallery_items, resized, thumbnail
from detector.report.page import Facts, Gallery, Section, render_page
from training.batches.candidates import candidates
from training.batches.loader import Batch, Loader
from training.batches.targets import match

_SIDE = 480  # px of a drawn image, so that thin lines and names can be told apart
_STRENGTH = 0.65  # of the lines of anchors
_MARK = 0.25  # of a cell, side of the square about an anchor's centre


@dataclass(frozen=True, eq=False)
class Seen:
    """One image of a batch, as training sees it.

    Attributes:
        index: of its sample.
        image: uint8 `(S, S, 3)`, RGB.
        boxes_fraction: float32 `(M, 4)`, xyxy.
        labels: int64 `(M,)`.
        is_ignored: bool `(M,)`, crowds and difficult objects.
        anchors_of: for each object, float32 `(K, 4)`, the anchors matched to it, or squares about
            the centres of those that can be, xyxy in fractions.
    """

    index: int
    image: np.ndarray
    boxes_fraction: np.ndarray
    labels: np.ndarray
    is_ignored: np.ndarray
    anchors_of: Sequence[np.ndarray]


def first_images(dataset: Dataset, config: Config, count: int) -> list[Seen]:
    """The first images of the first epoch, at most as many as the data set has."""
    loader = Loader(dataset.samples, config, augment=True)
    at_size = config.model.at_size(loader.course.input_size(0))
    of_epoch = config.model_copy(update={"model": at_size})
    batches = loader.batches(epoch=0)
    images = itertools.chain.from_iterable(seen_in(batch, of_epoch) for batch in batches)
    return list(itertools.islice(images, min(count, len(dataset))))


def seen_in(batch: Batch, config: Config) -> Iterator[Seen]:
    """The images of a batch with the anchors that training matches to their objects."""
    is_object = batch.labels >= 0
    is_trained = is_object & ~batch.is_ignored
    if _by_iou(config):
        shown = model_anchors(config.model)
        matched = match(batch.boxes_fraction, is_trained, shown)
        taken = matched[:, None] == np.arange(is_object.shape[1])[:, None]  # (B, N, A)
    else:
        shown = _marks(config.model)
        near = [candidates(boxes, config.model) for boxes in batch.boxes_fraction]
        taken = np.stack(near) & is_trained[..., None]
    for row, image in enumerate(batch.images):
        there = is_object[row]
        yield Seen(
            int(batch.indices[row]),
            image,
            batch.boxes_fraction[row, there],
            batch.labels[row, there],
            batch.is_ignored[row, there],
            [shown[own] for own in taken[row, there]],
        )


def _by_iou(config: Config) -> bool:
    return config.losses.matcher == "iou"


def _marks(config: ModelConfig) -> np.ndarray:
    """Squares about the centres of the anchors, larger on coarser maps: `(A, 4)`, as anchors."""
    anchors = model_anchors(config)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    maps = zip(feature_sizes(config), anchors_per_cell(config), strict=True)
    cells = np.concatenate([np.full(size * size * each, 1 / size) for size, each in maps])
    half = _MARK / 2 * cells[:, None].astype(np.float32)
    return np.concatenate([centres - half, centres + half], axis=1)


def to_html(dataset: Dataset, config: Config, config_name: str, seen: Sequence[Seen]) -> str:
    """The page of images that were loaded with `config`, in the order of training."""
    size, seed, names = len(seen[0].image), config.seed, dataset.classes.names
    by_iou = _by_iou(config)
    noun = "anchor" if by_iou else "candidate"
    about = [
        _facts(seen, noun),
        _LEGEND if by_iou else _LEGEND_OF_CANDIDATES,
        Gallery([_legend(noun)], is_wide=True),
    ]
    sections = [Section("What is shown", about)]
    step = config.loader.batch_size
    for number, start in enumerate(range(0, len(seen), step)):
        batch = seen[start : start + step]
        items = gallery_items(batch, lambda one: (_drawn(one, names), _caption(one, dataset, noun)))
        sections.append(Section(f"Batch {number + 1}", [Gallery(items, is_wide=True)]))
    subtitle = f"{config_name}, {size} px · seed {seed}, epoch 0 · {len(dataset):,} images in all"
    return render_page(f"What training sees: {Path(dataset.name).name}", subtitle, sections)


_LEGEND = (
    "Thick: an object, with its class and the number of anchors matched to it. Thin, in the same "
    "colour: those anchors, which learn its class and place; every other anchor learns that there "
    "is nothing. Dashed grey: crowds and difficult objects, to which no anchor is matched. Colours "
    "tell objects apart, not classes."
)
_LEGEND_OF_CANDIDATES = (
    "Thick: an object, with its class and its number of candidates. Small squares, in the same "
    "colour: those candidates, anchors whose centre lies in the object, or beside it where it is "
    "tiny; the coarser their map, the larger the square. Of them, those that learn its class and "
    "place are chosen in each step, by how well the network already finds it there; every other "
    "anchor learns that there is nothing. Dashed grey: crowds and difficult objects, which have no "
    "candidates. Colours tell objects apart, not classes."
)


def _facts(seen: Sequence[Seen], noun: str) -> Facts:
    positives = [len(own) for one in seen for own in _trained(one)]
    article = "an" if noun == "anchor" else "a"
    items = {
        "images": f"{len(seen):,}",
        "objects": f"{len(positives):,}",
        f"{noun}s per object": f"{np.mean(positives):.1f}" if positives else "-",
        f"objects without {article} {noun}": f"{positives.count(0):,}",
        "ignored objects": f"{sum(int(one.is_ignored.sum()) for one in seen):,}",
        "images without objects": f"{sum(not len(one.labels) for one in seen):,}",
    }
    return Facts([(figure, what) for what, figure in items.items()])


def _trained(one: Seen) -> list[np.ndarray]:
    """The anchors of each object that is not ignored."""
    pairs = zip(one.anchors_of, one.is_ignored, strict=True)
    return [own for own, ignored in pairs if not ignored]


def _caption(one: Seen, dataset: Dataset, noun: str) -> str:
    trained = _trained(one)
    parts = [f"{counted(len(trained), 'object')}, {counted(sum(map(len, trained)), noun)}"]
    if one.is_ignored.any():
        parts.append(f"{one.is_ignored.sum()} ignored")
    return f"{dataset[one.index].path.name}: {', '.join(parts)}"


def _drawn(one: Seen, names: Sequence[str]) -> np.ndarray:
    """The image, enlarged, with anchors below objects; a colour for each object."""
    image = resized(one.image, _SIDE)
    lines = image.copy()
    for row, anchors in enumerate(one.anchors_of):
        for x1, y1, x2, y2 in scale(anchors, _SIDE, _SIDE).round().astype(int).tolist():
            cv2.rectangle(lines, (x1, y1), (x2, y2), class_colour(row), 1, cv2.LINE_AA)
    image = cv2.addWeighted(lines, _STRENGTH, image, 1 - _STRENGTH, 0)
    captions = [
        f"{names[label]} {len(anchors)}"
        for label, anchors in zip(one.labels.tolist(), one.anchors_of, strict=True)
    ]
    boxes = scale(one.boxes_fraction, _SIDE, _SIDE)
    return draw_annotations(image, boxes, np.arange(len(boxes)), captions, one.is_ignored)


def _legend(noun: str) -> tuple[str, str]:
    """The three kinds of boxes on a plain ground."""
    boxes = np.array([[0.08, 0.2, 0.5, 0.8], [0.65, 0.3, 0.92, 0.7]], np.float32)
    shift = np.array([[0.03, 0.05], [-0.04, 0.03], [0.02, -0.06]], np.float32)
    own = boxes[0] + np.tile(shift, 2)
    if noun == "candidate":
        middle = (boxes[0, :2] + boxes[0, 2:]) / 2
        own = np.concatenate([middle + 2 * shift - 0.01, middle + 2 * shift + 0.01], axis=1)
    example = Seen(
        index=0,
        image=np.full((_SIDE, _SIDE, 3), 215, np.uint8),
        boxes_fraction=boxes,
        labels=np.array([0, 0]),
        is_ignored=np.array([False, True]),
        anchors_of=[own, np.zeros((0, 4), np.float32)],
    )
    drawn = _drawn(example, [f"object, {noun}s:"])[_SIDE // 10 : -_SIDE // 10]
    return thumbnail(drawn), f"an object with three {noun}s; one that is ignored"
