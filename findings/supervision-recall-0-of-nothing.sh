#!/usr/bin/env bash
# supervision 0.31.2, pycocotools 2.0.11 (Python 3.11): of sizes that the data set does not hold, supervision's
# `MeanAveragePrecision` gives -1, as pycocotools does for AP and AR. Its `MeanAverageRecall`, `Recall`, `Precision` and
# `F1Score` give 0.0: a perfect detector looks as if it found none of the small objects, and a mean over the sizes
# counts them.
# Seen, of one object of 80x80 px that is found (all, small, medium, large):
#   pycocotools AP [1.0, -1.0, 1.0, -1.0]
#   pycocotools AR [1.0, -1.0, 1.0, -1.0]
#   MeanAveragePrecision [1.0, -1.0, 1.0, -1.0]
#   MeanAverageRecall [1.0, 0.0, 1.0, 0.0]
#   Recall [1.0, 0.0, 1.0, 0.0]
#   Precision [1.0, 0.0, 1.0, 0.0]
#   F1Score [1.0, 0.0, 1.0, 0.0]
# Here: all twelve figures are -1 where there is no such object; docs/how-ssdlite-works.md.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 pycocotools==2.0.11
cat > "$tmp/try.py" <<'PY'
import contextlib
import io

import numpy as np
import supervision as sv
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from supervision import metrics

SIDE = 80.0
one = {"image_id": 1, "category_id": 0, "bbox": [10, 10, SIDE, SIDE]}
truth = COCO()
truth.dataset = {
    "images": [{"id": 1, "width": 640, "height": 480}],
    "categories": [{"id": 0, "name": "cell"}],
    "annotations": [{**one, "id": 1, "area": SIDE**2, "iscrowd": 0}],
}
with contextlib.redirect_stdout(io.StringIO()):
    truth.createIndex()
    evaluation = COCOeval(truth, truth.loadRes([{**one, "score": 0.9}]), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
for name, places in (("AP", (0, 3, 4, 5)), ("AR", (8, 9, 10, 11))):
    print(f"pycocotools {name}", [round(float(evaluation.stats[place]), 3) for place in places])

box, label = np.array([[10, 10, 10 + SIDE, 10 + SIDE]]), np.array([0])
found = sv.Detections(box, class_id=label, confidence=np.array([0.9]))
for name, figure in {
    "MeanAveragePrecision": "map50_95",
    "MeanAverageRecall": "mAR_at_100",
    "Recall": "recall_at_50",
    "Precision": "precision_at_50",
    "F1Score": "f1_50",
}.items():
    result = getattr(metrics, name)().update(found, sv.Detections(box, class_id=label)).compute()
    sizes = (result, result.small_objects, result.medium_objects, result.large_objects)
    print(name, [round(float(getattr(size, figure)), 3) for size in sizes])
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
pycocotools AP [1.0, -1.0, 1.0, -1.0]
pycocotools AR [1.0, -1.0, 1.0, -1.0]
MeanAveragePrecision [1.0, -1.0, 1.0, -1.0]
MeanAverageRecall [1.0, 0.0, 1.0, 0.0]
Recall [1.0, 0.0, 1.0, 0.0]
Precision [1.0, 0.0, 1.0, 0.0]
F1Score [1.0, 0.0, 1.0, 0.0]
SEEN
