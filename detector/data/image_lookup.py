"""Finds the image that an annotation names, wherever the path in it was true."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from detector.images import images_below


class ImageLookup:
    """The images in some folders and below, by the paths that annotations give for them.

    Args:
        folders: where to look, in this order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def find(self, name: str) -> Path | None:
        """The image that is meant: by its path, or by its base name where only one has it.

        Args:
            name: as annotated, with the separators of any system; maybe a path of another machine.
        """
        native = name.replace("\\", "/")
        for folder in self._folders:
            if (folder / native).is_file():
                return folder / native
        found = self._by_name.get(native.rsplit("/", 1)[-1].casefold(), [])
        return found[0] if len(found) == 1 else None

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for folder in self._folders:
            for path in images_below(folder):
                found[path.name.casefold()].append(path)
        return dict(found)
