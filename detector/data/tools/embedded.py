"""Images that stand inside annotation files, kept as files in the user's cache folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from detector.files import atomic_path
from detector.images import SUFFIXES

_MAGIC = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}


def embedded_folder() -> Path:
    """Where the images are kept, below `$SSDLITE_HOME` or this system's cache. Not created."""
    from detector.weights.download import cache_folder

    return cache_folder() / "images"


def keep_image(data: bytes, name: str) -> Path:
    """The image as a file, written where it is not there yet.

    The same bytes always get the same place, so that opening a data set again writes nothing.

    Args:
        data: of an image file.
        name: of the image, perhaps with a path of another machine.

    Raises:
        UserError: it cannot be written.
    """
    place = embedded_folder() / hashlib.sha256(data).hexdigest()[:24]
    path = place / _file_name(data, name)
    if not path.is_file() or path.stat().st_size != len(data):
        with atomic_path(path) as temporary:
            temporary.write_bytes(data)
    return path


def _file_name(data: bytes, name: str) -> str:
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = re.sub(r"[^\w.() -]", "_", last)[-100:].lstrip(".") or "image"
    if Path(plain).suffix.lower() in SUFFIXES:
        return plain
    return plain + next(
        (suffix for magic, suffix in _MAGIC.items() if data.startswith(magic)), ".jpg"
    )
