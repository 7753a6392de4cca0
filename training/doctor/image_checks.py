"""Checks of image files, each decoded once: readable, true suffix, frame of the annotations."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from configs.errors import UserError
from detector.data.findings import KINDS, Finding
from detector.data.orientation import settle
from detector.images import Header, read_header, read_image
from detector.types import Sample

_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}  # a phone's .jpg may hold more than one image


@dataclass(frozen=True, eq=False)
class Image:
    """What the file of one sample's image is.

    Attributes:
        sample: in the frame of the image, if that can be read.
        header: None if the image cannot be decoded.
        digest: of the file's bytes; "" if it cannot be decoded.
        findings: what is wrong with it.
    """

    sample: Sample
    header: Header | None
    digest: str
    findings: Sequence[Finding]


def look_at_images(samples: Sequence[Sample]) -> list[Image]:
    """Decode the image of every sample; a bar shows on anything that takes over two seconds."""
    from tqdm import tqdm

    with ThreadPoolExecutor() as pool:
        looked = pool.map(look_at_image, samples)
        bar = tqdm(looked, total=len(samples), desc="reading images", unit="image", delay=2)
        return list(bar)


def look_at_image(sample: Sample) -> Image:
    """Decode the image of a sample."""
    path = sample.path
    try:
        header = read_header(path)
        read_image(path)
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
    return Image(settled, header, digest, findings)


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

    known = Image.registered_extensions().items()
    return {suffix: _SAME_FORMAT.get(name, name) for suffix, name in known}
