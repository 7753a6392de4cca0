"""COCO's JSON: `bbox` is x, y, width, height in pixels; categories have ids with gaps.

A file of train2017's size holds half a gigabyte, most of it outlines. They are skipped while
parsing, annotations are kept in flat arrays, and a `Sample` is made only when it is asked for.
Source: cocodataset.org, "Data format".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.boxes import xywh_to_xyxy
from detector.data.coco.coco_categories import read_categories
from detector.data.coco.coco_file import CocoFile, CocoImage, CocoObjects, decode, used_ids
from detector.data.coco.coco_images import find_images
from detector.data.dataset import Dataset
from detector.data.findings import FileFindings
from detector.data.form import Form, Listing, ReadOptions
from detector.data.image_lookup import ImageLookup, native
from detector.data.json_file import read_json
from detector.data.json_kind import json_kind
from detector.data.lazy_samples import LazySamples, ObjectColumns
from detector.data.values import Id, as_id, side
from detector.types import Sample

Image = tuple[int, str, int, int]  # position in the file, path, height, width

_OURS = frozenset(
    {"image_id", "category_id", "bbox", "area", "iscrowd", "ignore", "difficult"}
)  # what a Sample says by itself; everything else of an annotation goes to its details
_ABOUT_IMAGE = frozenset({"id", "file_name", "height", "width"})
_PREFIXES = ("instances_", "person_keypoints_", "")


def read_coco(
    path: Path, images: Path | None = None, details: bool = False, as_annotated: bool = False
) -> Dataset:
    """Read a COCO JSON.

    Args:
        path: the file.
        images: the folder that its file names start from; by default it is looked for.
        details: also keep what a detector does not need (outlines, licences, ...), at the cost
            of time and memory.
        as_annotated: keep images that are not there.

    Raises:
        UserError: the file is not such a JSON, or none of its images is found or has an id.
    """
    data = read_json(path)
    file: CocoFile = decode(path, data)
    if not file.images:
        raise UserError(f"{path}: lists no images")
    findings = FileFindings(path)
    names = [name if isinstance(name := one.file_name, str) else "" for one in file.images]
    folder, lookup, paths = find_images(path, images, names, may_lack=as_annotated)
    if as_annotated:
        named = [native(name or str(one.id)) for name, one in zip(names, file.images, strict=True)]
        paths = [one or str(folder / name) for one, name in zip(paths, named, strict=True)]
    usable = _images(file.images, lookup, paths, findings)
    if not usable:
        first = findings.found[0]
        why = f"{first.element}: {first.message}"
        raise UserError(f"{path}: none of its {len(file.images)} images can be used, such as {why}")
    categories = read_categories(file.categories, partial(used_ids, path, file), findings)
    raw = decode(path, data, dict[str, Any]) if details else {}
    index_of = {found: -1 for one in file.images if (found := as_id(one.id)) is not None}
    index_of.update(zip(usable, range(len(usable)), strict=True))
    file.images.clear()  # of train2017, all that is not kept is five times as large as what is
    notes = lookup.notes
    del data, names, paths, lookup
    objects = CocoObjects.collect(file, index_of, categories.label_of, findings)
    if raw:
        _forget_rotation(raw["annotations"], objects.turned)
        raw["categories"] = categories.entries
    return Dataset(
        path.stem,
        path,
        categories.classes,
        CocoSamples(path, usable, objects, raw),
        {},
        tuple(findings.found),
        (*notes, *categories.notes, *objects.notes),
        {key: value for key, value in raw.items() if key not in ("images", "annotations")},
        folders=() if folder == path.parent.parent else (folder,),
    )


def _images(
    entries: Sequence[CocoImage],
    lookup: ImageLookup,
    paths: Sequence[str | None],
    findings: FileFindings,
) -> dict[Id, Image]:
    """Position, path, height and width by id, of the images that are there."""
    found: dict[Id, Image] = {}
    for position, (entry, path) in enumerate(zip(entries, paths, strict=True)):
        image_id, name = as_id(entry.id), entry.file_name
        if image_id is None or not (path or (isinstance(name, str) and name)):
            findings.add("missing-picture", f"images[{position}]", "has no id or no file_name")
        elif image_id in found:
            findings.add("id-collision", f"image {image_id}", f"{name} has the id of another image")
        elif path is None:
            findings.add("missing-picture", f"image {image_id}", lookup.why_not(name))
        else:
            found[image_id] = (position, path, side(entry.height), side(entry.width))
    return found


def _forget_rotation(annotations: Sequence[dict[str, Any]], turned: Iterable[int]) -> None:
    """Take the angle from boxes that are upright now, so that none is turned again."""
    for row in turned:
        attributes = annotations[row]["attributes"]
        annotations[row]["attributes"] = {k: v for k, v in attributes.items() if k != "rotation"}


class CocoSamples(LazySamples):
    """The samples of a COCO JSON, made when asked for."""

    def __init__(
        self,
        source: Path,
        images: Mapping[Id, Image],
        objects: CocoObjects,
        raw: Mapping[str, Any],
    ) -> None:
        self._source = source
        self._ids = list(images)
        self._images = list(images.values())
        self._objects = objects
        self._raw = raw

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        index = range(len(self))[index]
        position, path, height, width = self._images[index]
        objects = self._objects
        mine = slice(objects.ends[index - 1] if index else 0, objects.ends[index])
        rows = objects.rows[mine].tolist() if self._raw else []
        own_xywh = objects.boxes_xywh[mine]
        return Sample(
            self._ids[index],
            Path(path),
            height,
            width,
            xywh_to_xyxy(own_xywh).astype(np.float32),
            objects.labels[mine],
            objects.is_crowd[mine],
            objects.is_difficult[mine],
            objects.areas[mine],
            objects.is_ignore[mine],
            own_xywh,
            self._source,
            tuple(f"annotation {annotation_id}" for annotation_id in objects.ids[mine]),
            tuple(_others(self._raw["annotations"][row], _OURS) for row in rows),
            _others(self._raw["images"][position], _ABOUT_IMAGE) if self._raw else {},
        )

    def object_columns(self) -> ObjectColumns:
        """Labels and flags of all objects, as the file's arrays hold them."""
        objects = self._objects
        lengths = np.diff(objects.ends, prepend=0)
        return ObjectColumns(objects.labels, objects.is_crowd | objects.is_difficult, lengths)


