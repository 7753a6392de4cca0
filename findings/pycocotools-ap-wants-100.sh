#!/usr/bin/env bash
# pycocotools 2.0.11, faster-coco-eval 1.8.0 (Python 3.11): with params.maxDets = [1, 10, 200], as one
# sets it for images of more than 100 objects, pycocotools gives -1 for AP, and right figures for all
# others: of the twelve, AP alone is looked up at 100 detections, whatever was asked for. -1 stands for
# "no such object" elsewhere. faster-coco-eval takes the last number for AP too.
# Seen, 144 objects of one class in an image, all found:
#   pycocotools AP -1.000 AP50 1.000 AR200 1.000
#   faster_coco_eval AP 1.000 AP50 1.000 AR200 1.000
# Here: eval/scoring/evaluator.py takes AP from the array `precision` (`evaluate`).
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check \
  pycocotools==2.0.11 faster-coco-eval==1.8.0
cat > "$tmp/try.py" <<'PY'
import contextlib
import io

import faster_coco_eval
import pycocotools.coco
import pycocotools.cocoeval

boxes = [[50 * x, 50 * y, 40, 40] for x in range(12) for y in range(12)]
truth = {
    "images": [{"id": 1, "width": 640, "height": 640}],
    "categories": [{"id": 1, "name": "cell"}],
    "annotations": [
        {"id": i, "image_id": 1, "category_id": 1, "bbox": box, "area": 1600, "iscrowd": 0}
        for i, box in enumerate(boxes, 1)
    ],
}
found = [{"image_id": 1, "category_id": 1, "bbox": box, "score": 0.9} for box in boxes]
for name, coco, evaluation in (
    ("pycocotools", pycocotools.coco.COCO, pycocotools.cocoeval.COCOeval),
    ("faster_coco_eval", faster_coco_eval.COCO, faster_coco_eval.COCOeval_faster),
):
    with contextlib.redirect_stdout(io.StringIO()):
        known = coco()
        known.dataset = truth
        known.createIndex()
        measured = evaluation(known, known.loadRes(found), "bbox")
        measured.params.maxDets = [1, 10, 200]
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    ap, ap50, recall = (float(measured.stats[place]) for place in (0, 1, 8))
    print(f"{name} AP {ap:.3f} AP50 {ap50:.3f} AR200 {recall:.3f}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
pycocotools AP -1.000 AP50 1.000 AR200 1.000
faster_coco_eval AP 1.000 AP50 1.000 AR200 1.000
SEEN
