"""Finds the images that annotations name, also where the path in them was true elsewhere.

Most names are right, and are looked up in lists of folders as text: of 118,000 paths, objects take
a second. Only for the others are the folders searched to their depths.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from detector.data.findings import counted
from detector.images import images_below

_UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # Label Studio puts it before an uploaded file's name

Place = tuple[str, frozenset[str]]  # how paths of files in a folder start, and their names


class ImageLookup:
    """The images in some folders and below, by the paths that annotations give for them.

    Args:
        folders: where to look, in this order.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = [str(folder) for folder in folders]
        self._places: dict[str, list[Place]] = {}  # by the part of a path above its base name
        self._moved: dict[str, str] = {}  # the path, by the name in the annotations
        self._claims: dict[str, set[str]] = defaultdict(set)  # names that end like such a path

    def find(self, name: str) -> Path | None:
        """The image that is meant; None where there is none, or more than one it could be.

        It is the one at this path, from one of the folders, whichever separators it is written
        with. Else it is the one whose path ends most like it, if no other ends as much so: the
        path may be of another machine, a URL, or in other capitals or accents.
        """
        found = self.find_all([name])[0]
        return Path(found) if found else None

    def find_all(self, names: Sequence[str]) -> list[str | None]:
        """The paths of many images, as `find` gives them; one with its own path goes first.

        So an image that is gone is not taken for one of the same base name in another folder.
        """
        found = [self._at(native(name)) for name in names]
        if None in found:
            taken = {os.path.normpath(path) for path in found if path}
            gone = {name for name, path in zip(names, found, strict=True) if not path}
            self._move(gone, taken)
            found = [path or self._moved.get(name) for name, path in zip(names, found, strict=True)]
        return found

    def why_not(self, name: str) -> str:
        """Why `find` has none, to be told to the user."""
        match self.alike(name):
            case [path]:
                others = sorted(self._claims[path] - {name})
                return f"there is no {name}; {path} is {others[0] if others else 'another'}"
            case [path, other, *_]:
                return f"{name} may be {path} or {other}"
        return f"there is no {Path(*self._folders[:1], native(name))}"

    @property
    def notes(self) -> tuple[str, ...]:
        """How many images were found elsewhere than their annotations say; empty if none was."""
        if not self._moved:
            return ()
        name, path = min(self._moved.items())
        count = counted(len(self._moved), "image")
        return (f"{count} found by the end of the path: {name} as {path}",)

    def _move(self, names: Iterable[str], taken: Collection[str]) -> None:
        """Take the images that nothing but these names can mean."""
        alike = {name: self.alike(name) for name in names}
        alone = {name: paths[0] for name, paths in alike.items() if len(paths) == 1}
        for name, path in alone.items():
            self._claims[path].add(name)
        for name, path in alone.items():
            if len(self._claims[path]) == 1 and os.path.normpath(path) not in taken:
                self._moved[name] = path

    def _at(self, path: str) -> str | None:
        """The file at a path from one of the folders."""
        below, name = os.path.split(path)
        if below not in self._places:
            self._places[below] = [_place(folder, below) for folder in self._folders]
        for start, names in self._places[below]:
            if name in names:
                return start + name
        return None

    def alike(self, name: str) -> list[str]:
        """The images that a name may mean: those whose paths end most like it."""
        for spelling in _spellings(name):
            if found := best_of(spelling, self._candidates(spelling)):
                return found
        return []

    def _candidates(self, path: str) -> list[str]:
        """Images of that base name; if its folder is there, only those in it."""
        below, name = os.path.split(path)
        found = self._by_name.get(folded(name), [])
        there = self._with_images(below) if below and found else set[str]()
        return [one for one in found if not there or _folder(one) in there]

    def _with_images(self, below: str) -> set[str]:
        """The folders at a path from those to look in that hold images."""
        places = (os.path.join(folder, below) for folder in self._folders)  # noqa: PTH118
        return set(map(os.path.normpath, places)) & self._image_folders

    @cached_property
    def _image_folders(self) -> set[str]:
        return {_folder(path) for paths in self._by_name.values() for path in paths}

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        paths = (path for folder in self._folders for path in images_below(Path(folder)))
        unique = {os.path.normpath(path): str(path) for path in paths}
        for path in unique.values():
            found[folded(base_name(path))].append(path)
        return dict(found)


def _place(folder: str, below: str) -> Place:
    """A folder in another one; nothing is in it where it cannot be listed."""
    where = os.path.join(folder, below)  # noqa: PTH118
    try:
        names = frozenset(os.listdir(where))  # noqa: PTH208
    except (OSError, ValueError):  # a name too long, or with a zero byte
        names = frozenset[str]()
    return os.path.join(where, ""), names  # noqa: PTH118


def native(name: str) -> str:
    """A path with this system's separators."""
    return name if os.sep == "\\" else name.replace("\\", "/")


def _spellings(name: str) -> Iterator[str]:
    """What a path may mean: itself, the path in a URL, and each without an upload's mark."""
    for path in dict.fromkeys((native(name), *_of_url(name))):
        yield path
        below, base = os.path.split(path)
        if mark := _UPLOAD.match(base):
            yield os.path.join(below, base[mark.end() :])  # noqa: PTH118


def _of_url(name: str) -> Iterator[str]:
    """The paths in a URL, also in its query: `/data/local-files/?d=a/b.jpg` of Label Studio."""
    if "?" not in name and "%" not in name and "://" not in name:
        return
    try:
        url = urlsplit(name.replace("\\", "/"))
    except ValueError:
        return
    yield unquote(url.path)
    yield from (value for _, value in parse_qsl(url.query) if "." in value)


def best_of(path: str, candidates: Iterable[str]) -> list[str]:
    """Of some paths those that share most of their end with another."""
    scores = {candidate: _shared(path, candidate) for candidate in candidates}
    best = max(scores.values(), default=(0, 0))
    return [candidate for candidate, score in scores.items() if score == best]


def is_end(path: str, other: str) -> bool:
    """Whether one of two paths is the whole end of the other, or they are the same."""
    return _shared(path, other)[1] == min(len(_parts(path)), len(_parts(other)))


def _shared(path: str, other: str) -> tuple[int, int]:
    """How many parts at their ends are alike, and how many of these are the same."""
    pairs = list(zip(reversed(_parts(path)), reversed(_parts(other)), strict=False))
    apart = (i for i, (a, b) in enumerate(pairs) if a != b and folded(a) != folded(b))
    alike = next(apart, len(pairs))
    return alike, sum(a == b for a, b in pairs[:alike])


def base_name(path: str) -> str:
    """The last name in a path of any system."""
    return _parts(path)[-1]


def _parts(path: str) -> list[str]:
    """The names in a path of any system: unpacked on Linux, a backslash becomes part of a name."""
    return path.replace("\\", "/").split("/")


def _folder(path: str) -> str:
    return os.path.normpath(os.path.dirname(path))  # noqa: PTH120


def folded(name: str) -> str:
    """A name in small letters and in one of Unicode's forms of accents."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
