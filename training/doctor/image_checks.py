"""Checks of each image: its file (decoded once), and its boxes.

Files: readable, true suffix, frame of the annotations. Boxes: inverted, empty, out of the image,
tiny, duplicate or conflicting.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.boxes import pairwise_iou
from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding
from detector.data.orientation import settle
from detector.data.usable import box_faults
from detector.images import Header, read_header, read_image
from detector.threads import in_threads
from detector.types import Sample

_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}  # a phone's .jpg may hold more than one image

_MANY_BROKEN = 0.05  # of the images; training replaces a few without harm
_DARK = 64  # of 255, the white of 14 bits in 16

TINY = 4.0
"""px of the source; an object with a shorter side shows nothing that could be learnt."""

SAME_BOX_IOU = 0.95
"""Two boxes that overlap so much were drawn around one object."""


@dataclass(frozen=True, eq=False)
class Image:
    """What the file of one sample's image is.

    Attributes:
        sample: in the frame of the image, if that can be read.
        header: None if the image cannot be decoded.
        digest: of the file's bytes; "" if it cannot be decoded.
        findings: what is wrong with it.
        brightest: the largest value of its pixels, 0 ... 255, where the file has more than 8 bits
            per channel; 255 for all others.
    """

    sample: Sample
    header: Header | None
    digest: str
    findings: Sequence[Finding]
    brightest: int = 255


def look_at_images(samples: Sequence[Sample]) -> list[Image]:
    """Decode the image of every sample; a bar shows on anything that takes over two seconds."""
    from tqdm import tqdm

    looked = in_threads(look_at_image, samples)
    return list(tqdm(looked, "reading images", len(samples), unit="image", delay=2))


def look_at_image(sample: Sample) -> Image:
    """Decode the image of a sample."""
    path = sample.path
    try:
        header = read_header(path)
        pixels = read_image(path)
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except (UserError, OSError) as error:
        reason = str(error).removeprefix(f"cannot read {path}: ")
        unreadable = Finding(KINDS["unreadable-picture"], path, "", reason)
        return Image(sample, None, "", [unreadable])
    settled, findings = settle(sample, header)
    true_suffix = lying_suffix(path, header)
    if true_suffix:
        message = f"it is a {header.format}, whose suffix is {true_suffix}"
        findings = [*findings, Finding(KINDS["wrong-extension"], path, "", message)]
    brightest = int(pixels.max()) if header.is_wide else 255
    return Image(settled, header, digest, findings, brightest)


def check_files(dataset: Dataset, images: Sequence[Image]) -> list[Finding]:
    """Whether too many images cannot be decoded, and whether those of 16 bits are nearly black."""
    told = (*dataset.findings, *(finding for image in images for finding in image.findings))
    broken = {finding.path for finding in told if finding.kind.name == "unreadable-picture"}
    every = len({image.sample.path for image in images} | broken)
    findings = []
    if len(broken) > max(1, _MANY_BROKEN * every):
        message = f"{len(broken):,} of {every:,} images, more than {_MANY_BROKEN:.0%}"
        findings.append(Finding(KINDS["many-unreadable"], dataset.path, "", message))
    return [*findings, *_check_depth([image for image in images if image.header])]


def _check_depth(images: Sequence[Image]) -> Iterator[Finding]:
    wide = [image for image in images if image.header and image.header.is_wide]
    brightest = max((image.brightest for image in wide), default=255)
    if brightest > _DARK:
        return
    bits = 8 + max(0, brightest - 1).bit_length()
    message = (
        f"the {len(wide):,} images of 16 bits use only the lowest {bits} (no pixel is brighter "
        f"than {brightest} of 255); multiply by {1 << 16 - bits}, here and where the model is used"
    )
    path, *others = (image.sample.path for image in wide)
    yield Finding(KINDS["dark-images"], path, "", message, tuple(others))


def lying_suffix(path: Path, header: Header) -> str:
    """The suffix that an image should have instead of its own; "" if its own tells the truth.

    A suffix that is not one of images claims nothing.
    """
    formats = _formats()
    claimed, real = formats.get(path.suffix.lower()), _SAME_FORMAT.get(header.format, header.format)
    if claimed in (None, real):
        return ""
    usual = {"JPEG": ".jpg", "TIFF": ".tif"}
    return usual.get(real) or next((s for s, name in formats.items() if name == real), "")


@functools.cache
def _formats() -> dict[str, str]:
    """Pillow's format by suffix, with one name per format."""
    from PIL import Image

    known = {**dict.fromkeys((".heic", ".heif", ".hif"), "HEIF"), **Image.registered_extensions()}
    return {suffix: _SAME_FORMAT.get(name, name) for suffix, name in known.items()}


