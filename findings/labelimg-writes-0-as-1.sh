#!/usr/bin/env bash
# labelImg 1.8.6 (Python 3.11): a corner below 1 is written as 1, and every other corner as it is, cut to
# whole pixels. So the first row and column of pixels are lost to boxes at the edge, in YOLO too, where 0 is
# an ordinary value; and its Pascal VOC, which counts from 0 elsewhere, never holds the 0 that would tell.
# (The reason given in its source is a detector of 2015 that could not train on 0.) CreateML from the same
# shapes is exact.
# Seen, of the box 0 0 20 16 and of 5 6 40 41 in an image of 64x48:
#   VOC [[1, 1, 20, 16], [5, 6, 40, 41]]
#   YOLO in pixels [[1.0, 1.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
#   CreateML [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
# Here: labelImg's VOC is known by its marks, is read as counted from 0, and a 1 as the edge of the image.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check labelImg==1.8.6 pillow==13.0.0
cat > "$tmp/try.py" <<'PY'
import json
from pathlib import Path
from xml.etree import ElementTree

from libs.labelFile import LabelFile
from PIL import Image

WIDTH, HEIGHT = 64, 48
Image.new("RGB", (WIDTH, HEIGHT)).save("a.jpg")
shapes = [
    {"label": "cell", "difficult": False, "points": [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]}
    for x1, y1, x2, y2 in ((0.0, 0.0, 20.0, 16.0), (5.0, 6.0, 40.0, 41.0))
]
image = str(Path("a.jpg").resolve())
LabelFile().save_pascal_voc_format("a.xml", shapes, image, None)
LabelFile().save_yolo_format("a.txt", shapes, image, None, [])
LabelFile().save_create_ml_format("a.json", shapes, image, None, [])

tags = ("xmin", "ymin", "xmax", "ymax")
bounds = ElementTree.parse("a.xml").iter("bndbox")
print("VOC", [[int(box.findtext(tag)) for tag in tags] for box in bounds])


def corners(x, y, width, height):
    return [round(v, 3) for v in (x - width / 2, y - height / 2, x + width / 2, y + height / 2)]


rows = [map(float, line.split()[1:]) for line in Path("a.txt").read_text().splitlines()]
yolo = [corners(x * WIDTH, y * HEIGHT, w * WIDTH, h * HEIGHT) for x, y, w, h in rows]
print("YOLO in pixels", yolo)
found = json.loads(Path("a.json").read_text())[0]["annotations"]
print("CreateML", [corners(**one["coordinates"]) for one in found])
PY
cd "$tmp"
export QT_QPA_PLATFORM=offscreen
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
VOC [[1, 1, 20, 16], [5, 6, 40, 41]]
YOLO in pixels [[1.0, 1.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
CreateML [[0.0, 0.0, 20.0, 16.0], [5.0, 6.0, 40.0, 41.0]]
SEEN
