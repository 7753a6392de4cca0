#!/usr/bin/env bash
# datumaro 1.13.12, pycocotools 2.0.11 (Python 3.11): a VOC data set exported as COCO has several annotations
# with one id, even within an image: the VOC reader numbers the objects of each image from 0, and the COCO
# writer keeps every number but 0. pycocotools looks annotations up by id and has nothing to say: it gives one
# of them twice and another never. datumaro itself takes annotations of one id for parts of one object: read
# and exported once more, two objects have become one, whose box holds both. The label map of datumaro's VOC
# form begins with "background", which becomes a category, so that all ids are one more than those of the same
# data exported directly.
# Seen, of two images with three and two objects:
#   category ids {'background': 1, 'cell': 2, 'bin': 3}
#   annotation ids [2, 1, 2, 3, 1]
#   boxes written [[0, 0, 4, 4], [8, 0, 4, 4], [16, 0, 4, 4], [0, 0, 4, 4], [8, 0, 4, 4]]
#   pycocotools loads [[16, 0, 4, 4], [8, 0, 4, 4], [16, 0, 4, 4], [0, 0, 4, 4], [8, 0, 4, 4]]
#   exported again [[0, 0, 4, 4], [0, 0, 20, 4], [8, 0, 4, 4], [8, 0, 4, 4]]
# Here: the COCO reader goes by position, keeps all of them, and reports `annotation-id-collision`; of a category
# without objects it says so.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12 pycocotools==2.0.11
cat > "$tmp/try.py" <<'PY'
import contextlib
import json

from datumaro import Bbox, Dataset, DatasetItem, Image
from PIL import Image as Pillow
from pycocotools.coco import COCO



def boxes(annotations):
    return [list(map(int, one["bbox"])) for one in annotations]


items = []
for name, count in (("a", 3), ("b", 2)):
    Pillow.new("RGB", (64, 48)).save(f"{name}.jpg")
    objects = [Bbox(8 * i, 0, 4, 4, label=i % 2) for i in range(count)]
    media = Image.from_file(path=f"{name}.jpg")
    items.append(DatasetItem(name, subset="train", media=media, annotations=objects))
Dataset.from_iterable(items, categories=["cell", "bin"]).export("voc", "voc", save_media=True)
Dataset.import_from("voc", "voc").export("coco", "coco_instances")

file = "coco/annotations/instances_train.json"
written = json.load(open(file))
print("category ids", {one["name"]: one["id"] for one in written["categories"]})
print("annotation ids", [one["id"] for one in written["annotations"]])
print("boxes written", boxes(written["annotations"]))
with contextlib.redirect_stdout(None):
    coco = COCO(file)
loaded = coco.loadAnns(coco.getAnnIds(imgIds=[one["id"] for one in written["images"]]))
print("pycocotools loads", boxes(loaded))
Dataset.import_from("coco", "coco_instances").export("again", "coco_instances")
again = json.load(open("again/annotations/instances_train.json"))
print("exported again", sorted(boxes(again["annotations"])))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
category ids {'background': 1, 'cell': 2, 'bin': 3}
annotation ids [2, 1, 2, 3, 1]
boxes written [[0, 0, 4, 4], [8, 0, 4, 4], [16, 0, 4, 4], [0, 0, 4, 4], [8, 0, 4, 4]]
pycocotools loads [[16, 0, 4, 4], [8, 0, 4, 4], [16, 0, 4, 4], [0, 0, 4, 4], [8, 0, 4, 4]]
exported again [[0, 0, 4, 4], [0, 0, 20, 4], [8, 0, 4, 4], [8, 0, 4, 4]]
SEEN
