#!/usr/bin/env bash
# globox 2.9.0, pycocotools 2.0.11, faster-coco-eval 1.8.0 (Python 3.11): an annotation whose id is 0 counts as not
# found, however well it was: a detection's match is kept as the id of its object, and 0 stands for "none". So its
# detection is a false positive, and the object missed. COCO itself counts from 1 and its format sets no first id;
# globox (as others that enumerate) numbers from 0. faster-coco-eval does the same with every negative id.
# Seen, of two objects that are both found:
#   globox writes the annotation ids [0, 1]
#   pycocotools: as written AP 0.252, ids + 1 AP 1.000, ids - 5 AP 1.000
#   faster_coco_eval: as written AP 0.252, ids + 1 AP 1.000, ids - 5 AP 0.000
# Here: evaluation gives annotations ids of its own (eval/scoring/coco_form.py), so that the first counts as the others.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check \
  globox==2.9.0 pycocotools==2.0.11 faster-coco-eval==1.8.0
cat > "$tmp/try.py" <<'PY'
import contextlib
import copy
import io
import json

import faster_coco_eval
import pycocotools.coco
import pycocotools.cocoeval
from globox import Annotation, AnnotationSet, BoundingBox

boxes = [BoundingBox(label="cell", xmin=x, ymin=x, xmax=x + 50, ymax=x + 40) for x in (10, 200)]
AnnotationSet([Annotation("a.jpg", (640, 480), boxes)]).save_coco(
    "truth.json", auto_ids=True
)
with open("truth.json") as file:
    truth = json.load(file)
print("globox writes the annotation ids", [one["id"] for one in truth["annotations"]])
found = [
    {name: one[name] for name in ("image_id", "category_id", "bbox")} | {"score": 0.9}
    for one in truth["annotations"]
]


def ap(coco, evaluation, shift):
    data = copy.deepcopy(truth)
    for one in data["annotations"]:
        one["id"] += shift
        one["iscrowd"] = 0
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco()
        known.dataset = data
        known.createIndex()
        measured = evaluation(known, known.loadRes(copy.deepcopy(found)), "bbox")
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    return f"AP {float(measured.stats[0]):.3f}"


for name, coco, evaluation in (
    ("pycocotools", pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    ("faster_coco_eval", faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
):
    aps = [ap(coco, evaluation, shift) for shift in (0, 1, -5)]
    print(f"{name}: as written {aps[0]}, ids + 1 {aps[1]}, ids - 5 {aps[2]}")
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
globox writes the annotation ids [0, 1]
pycocotools: as written AP 0.252, ids + 1 AP 1.000, ids - 5 AP 1.000
faster_coco_eval: as written AP 0.252, ids + 1 AP 1.000, ids - 5 AP 0.000
SEEN
