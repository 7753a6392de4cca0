"""Ultralytics: a COCO file for each split, converted to YOLO labels by `convert_coco`.

It writes labels only; the images are laid beside them as the YOLO form has it.
"""

import json
import tempfile
from pathlib import Path

from source import SPLITS, coco, copy, fresh, images
from ultralytics.data.converter import convert_coco

folder = fresh("yolo")
folder.rmdir()  # it takes another name where the folder is there
with tempfile.TemporaryDirectory() as annotations:
    for split in SPLITS:
        (Path(annotations) / f"instances_{split}.json").write_text(json.dumps(coco(split)))
    convert_coco(annotations, str(folder), cls91to80=False)
for split in SPLITS:
    copy(images(split), folder / "images" / split)