def _others(entry: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in known}


def coco_jsons(listing: Listing) -> list[Path]:
    """The COCO JSONs of a folder: in `annotations`, or directly in it beside the images.

    Where the COCO data set's own names are there, those of its detection task are taken.
    """
    if listing.path.is_file():
        return []
    for place in (listing.folder("annotations"), listing):
        found = place.files(".json") if place else []
        found = [path for path in found if json_kind(path) == COCO.name]
        for prefix in _PREFIXES:
            if named := [path for path in found if path.name.startswith(prefix)]:
                return named
    return []


def split_name(path: Path) -> str:
    """The split that a COCO JSON holds, by its name."""
    return path.stem.removeprefix(next(filter(path.stem.startswith, _PREFIXES)))


def passed_over(listing: Listing) -> tuple[str, ...]:
    """What other JSONs lie beside those of a folder, to be told to the user."""
    taken = coco_jsons(listing)
    places = dict.fromkeys((listing.path, *(path.parent for path in taken)))
    found = [path for place in places for path in Listing(place).files(".json")]
    others = [f"{p.name} ({json_kind(p) or 'of no known form'})" for p in found if p not in taken]
    if not others:
        return ()
    more = f" and {len(others) - 5:,} more" if len(others) > 5 else ""
    return (f"passed over {', '.join(others[:5])}{more}",)


def _is_here(listing: Listing) -> bool:
    if listing.path.is_file():
        return listing.path.suffix.lower() == ".json" and json_kind(listing.path) == COCO.name
    return bool(coco_jsons(listing))


def _read(path: Path, options: ReadOptions) -> Dataset:
    listing = Listing(path)
    if not (jsons := coco_jsons(listing)):
        return read_coco(path, options.images, options.details, options.as_annotated)
    dataset = read_coco(jsons[0], options.images, options.details, options.as_annotated)
    return replace(dataset, notes=(*passed_over(listing), *dataset.notes))


COCO = Form("COCO JSON", _is_here, _read)
