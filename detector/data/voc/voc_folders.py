"""Where a VOC data set keeps its annotations and images, and which image is whose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple, NoReturn
from unicodedata import normalize

from detector.data.form import Listing
from detector.data.image_lookup import ImageLookup, base_name, folded
from detector.data.voc.voc_file import VocAnnotation, xml_form
from detector.files import walk
from detector.images import SUFFIXES

_ANNOTATIONS = ("annotations", "annots", "annotation", "xmls", "xml", "labels")
_XML = (".xml",)
_IMAGES = ("jpegimages", "images", "image", "imgs", "img", "pictures", "photos", "data")
_LOOKED_AT = 10  # XML files of a folder, until one is VOC's


class VocFolders(NamedTuple):
    """The folders of a data set; there may be folders in them."""

    root: Path
    annotations: Path
    images: Path

    def xml_files(self) -> list[tuple[str, Path]]:
        """The annotations with their stems, sorted; of a loose folder only those in it itself."""
        is_deep = self.annotations != self.root
        return sorted(_files(self.annotations, _XML, is_deep), key=lambda found: str(found[1]))

    def image_files(self) -> list[tuple[str, Path]]:
        """The images with their stems, likewise."""
        is_deep = self.annotations != self.root or self.images != self.root
        return sorted(_files(self.images, SUFFIXES, is_deep), key=lambda found: str(found[1]))


def voc_folders(root: Path) -> VocFolders | None:
    """Where annotations and images are, None if `root` holds no VOC data."""
    return next((place for place, _, form in _places(root) if not form), None)


def foreign_xml(root: Path) -> str:
    """What the XML files in a folder are that are not VOC's, "" if there are none."""
    return next(
        (f"{file.name} is no VOC annotation, {form}" for _, file, form in _places(root) if form), ""
    )


def _places(root: Path) -> Iterator[tuple[VocFolders, Path, str | None]]:
    """Where XML files are, with some of them and their form."""
    folders = Listing(root).folders
    listed = [folders[name] for name in _ANNOTATIONS if name in folders]
    listed += [folder / "xmls" for folder in listed if (folder / "xmls").is_dir()]
    images = next((folders[name] for name in _IMAGES if name in folders), None)
    beside = [images] if images else []
    direct = ((place, _files(place, _XML, is_deep=False)) for place in (*listed, *beside, root))
    # A folder named data may hold whole data sets.
    deep = [*listed, *(place for place in beside if place.name.lower() != "data")]
    nested = ((place, _files(place, _XML)) for place in deep)
    for place, files in chain(direct, nested):
        of_images = images or (root if place.parent == root else place)
        for _, file in islice(files, _LOOKED_AT):
            yield VocFolders(root, place, of_images), file, xml_form(file)


def _files(
    folder: Path, suffixes: Collection[str], is_deep: bool = True
) -> Iterator[tuple[str, Path]]:
    """The files in a folder and those below it, by their suffix; hidden ones are left out.

    Each has its stem before it, its path in the folder without suffix: "task/one". Letters with
    accents are composed in it, as a Mac writes them in two pieces.
    """
    for place, names in islice(walk(folder, _refuse), None if is_deep else 1):
        above = "" if place == str(folder) else f"{Path(place).relative_to(folder).as_posix()}/"
        files = set(names)
        for path in Path(place).iterdir():  # makes paths in half the time of Path(place, name)
            stem, dot, suffix = path.name.rpartition(".")
            if f"{dot}{suffix}".lower() in suffixes and path.name in files:
                yield normalize("NFC", f"{above}{stem}"), path


def _refuse(error: OSError) -> NoReturn:
    raise error  # a folder that may not be listed; os.walk would pass over it


class VocImages:
    """The images of a data set, found for its annotations.

    Attributes:
        by_stem: their paths by their stems, as `VocFolders` gives them.
        are_loose: whether they have no folder of their own.
    """

    def __init__(self, folders: VocFolders) -> None:
        self.are_loose = folders.images == folders.root
        self._elsewhere = ImageLookup(list(dict.fromkeys([folders.images, folders.root])))
        self.by_stem: dict[str, list[Path]] = defaultdict(list)
        for stem, path in folders.image_files():
            self.by_stem[stem].append(path)

    def of(self, annotation: VocAnnotation, stem: str) -> Path | None:
        """The image whose annotation lies where it does, None if there is none.

        Args:
            annotation: of it.
            stem: of the annotation, as `VocFolders` gives it.
        """
        own = self.by_stem.get(stem, [])
        if len(own) < 2:
            return own[0] if own else None
        said = base_name(annotation.filename)
        return next((path for path in own if path.name == said), own[0])

    def named(self, annotation: VocAnnotation) -> Path | None:
        """The image that an annotation elsewhere means: by the name it says, or by its own."""
        for name in filter(None, (base_name(annotation.filename), annotation.path.name)):
            found = self._by_name.get(folded(Path(name).stem), [])
            exact = [path for path in found if path.name == name] or found
            if len(exact) == 1:
                return exact[0]
        return self._elsewhere.find(annotation.filename) if annotation.filename else None

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = defaultdict(list)
        for paths in self.by_stem.values():
            for path in paths:
                found[folded(path.stem)].append(path)
        return found
