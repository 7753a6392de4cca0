"""`open_dataset`: the form of a data set is recognised, and its reader called."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from configs.errors import UserError, shortened
from detector.data.coco.read_coco import COCO, coco_jsons, passed_over, split_name
from detector.data.dataset import SPLIT_FOLDERS, Dataset, common_origin, find_split, join
from detector.data.form import Form, Listing, NoClassError, ReadOptions
from detector.data.inside import data_root
from detector.data.json_kind import unread
from detector.data.tools.read_cvat import CVAT
from detector.data.tools.read_labelme import LABELME_BELOW
from detector.data.tools.tool_forms import TOOL_FORMS
from detector.data.tools.unread_forms import advice
from detector.data.unrecognised import why_unrecognised
from detector.data.voc.read_voc import VOC
from detector.data.yaml_file import YAML, folders_named, read_yaml
from detector.data.yolo.read_darknet import DARKNET
from detector.data.yolo.read_yolo import YOLO_FOLDER, YOLO_YAML
from detector.images import images_below

Reader = Callable[[ReadOptions], Dataset]

_AT_ONCE = (COCO, YOLO_YAML, CVAT, VOC, DARKNET, *TOOL_FORMS)
"""Forms that show in a folder itself; the first that is there is taken. VOC takes any XML."""

_FIND_THEIR_OWN = frozenset({YOLO_YAML.name, "KITTI"})
"""Forms whose images lie where their own files say, or their folders."""

_FORMS = (*_AT_ONCE, YOLO_FOLDER, LABELME_BELOW)
"""All forms; the last ones show below a folder, where they may be those of its splits."""


def open_dataset(
    data: str | Path,
    images: Path | None = None,
    classes: Sequence[str] | None = None,
    details: bool = False,
    voc_origin: int | None = None,
    as_annotated: bool = False,
) -> Dataset:
    """Recognise and read a data set; no image is decoded.

    Args:
        data: a file or a folder as docs/data.md lists them, perhaps with `:SPLIT`.
        images: the folder of the images, where it is not found by itself, or lies elsewhere.
        classes: class names in the order of their labels, for VOC; by default all that occur.
        details: keep everything that the annotations say, for writing it elsewhere.
        voc_origin: what VOC's corners count from, 0 or 1; by default what the files show.
        as_annotated: keep images that are not there, and all boxes in the frame of their
            annotation. By default such images are findings, and boxes are upright where an
            image's header tells how.

    Raises:
        UserError: there is no such path, nothing there is recognised, it cannot be read, or it
            has no such split.
    """
    path, split = path_and_split(str(data))
    options = ReadOptions(images, classes, details, voc_origin, as_annotated=as_annotated)
    try:
        dataset = _open(path, split, options)
    except OSError as error:  # a folder that may not be listed
        raise UserError(f"cannot read {error.filename or path}: {error.strerror}") from error
    notes = (*dataset.notes, *_without_effect(dataset, options))
    return replace(dataset, name=str(data), notes=notes)


def _without_effect(dataset: Dataset, options: ReadOptions) -> Iterator[str]:
    """A note on each option that the forms read make nothing of."""
    forms = dataset.form.split(" and ")
    if options.voc_origin is not None and VOC.name not in forms:
        yield f"--voc-origin has no effect on {dataset.form}: it is for VOC"
    if options.images and _FIND_THEIR_OWN.issuperset(forms):
        yield f"--images has no effect on {dataset.form}: its files say where the images are"


def path_and_split(data: str) -> tuple[Path, str]:
    """Path and split of `PATH:SPLIT`; a path that exists has no split.

    Raises:
        UserError: there is nothing.
    """
    if not data:
        raise UserError("names no data set; point at a file or a folder")
    path = Path(data)
    before, colon, after = data.rpartition(":")
    try:
        is_whole = path.exists() or not colon or not before or "/" in after or "\\" in after
        path = path if is_whole else Path(before)
        if not path.exists():
            raise UserError(f"no such data set: {path}")
        if not is_whole and not after:
            raise UserError(f"{data} names no split after the colon")
    except (OSError, ValueError) as error:  # a name too long, or with a zero byte
        raise UserError(f"no such data set: {shortened(data)}") from error
    return path, "" if is_whole else after


def _open(path: Path, split: str, options: ReadOptions) -> Dataset:
    listing = Listing(path)
    parts = _json_parts(listing)
    # A JSON lists all categories, and the other parts may be large.
    if split and parts and (found := find_split(split, parts)):
        return parts[found](options)
    parts = parts or _parts(listing)
    if parts:
        dataset = join(path.name, path, _read_parts(parts, options))
        bare = _bare_splits(listing, parts)
        dataset = replace(dataset, notes=(*passed_over(listing), *dataset.notes, *bare))
    else:
        dataset, bare = _open_one(listing, options), []
    if path.is_dir() and not bare and _is_all_train(dataset):
        dataset = replace(dataset, splits={})
    return dataset.split(split) if split else dataset


def _bare_splits(listing: Listing, parts: Mapping[str, Reader]) -> list[str]:
    """Notes on the folders named as splits that hold images and are no parts."""
    folders = [listing.folders[name] for name in SPLIT_FOLDERS if name in listing.folders]
    if not any(folder.name.lower() in parts for folder in folders):
        return []  # the parts are files
    return [
        f"{folder} holds images, and no annotations that are read: left out"
        for folder in folders
        if folder.name.lower() not in parts and next(images_below(folder), None)
    ]


def _is_all_train(dataset: Dataset) -> bool:
    """Whether a folder holds a `train` alone: nothing is split off, so that `val` is to be made."""
    name = find_split("train", dataset.splits)
    if name is None or len(dataset.splits) > 1:
        return False
    return len(dataset.splits[name]) == len(dataset)


def _read_parts(parts: Mapping[str, Reader], options: ReadOptions) -> dict[str, Dataset]:
    """All parts; what one alone does not tell, it takes from the others.

    A part of negatives alone has their classes, and one of VOC counts from what theirs count from.
    """
    found: dict[str, Dataset] = {}
    empty: dict[str, NoClassError] = {}
    for name, read in parts.items():
        try:
            found[name] = read(options)
        except NoClassError as error:
            empty[name] = error
    if not found:
        raise next(iter(empty.values()))
    known = itertools.chain.from_iterable(part.classes.names for part in found.values())
    with_classes = options._replace(classes=tuple(dict.fromkeys(known)))
    origin = common_origin(found.values())
    if origin is not None:
        with_origin = options._replace(voc_fallback=origin)
        for name, part in found.items():
            if part.voc_origin is None and VOC.name in part.form:
                found[name] = parts[name](with_origin)
    found |= {name: parts[name](with_classes) for name in empty}
    return {name: found[name] for name in parts}


def _json_parts(listing: Listing) -> dict[str, Reader]:
    """A folder's COCO JSONs as splits, where there are several."""
    jsons = coco_jsons(listing)
    if len(jsons) < 2:
        return {}
    return {split_name(file): partial(_read_as, COCO, file) for file in jsons}


