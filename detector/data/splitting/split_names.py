"""What the names of images say of where these come from: numbered sequences, augmented copies."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Sequence
from typing import NamedTuple

from detector.data.scenes.similar import source_of

_RUN = 10  # numbers per run, where a sequence is cut
_NUMBERED = re.compile(r"^(.*?)(\d+)$")


class ImageName(NamedTuple):
    """An image's name in parts; these sort as a person sorts them.

    Attributes:
        folder: below the folder that all images are in.
        prefix: what precedes the number.
        number: at the end of the name, that of a frame; -1 without.
        source: the name without what tells augmented copies apart.
        file: the name of the file.
    """

    folder: tuple[str, ...]
    prefix: str
    number: int
    source: str
    file: str

    @property
    def sequence(self) -> tuple[tuple[str, ...], str]:
        """What the frames of a video have in common."""
        return self.folder, self.prefix

    def unit(self, cut: Collection[object]) -> str:
        """The name of the smallest group that it is of, where these sequences are cut."""
        if self.number < 0:
            return "/".join((*self.folder, self.source))
        run = self.number // _RUN if self.sequence in cut else ""
        return f"{'/'.join((*self.folder, self.prefix))}#{run}"


def parse_names(names: Sequence[str]) -> list[ImageName]:
    """Names of images, with "/", in parts."""
    places = [name.split("/") for name in names]
    columns = itertools.takewhile(
        lambda column: len(set(column)) == 1, zip(*(place[:-1] for place in places), strict=False)
    )
    common = len(list(columns))
    return [_name(tuple(place[common:-1]), place[-1]) for place in places]


def _name(folder: tuple[str, ...], file: str) -> ImageName:
    source = source_of(file)
    matched = _NUMBERED.match(source)
    if not matched:
        return ImageName(folder, source, -1, source, file)
    return ImageName(folder, matched[1], int(matched[2]), source, file)
