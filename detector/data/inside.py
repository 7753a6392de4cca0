"""Which folders a data set's images may be copied from: its own, and those that were named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from configs.errors import UserError
from detector.data.dataset import Dataset

_ANNOTATIONS = frozenset("annotation annotations annots ann anns json jsons label labels".split())


def data_root(path: Path) -> Path:
    """The folder that a data set lies in.

    Args:
        path: what names it: a folder, or a file in one. Where that holds annotations by its name,
            the images lie beside it.
    """
    folder = path if path.is_dir() else path.parent
    return folder.parent if folder.absolute().name.lower() in _ANNOTATIONS else folder


def refuse_strays(dataset: Dataset) -> None:
    """Show that all images lie in the data set: a list from elsewhere may name any on this disk.

    A link in the data set counts as lying there, wherever it points: whoever made the folder put
    it there.

    Raises:
        UserError: some do not.
    """
    roots = list(dict.fromkeys((data_root(dataset.path), *dataset.folders)))
    is_inside: dict[str, bool] = {}
    strays = []
    for path in dict.fromkeys(str(sample.path) for sample in dataset):
        folder = os.path.dirname(path)  # noqa: PTH120
        if folder not in is_inside:
            is_inside[folder] = _is_inside(Path(folder), roots)
        if not is_inside[folder]:
            strays.append(path)
    if strays:
        more = f" and {len(strays) - 1:,} more images" if len(strays) > 1 else ""
        raise UserError(
            f"{dataset.name} names {strays[0]}{more} outside of its folder ({roots[0]}); if they "
            "are meant, name with --images a folder that all images lie in or below"
        )


def _is_inside(folder: Path, roots: Sequence[Path]) -> bool:
    """Whether a folder lies in one of some others, as it is written or as the disk has it."""
    written, real = Path(os.path.abspath(folder)), folder.resolve()  # noqa: PTH100
    return any(
        written.is_relative_to(os.path.abspath(root)) or real.is_relative_to(root.resolve())  # noqa: PTH100
        for root in roots
    )
