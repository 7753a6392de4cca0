"""Which files of a folder are its images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from detector.images import SUFFIXES


def images_below(folder: Path) -> Iterator[Path]:
    """The images in a folder and in those below it, by their suffix, in no order.

    What is hidden is none of them: `.ipynb_checkpoints/` holds copies that Jupyter makes,
    `.thumbnails/` small ones, and a Mac leaves a `._name.jpg` beside each file that it copies.
    """
    for path in folder.rglob("*"):
        if path.suffix.lower() in SUFFIXES and not _is_hidden(path.relative_to(folder)):
            yield path


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
