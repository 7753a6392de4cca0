"""What every writer begins with: the truth, its images, and folders for what is written."""

import json
import shutil
import sys
from pathlib import Path

TRUTH = json.loads((Path(__file__).parents[2] / "written/truth.json").read_text())
CLASSES = TRUTH["classes"]
SPLITS = ("train", "val")
SOURCE, OUT = (Path(argument).resolve() for argument in sys.argv[1:3])
"""The folder that holds the four images, and the one that takes a folder for each form."""


def images(split=None):
    """Entries of the truth, of one split or of all."""
    return [one for one in TRUTH["images"] if split in (None, one["split"])]


def boxes(image):
    """`(label, name, x1, y1, x2, y2)` of each object of an image."""
    return [(CLASSES.index(name), name, *corners) for name, corners in image["objects"]]


def source(image):
    """The path of an image's file."""
    return SOURCE / image["file"]


def fresh(form):
    """An empty folder for one form."""
    folder = OUT / form
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def copy(entries, folder):
    """Lay images into a folder, for tools that write annotations only."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in entries:
        shutil.copy(source(one), folder / one["file"])
    return folder


def coco(split=None):
    """A plain COCO document, for tools that have to be given one. Ids begin at 1."""
    entries = images(split)
    numbers = {one["file"]: number for number, one in enumerate(entries, start=1)}
    objects = [(numbers[one["file"]], *rest) for one in entries for rest in boxes(one)]
    return {
        "images": [
            {"id": numbers[one["file"]], "file_name": one["file"],
             "width": one["width"], "height": one["height"]}
            for one in entries
        ],
        "annotations": [
            {"id": number, "image_id": image, "category_id": label + 1, "iscrowd": 0,
             "segmentation": [], "area": (x2 - x1) * (y2 - y1), "bbox": [x1, y1, x2 - x1, y2 - y1]}
            for number, (image, label, _, x1, y1, x2, y2) in enumerate(objects, start=1)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(CLASSES, start=1)],
    }  # fmt: skip