def _parts(listing: Listing) -> dict[str, Reader]:
    """The parts, by split, that a YAML file or the folders in a folder make; empty for neither."""
    if listing.path.is_file():
        return _yaml_parts(listing.path) if listing.path.suffix.lower() in YAML else {}
    if _form_of(listing, _AT_ONCE):
        return {}
    inner = ((name, listing.folder(name)) for name in SPLIT_FOLDERS)
    return {
        name: partial(_open_one, folder) for name, folder in inner if folder and _form_of(folder)
    }


def _yaml_parts(path: Path) -> dict[str, Reader]:
    if YOLO_YAML.is_here(Listing(path)):
        return {}
    values = read_yaml(path)
    origin = values.get("voc_origin")
    if origin is not None and (type(origin) is not int or origin not in (0, 1)):
        raise UserError(f"{path}: voc_origin is {shortened(origin)}, not 0 or 1")
    parts: dict[str, Reader] = {}
    for name in SPLIT_FOLDERS:
        if isinstance(values.get(name), str):
            where, split = path_and_split(str(path.parent / values[name]))
            if where.resolve() == path.resolve():
                raise UserError(f"{path}: names itself as a part")
            parts[name] = partial(_open_part, where, split, origin)
    if several := next((name for name in SPLIT_FOLDERS if type(values.get(name)) is list), ""):
        raise UserError(f"{path}: {several} lists several places; a part is one data set")
    if not parts:
        raise UserError(f"{path}: names neither classes (names:) nor parts (train:, val:)")
    return parts


