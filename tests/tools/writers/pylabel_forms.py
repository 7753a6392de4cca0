"""pylabel: a COCO file imported, and written as COCO, VOC and YOLO."""

import json
import os
import tempfile
from pathlib import Path

from pylabel import importer
from source import OUT, coco, copy, fresh, images


def imported(folder):
    """A dataset read from a COCO file in `folder`, beside its images."""
    copy(images(), folder)
    file = folder / "input.json"
    file.write_text(json.dumps(coco()))
    dataset = importer.ImportCoco(str(file))
    file.unlink()
    return dataset


voc, out = fresh("voc"), fresh("coco")
imported(voc).export.ExportToVoc(output_path=str(voc))
imported(out).export.ExportToCoco(output_path=str(out / "annotations.json"))

fresh("yolo")
os.chdir(OUT)  # the paths in the YAML are those that it is given
with tempfile.TemporaryDirectory() as folder:
    dataset = imported(Path(folder))
    in_split = {one["file"]: one["split"] for one in images()}
    dataset.df["split"] = dataset.df["img_filename"].map(in_split)
    dataset.path_to_annotations = folder
    # Without cat_id_index the label column holds COCO's ids, beside names that count from 0.
    dataset.export.ExportToYoloV5("yolo/labels", copy_images=True, use_splits=True, cat_id_index=0)
