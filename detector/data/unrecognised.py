"""Why a file or folder of no known form is no data set, and what to do about it."""

from __future__ import annotations

from pathlib import Path

from configs.typed_form import command_name
from detector.data.form import Listing
from detector.data.image_lookup import folded
from detector.data.voc.voc_file import xml_form
from detector.data.voc.voc_folders import foreign_xml
from detector.data.yolo.label_folders import LabelFolders
from detector.files import walk
from detector.images import images_below

_SHOWN = 8  # names of what a folder holds


def why_unrecognised(listing: Listing) -> str:
    """What is told of a file or folder that no reader takes."""
    path = listing.path
    if path.is_file():
        suffix = path.suffix.lower()
        if suffix == ".xml" and (strange := xml_form(path)):
            return f"no VOC annotation, {strange}"
        return f"a {suffix or 'nameless'} file is no data set; name its folder"
    if strange := foreign_xml(path):
        return strange
    why = _unmatched_labels(path)
    if not why:
        there = ", ".join(one.name for one in listing.entries[:_SHOWN]) or "nothing"
        why = f"not recognised as a data set, it holds {there}"
    return f"{why}; see `{command_name('training.check')} --help` for the forms that are"


def _unmatched_labels(root: Path) -> str:
    """Where text files that bear the names of images should lie; "" if there are none."""
    images = {folded(image.stem): image for image in sorted(images_below(root), reverse=True)}
    images |= {folded(image.name): image for image in images.values()}
    files = (Path(place, name) for place, names in walk(root) for name in names)
    texts = sorted(p for p in files if p.suffix.lower() == ".txt" and folded(p.stem) in images)
    if not texts:
        return ""
    first = images[folded(texts[0].stem)]
    expected, _ = LabelFolders(root).file_of(first)
    return (
        f"not recognised as a data set: if {texts[0]} is the YOLO labels of {first}, it must be "
        f"{expected}; rename or move such files ({len(texts):,})"
    )
