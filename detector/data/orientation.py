"""EXIF orientation: boxes brought into the frame of the upright image, the only one we know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from configs.errors import UserError
from detector.data.findings import KINDS, Finding
from detector.images import Header, read_header, read_image
from detector.types import Sample

_SAID = "the annotation says "  # how a finding of another size begins


def settle(sample: Sample, header: Header) -> tuple[Sample, list[Finding]]:
    """Bring a sample into the frame of its image.

    The image's own size counts. Where the annotation's size is that of the image as stored,
    lying on its side, the boxes were drawn on it so, and are turned with it.

    Args:
        sample: with the size that its annotation claims, (0, 0) if it claims none.
        header: of its image.

    Returns:
        the sample with the image's size, and what was found on the way.
    """
    claimed, upright = (sample.height, sample.width), (header.height, header.width)
    if claimed == upright:
        return sample, _ambiguous(sample, header)
    if _lies(sample, header):
        turned = replace(
            sample,
            height=header.height,
            width=header.width,
            boxes=turn_boxes(sample.boxes, header.orientation, *claimed),
            own_xywh=None,
            details=tuple(
                {key: value for key, value in details.items() if key != "segmentation"}
                for details in sample.details
            ),
        )
        message = f"EXIF orientation {header.orientation}, annotated at {_size(claimed)} as stored"
        return turned, [_finding("exif-rotation", sample, message)] if len(sample) else []
    settled = replace(sample, height=header.height, width=header.width)
    if claimed == (0, 0):
        return settled, _ambiguous(settled, header)
    message = f"{_SAID}{_size(claimed)}, the image has {_size(upright)}"
    return settled, [_finding("size-mismatch", sample, message)]


def said_size(finding: Finding) -> tuple[int, int] | None:
    """The height and width in px that an annotation says, of a finding that they are others."""
    if finding.kind.name != "size-mismatch" or not finding.message.startswith(_SAID):
        return None
    width, height = finding.message.removeprefix(_SAID).partition(",")[0].split("x")
    return int(height), int(width)


def settle_on_disk(sample: Sample) -> tuple[Sample, list[Finding]]:
    """`settle` with the header of the sample's image.

    Raises:
        UserError: the image cannot be read.
    """
    return settle(sample, read_header(sample.path))


def read_sample(sample: Sample) -> tuple[np.ndarray, Sample]:
    """The pixels of a sample, and the sample in their frame.

    Returns:
        uint8 `(H, W, 3)`, RGB, upright; and the sample, H px high and W px wide.

    Raises:
        UserError: the image cannot be read, or is smaller than the sample's window.
    """
    image = read_image(sample.path)
    if sample.window:
        return _cut(image, sample), sample
    if image.shape[:2] != (sample.height, sample.width):
        sample, _ = settle_on_disk(sample)
    return image, sample


def _cut(image: np.ndarray, sample: Sample) -> np.ndarray:
    assert sample.window
    x1, y1, x2, y2 = sample.window
    tile = image[y1:y2, x1:x2]
    if tile.shape[:2] != (sample.height, sample.width):
        raise UserError(f"{sample.path} is another image than when it was cut into tiles")
    return tile


def lies(sample: Sample) -> bool:
    """Whether a sample was annotated on its image as stored, which EXIF turns by a quarter.

    Raises:
        UserError: the image cannot be read.
    """
    return _lies(sample, read_header(sample.path))


def _lies(sample: Sample, header: Header) -> bool:
    claimed, upright = (sample.height, sample.width), (header.height, header.width)
    return header.is_transposed and claimed == upright[::-1] != upright


def to_upright(boxes: np.ndarray, sample: Sample) -> np.ndarray:
    """Boxes in the frame of a sample's annotation in that of its upright image, as `settle` does.

    Args:
        boxes: `(N, 4)`, xyxy in pixels.
        sample: as annotated.

    Returns:
        `(N, 4)`, xyxy in pixels, of the same dtype.

    Raises:
        UserError: the image cannot be read.
    """
    header = read_header(sample.path)
    if not _lies(sample, header):
        return boxes
    turned = turn_boxes(boxes, header.orientation, sample.height, sample.width)
    return turned.astype(boxes.dtype)


def from_upright(boxes: np.ndarray, sample: Sample) -> np.ndarray:
    """The inverse of `to_upright`."""
    header = read_header(sample.path)
    if not _lies(sample, header):
        return boxes
    back = {6: 8, 8: 6}.get(header.orientation, header.orientation)  # the others are their own
    return turn_boxes(boxes, back, header.height, header.width).astype(boxes.dtype)


def turn_boxes(boxes: np.ndarray, orientation: int, height: int, width: int) -> np.ndarray:
    """Boxes on an image as stored to boxes on the same image turned upright.

    Args:
        boxes: float32 `(N, 4)`, xyxy in pixels of the stored image.
        orientation: EXIF's, 1 ... 8.
        height: of the stored image, px.
        width: likewise.

    Returns:
        float32 `(N, 4)`, xyxy in pixels of the upright image.

    Source:
        Exif 2.32, tag 0x0112: which side of the scene row 0 and column 0 are.
    """
    x1, y1, x2, y2 = boxes.T
    if orientation in (2, 3, 7, 8):  # column 0 is the right side, or the bottom
        x1, x2 = width - x2, width - x1
    if orientation in (3, 4, 6, 7):  # row 0 is the bottom, or the right side
        y1, y2 = height - y2, height - y1
    if orientation >= 5:
        x1, y1, x2, y2 = y1, x1, y2, x2
    return np.stack([x1, y1, x2, y2], axis=1).astype(np.float32)


def _ambiguous(sample: Sample, header: Header) -> list[Finding]:
    """A turn that leaves the size as it is cannot be told from the annotation."""
    if header.orientation == 1 or not len(sample):
        return []
    if header.is_transposed and header.height != header.width:
        return []  # the annotation claims the upright size
    message = f"EXIF orientation {header.orientation} at {header.width}x{header.height}"
    return [_finding("exif-ambiguous", sample, message)]


def _finding(kind: str, sample: Sample, message: str) -> Finding:
    return Finding(KINDS[kind], sample.path, "", message)


def _size(height_width: tuple[int, int]) -> str:
    return f"{height_width[1]}x{height_width[0]}"