def check_boxes(samples: Iterable[Sample], names: Sequence[str]) -> list[Finding]:
    """Judge every box of samples in the frame of their images; `names` are those of classes."""
    findings: list[Finding] = []
    for sample in samples:
        if len(sample):
            findings += _faulty(sample, names)
            findings += _twice(sample, names)
    return findings


def same_boxes(sample: Sample) -> np.ndarray:
    """Pairs of objects in one place: int64 `(M, 2)`, the earlier one first.

    Unusable boxes and crowds are left out.
    """
    rows = np.flatnonzero(
        ~box_faults(sample.boxes, sample.height, sample.width).unusable & ~sample.is_crowd
    )
    if len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    boxes = sample.boxes[rows].astype(np.float64)
    return rows[np.argwhere(np.triu(pairwise_iou(boxes, boxes) >= SAME_BOX_IOU, k=1))]


def _faulty(sample: Sample, names: Sequence[str]) -> Iterator[Finding]:
    faults = box_faults(sample.boxes, sample.height, sample.width)
    sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
    tiny = (sides.min(axis=1) < TINY) & ~faults.unusable & ~sample.is_crowd
    image = f"in an image of {sample.width}x{sample.height}"
    for kind, rows, ending in (
        ("inverted-box", faults.inverted, "ends before it begins"),
        ("zero-area-box", faults.zero_area, "has no area"),
        ("outside-box", faults.outside, f"lies outside, {image}"),
        ("clipped-box", faults.clipped, f"reaches outside, {image}"),
        ("tiny-box", tiny, "is tiny"),
    ):
        for row in np.flatnonzero(rows).tolist():
            yield _finding(kind, sample, row, f"{_describe(sample, row, names)} {ending}")


def _twice(sample: Sample, names: Sequence[str]) -> Iterator[Finding]:
    told: set[tuple[int, str]] = set()
    for first, row in same_boxes(sample).tolist():
        same_class = sample.labels[first] == sample.labels[row]
        kind = "duplicate-box" if same_class else "conflicting-box"
        if (row, kind) in told:  # of three equal boxes the third is told once
            continue
        told.add((row, kind))
        exact = (sample.boxes[first] == sample.boxes[row]).all()
        other = element_of(sample, first)
        name = names[int(sample.labels[first])]
        what = other if same_class or name in other else f"{other} ({name})"
        message = f"{_describe(sample, row, names)} is {'exactly' if exact else 'nearly'} {what}"
        yield _finding(kind, sample, row, message)


def element_of(sample: Sample, row: int) -> str:
    """Where an object stands in the annotation file."""
    return sample.elements[row] if sample.elements else f"object {row + 1}"


def _describe(sample: Sample, row: int, names: Sequence[str]) -> str:
    x1, y1, x2, y2 = (f"{edge:.5g}" for edge in sample.boxes[row].tolist())
    name = names[int(sample.labels[row])]
    known = name in element_of(sample, row)
    return f"{'box' if known else name} at x {x1}...{x2}, y {y1}...{y2}"


def _finding(kind: str, sample: Sample, row: int, message: str) -> Finding:
    source = sample.source or sample.path
    if source.stem != sample.path.stem:  # one file tells of many images
        message = f"{sample.path.name}: {message}"
    return Finding(KINDS[kind], source, element_of(sample, row), message, (sample.path,))
