#!/usr/bin/env bash
# globox 2.9.0, datumaro 1.13.12 (Python 3.11): globox (like Label Studio) numbers COCO's categories from 0;
# datumaro takes category 0 for "no label", although the file lists it with its name. Every object of the
# first class keeps its box and loses its class, without a word; exported again as COCO, it names a category
# that is not in the list, which now begins at 1. Classes are sorted by name, so that it is the first in the
# alphabet that goes.
# Seen, of three cells and a bin:
#   globox writes {'bin': 0, 'cell': 1} for ['bin', 'cell', 'cell', 'cell']
#   datumaro reads [None, 'cell', 'cell', 'cell']
#   datumaro writes {'bin': 1, 'cell': 2} for [0, 2, 2, 2]
# Here: categories are matched by their ids, whatever these are; an object of a category that is not listed is
# reported.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check globox==2.9.0 datumaro==1.13.12
cat > "$tmp/try.py" <<'PY'
import json
from pathlib import Path

from datumaro import AnnotationType, Dataset
from globox import Annotation, AnnotationSet, BoundingBox
from PIL import Image

NAMES = ["cell", "bin", "cell", "cell"]
Path("coco/annotations").mkdir(parents=True)
Path("coco/images/train").mkdir(parents=True)
Image.new("RGB", (64, 48)).save("coco/images/train/a.jpg")
boxes = [
    BoundingBox(label=name, xmin=9 * i, ymin=0, xmax=9 * i + 8, ymax=8)
    for i, name in enumerate(NAMES)
]
file = Path("coco/annotations/instances_train.json")
AnnotationSet([Annotation("a.jpg", (64, 48), boxes)]).save_coco(file, auto_ids=True)
written = json.loads(file.read_text())
print("globox writes", {one["name"]: one["id"] for one in written["categories"]}, end=" ")
print("for", sorted(NAMES))

read = Dataset.import_from("coco", "coco_instances")
labels = [label.name for label in read.categories()[AnnotationType.label]]
found = [box.label for item in read for box in item.annotations]
print("datumaro reads", sorted((None if i is None else labels[i] for i in found), key=str))

read.export("again", "coco_instances")
again = json.loads(Path("again/annotations/instances_train.json").read_text())
print("datumaro writes", {one["name"]: one["id"] for one in again["categories"]}, end=" ")
print("for", sorted(one["category_id"] for one in again["annotations"]))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
globox writes {'bin': 0, 'cell': 1} for ['bin', 'cell', 'cell', 'cell']
datumaro reads [None, 'cell', 'cell', 'cell']
datumaro writes {'bin': 1, 'cell': 2} for [0, 2, 2, 2]
SEEN
