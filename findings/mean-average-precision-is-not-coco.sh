#!/usr/bin/env bash
# mean-average-precision 2024.1.5.0, pycocotools 2.0.11, numpy 2.4.6, pandas 3.1.1 (Python 3.11): the call that its
# documentation gives for "COCO mAP" is not that of COCO in three ways. It adds a pixel to each width and height, as VOC
# did in 2007: small boxes fit better than they do, and of boxes in fractions those count as found that do not touch the
# object. A class without objects counts as 0 instead of being left out. What its `crowd` column marks is to be found
# like any other.
# Seen, of two classes of an object each (in the second and the third case the other one is found):
#   all found: pycocotools 1.000, mean-average-precision 1.000
#   8x8 px, off by a pixel each way: pycocotools 0.650, mean-average-precision 0.700
#   fractions, 0.1 beside the object: pycocotools 0.500, mean-average-precision 0.600
#   a class without objects: pycocotools 1.000, mean-average-precision 0.500
#   a crowd that is not found: pycocotools 1.000, mean-average-precision 0.752
# Here: the twelve figures are pycocotools' on any boxes; docs/how-ssdlite-works.md tells such figures apart.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check \
  mean-average-precision==2024.1.5.0 pycocotools==2.0.11 numpy==2.4.6 pandas==3.1.1
cat > "$tmp/try.py" <<'PY'
import contextlib
import io
import warnings

import numpy as np
from mean_average_precision import MetricBuilder
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

warnings.simplefilter("ignore")
A, B = (10, 10, 40, 40, 0), (10, 200, 40, 40, 1)  # x, y, width, height, class
SMALL, NEAR = (10, 10, 8, 8, 0), (11, 11, 8, 8, 0)
PART, BESIDE = (0.1, 0.1, 0.2, 0.2, 0), (0.4, 0.1, 0.2, 0.2, 0)  # of the width and height of an image
CASES = {
    "all found": ([A, B], [A, B], [0, 0]),
    "8x8 px, off by a pixel each way": ([SMALL, B], [NEAR, B], [0, 0]),
    "fractions, 0.1 beside the object": ([PART, B], [BESIDE, B], [0, 0]),
    "a class without objects": ([A], [A], [0]),
    "a crowd that is not found": ([A, B, (200, 200, 90, 90, 1)], [A, B], [0, 0, 1]),
}


def coco(objects, found, crowds):
    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "width": 640, "height": 480}],
        "categories": [{"id": 0, "name": "a"}, {"id": 1, "name": "b"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": c, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
            for i, ((*box, c), crowd) in enumerate(zip(objects, crowds), 1)
        ],
    }
    results = [{"image_id": 1, "category_id": c, "bbox": box, "score": 0.9} for *box, c in found]
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


def other(objects, found, crowds):
    metric = MetricBuilder.build_evaluation_metric("map_2d", async_mode=False, num_classes=2)
    metric.add(
        np.array([[x, y, x + w, y + h, c, 0.9] for x, y, w, h, c in found]),
        np.array([[x, y, x + w, y + h, c, 0, crowd] for (x, y, w, h, c), crowd in zip(objects, crowds)]),
    )
    return metric.value(
        iou_thresholds=np.arange(0.5, 1.0, 0.05),
        recall_thresholds=np.arange(0.0, 1.01, 0.01),
        mpolicy="soft",
    )["mAP"]


for what, case in CASES.items():
    print(f"{what}: pycocotools {coco(*case):.3f}, mean-average-precision {other(*case):.3f}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
all found: pycocotools 1.000, mean-average-precision 1.000
8x8 px, off by a pixel each way: pycocotools 0.650, mean-average-precision 0.700
fractions, 0.1 beside the object: pycocotools 0.500, mean-average-precision 0.600
a class without objects: pycocotools 1.000, mean-average-precision 0.500
a crowd that is not found: pycocotools 1.000, mean-average-precision 0.752
SEEN