def _open_part(path: Path, split: str, origin: int | None, options: ReadOptions) -> Dataset:
    """Open a part of a YAML file that may say what VOC's corners count from."""
    chosen = origin if options.voc_origin is None else options.voc_origin
    return _open(path, split, options._replace(voc_origin=chosen))


def _open_one(listing: Listing, options: ReadOptions) -> Dataset:
    """Open what has no parts."""
    path = listing.path
    if form := _form_of(listing):
        dataset = _read_as(form, path, options)
        return replace(dataset, notes=(*dataset.notes, *_not_taken(listing, dataset)))
    editions = [p for p in listing.entries if p.match("VOC[0-9]*") and VOC.is_here(Listing(p))]
    if len(editions) == 1:  # VOCdevkit
        return _read_as(VOC, editions[0], options)
    if editions:
        raise UserError(f"{path}: holds {', '.join(p.name for p in editions)}; name one of them")
    inner = ((folder.name, _form_of(Listing(folder))) for folder in listing.folders.values())
    if held := [f"{name} ({form.name})" for name, form in inner if form]:
        raise UserError(f"{path}: holds data sets; name one of them: {', '.join(held[:8])}")
    _name_the_tool(listing)
    if strange := listing.files(".json"):
        return _read_as(COCO, strange[0], options)  # which says what it lacks
    raise UserError(f"{path}: {why_unrecognised(listing)}")


def _not_taken(listing: Listing, dataset: Dataset) -> Iterator[str]:
    """A note on the forms of annotation tools that lie beside the one that was read."""
    told = " ".join(dataset.notes)  # of JSON beside COCO's
    found = []
    for form in TOOL_FORMS:
        with contextlib.suppress(UserError):  # what is not read may be damaged
            is_other = form.name != dataset.form and f"({form.name})" not in told
            found += [form.name] if is_other and form.is_here(listing) else []
    if found:
        others = " and ".join(found)
        yield f"{listing.path} is read as {dataset.form}; move its files away to read {others}"


def _name_the_tool(listing: Listing) -> None:
    """Say whose files are in a folder, or whose JSON is in one of those in it.

    Raises:
        UserError: it is of a form that no reader reads.
    """
    places = (listing, *map(Listing, listing.folders.values()))
    firsts = (file for place in places for file in place.files(".json")[:1])
    if said := next(filter(None, map(unread, firsts)), None):
        raise said
    if said := advice(listing):
        raise UserError(said)


def _form_of(listing: Listing, forms: Sequence[Form] = _FORMS) -> Form | None:
    return next((form for form in forms if form.is_here(listing)), None)


def _read_as(form: Form, path: Path, options: ReadOptions) -> Dataset:
    dataset = form.read(path, options)
    named = folders_named(dataset.path) if dataset.path.suffix.lower() in YAML else ()
    given = (options.images,) if options.images else ()
    folders = (data_root(path), *dataset.folders, *named, *given)
    return replace(dataset, form=form.name, folders=tuple(dict.fromkeys(folders)))
