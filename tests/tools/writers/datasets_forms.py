"""Hugging Face `datasets`: image folders with objects, as its documentation describes them.

The library has no writer of the form; what is written here is loaded by it and compared.
"""

import json

from datasets import load_dataset
from source import SPLITS, boxes, copy, fresh, images

SPLIT_FOLDERS = {"train": "train", "val": "validation"}


def row(one, as_text):
    objects = boxes(one)
    return {
        "file_name": one["file"],
        "objects": {
            "bbox": [
                [float(x1), float(y1), float(x2 - x1), float(y2 - y1)]
                for _, _, x1, y1, x2, y2 in objects
            ],
            "categories": [name if as_text else label for label, name, *_ in objects],
        },
    }


for form, as_text in (("imagefolder", False), ("imagefolder-names", True)):
    folder = fresh(form)
    for split in SPLITS:
        part = copy(images(split), folder / SPLIT_FOLDERS[split])
        rows = [json.dumps(row(one, as_text)) for one in images(split)]
        (part / "metadata.jsonl").write_text("\n".join(rows) + "\n")
    loaded = load_dataset("imagefolder", data_dir=str(folder))
    for split in SPLITS:
        written = [row(one, as_text)["objects"] for one in images(split)]
        read = list(loaded[SPLIT_FOLDERS[split]]["objects"])
        assert sorted(map(str, read)) == sorted(map(str, written)), (read, written)
