#!/usr/bin/env bash
# supervision 0.31.2, numpy 2.4.6, pillow 13.0.0 (Python 3.11): `DetectionDataset.from_yolo` leaves out a sixth
# number of a label line, which it knows as the confidence or the track id of Ultralytics' `save_txt` (class, x, y,
# w, h [, confidence] [, track id]). Where both are written it takes the line for an outline of three points, (x, y),
# (w, h) and (confidence, track id), without a word: the box is another one, and from track 2 on it reaches out of
# the image. A box with 17 keypoints and a confidence becomes an outline as well.
# Seen, of one box of 24, 12, 40, 36 in an image of 64 x 48:
#   a box:                             24 12 40 36
#   and its confidence:                24 12 40 36
#   and the track 1:                   16 24 58 48
#   and the track 3:                   16 24 58 144
#   a box, keypoints and confidence:   16 24 128 96
# Here: detector/data/yolo/yolo_columns.py judges what the numbers mean over all lines of a data set, and says it.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 numpy==2.4.6 pillow==13.0.0
cat > "$tmp/try.py" <<'PY'
import sys
from pathlib import Path

import supervision
from PIL import Image

root = Path(sys.argv[1])
for name in ("images", "labels"):
    (root / name).mkdir(parents=True)
Image.new("RGB", (64, 48)).save(root / "images/a.jpg")
(root / "data.yaml").write_text("names: [person]\n")
box = "0 0.5 0.5 0.25 0.5"
for what, line in {
    "a box": box,
    "and its confidence": f"{box} 0.9",
    "and the track 1": f"{box} 0.9 1",
    "and the track 3": f"{box} 0.9 3",
    "a box, keypoints and confidence": f"{box} {'0.5 0.6 2 ' * 17}0.9",
}.items():
    (root / "labels/a.txt").write_text(f"{line}\n")
    places = (str(root / name) for name in ("images", "labels", "data.yaml"))
    read = supervision.DetectionDataset.from_yolo(*places)
    (found,) = read.annotations.values()
    print(f"{what + ':':33s}", *(f"{edge:.0f}" for edge in found.xyxy[0]))
PY
"$tmp/venv/bin/python" "$tmp/try.py" "$tmp/data" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
a box:                            24 12 40 36
and its confidence:               24 12 40 36
and the track 1:                  16 24 58 48
and the track 3:                  16 24 58 144
a box, keypoints and confidence:  16 24 128 96
SEEN
