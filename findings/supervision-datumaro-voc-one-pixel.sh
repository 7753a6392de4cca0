#!/usr/bin/env bash
# supervision 0.31.2, datumaro 1.13.12 (Python 3.11): the two disagree about what a Pascal VOC file says.
# Supervision counts pixels from 1 as VOC does (it adds 1 to xmin and ymin on writing and takes it away on
# reading); datumaro, a fork of which makes CVAT's exports, writes and reads the corners as they are. Nothing
# in the file tells which it is, and neither warns: a box grows or shrinks by a pixel on two sides at every
# change of tool, and supervision reads datumaro's 0 as -1. Each reads its own files back right.
# Seen, of the box 0 0 20 16 in an image of 64x48, and of 5 6 40 41:
#   supervision to supervision [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
#   supervision to datumaro [[1.0, 1.0, 20.0, 16.0], [6.0, 7.0, 40.0, 41.0]]
#   datumaro to datumaro [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
#   datumaro to supervision [[-1.0, -1.0, 20.0, 16.0], [4.0, 5.0, 40.0, 41.0]]
# Here: the VOC reader takes the evidence of the whole data set (a 0, fractions), says which origin it chose,
# and lets the user say it (`voc_origin`).
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 datumaro==1.13.12
cat > "$tmp/try.py" <<'PY'
from pathlib import Path

import numpy as np
import supervision as sv
from datumaro import Bbox, Dataset, DatasetItem, Image
from PIL import Image as Pillow

BOXES = np.array([[0, 0, 20, 16], [5, 6, 40, 41]], float)
Pillow.new("RGB", (64, 48)).save("a.jpg")

found = sv.Detections(xyxy=BOXES, class_id=np.zeros(2, int))
written = sv.DetectionDataset(classes=["cat"], images=["a.jpg"], annotations={"a.jpg": found})
written.as_pascal_voc("s/JPEGImages", "s/Annotations")
Path("s/ImageSets/Main").mkdir(parents=True)
Path("s/ImageSets/Main/train.txt").write_text("a\n")

boxes = [Bbox(x1, y1, x2 - x1, y2 - y1, label=0) for x1, y1, x2, y2 in BOXES.tolist()]
item = DatasetItem("a", subset="train", media=Image.from_file(path="a.jpg"), annotations=boxes)
Dataset.from_iterable([item], categories=["cat"]).export("d", "voc_detection", save_media=True)


def by_supervision(folder):
    read = sv.DetectionDataset.from_pascal_voc(f"{folder}/JPEGImages", f"{folder}/Annotations")
    return next(iter(read.annotations.values())).xyxy.tolist()


def by_datumaro(folder):
    read = Dataset.import_from(folder, "voc_detection")
    return [list(map(float, box.points)) for item in read for box in item.annotations]


for writer, folder in (("supervision", "s"), ("datumaro", "d")):
    print(f"{writer} to supervision", by_supervision(folder))
    print(f"{writer} to datumaro", by_datumaro(folder))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff <(sort "$tmp/seen") - <<'SEEN'
datumaro to datumaro [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
datumaro to supervision [[-1.0, -1.0, 20.0, 16.0], [4.0, 5.0, 40.0, 41.0]]
supervision to datumaro [[1.0, 1.0, 20.0, 16.0], [6.0, 7.0, 40.0, 41.0]]
supervision to supervision [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
SEEN
