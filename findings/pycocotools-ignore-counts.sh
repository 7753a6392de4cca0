#!/usr/bin/env bash
# pycocotools 2.0.11 (Python 3.11): COCOeval copies an annotation's "ignore", and overwrites the copy by
# "iscrowd" in the next line, for boxes as for masks. So an object that its file marks with "ignore": 1 is
# asked for like any other: left undetected it halves AP, without a word. Converters mark so what
# is not to be counted, and trainers such as mmdetection leave it out.
# Seen, of two objects of which one is found:
#   no mark   AP 0.505
#   ignore 1  AP 0.505
#   iscrowd 1 AP 1.000
# Here: evaluation does as pycocotools does, and its settings say how many objects are so marked; training
# leaves them out.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check pycocotools==2.0.11 'numpy<3'
cat > "$tmp/try.py" <<'PY'
import contextlib
import io

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def ap(**mark):
    boxes = [[10, 10, 40, 40], [90, 90, 50, 50]]
    objects = [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box, "area": 1600, "iscrowd": 0}
        for i, box in enumerate(boxes, start=1)
    ]
    objects[1] |= mark
    coco = COCO()
    coco.dataset = {
        "images": [{"id": 1, "height": 200, "width": 200}],
        "annotations": objects,
        "categories": [{"id": 1, "name": "cat"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
        found = [{"image_id": 1, "category_id": 1, "bbox": boxes[0], "score": 0.9}]
        evaluation = COCOeval(coco, coco.loadRes(found), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


for name, mark in (("no mark", {}), ("ignore 1", {"ignore": 1}), ("iscrowd 1", {"iscrowd": 1})):
    print(f"{name:9} AP {ap(**mark):.3f}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
no mark   AP 0.505
ignore 1  AP 0.505
iscrowd 1 AP 1.000
SEEN
