#!/usr/bin/env bash
# datumaro 1.13.12 (Python 3.11): importing YOLO as Ultralytics lays it out, an image is left out without a
# word, image and all, where the first line of its label file is not five numbers of digits and points with
# one blank between each two: a polygon, a blank at the end of the line, a tab, an exponent (5e-05). Such
# lines are valid to Ultralytics, which splits at any white space, and its own `convert_coco` writes exponents
# ("%g"). Only the first line is looked at: a polygon in the second is an error that stops the import. An
# image whose label file is empty is kept.
# Seen, of images that are alike but for the first line of their label file:
#   ['empty', 'plain'] of 6
# Here: lines are split at white space and read as numbers; a polygon is an object whose box is that of its
# points; what cannot be read is a finding with file and line.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
cat > "$tmp/try.py" <<'PY'
from pathlib import Path

from datumaro import Dataset
from PIL import Image

LINES = {
    "plain": "0 0.5 0.5 0.2 0.25\n",
    "empty": "",
    "blank": "0 0.5 0.5 0.2 0.25 \n",
    "tab": "0\t0.5\t0.5\t0.2\t0.25\n",
    "exponent": "0 0.5 0.5 0.2 5e-05\n",
    "polygon": "0 0.1 0.1 0.3 0.1 0.3 0.3\n",
}
for split in ("train", "val"):
    for part in ("images", "labels"):
        Path(part, split).mkdir(parents=True)
    for name, line in LINES.items():
        Image.new("RGB", (64, 48)).save(f"images/{split}/{name}.jpg")
        Path(f"labels/{split}/{name}.txt").write_text(line)
Path("data.yaml").write_text("train: images/train\nval: images/val\nnames: [cell]\n")
read = Dataset.import_from(".", "yolo")
print(sorted(item.id for item in read if item.subset == "train"), "of", len(LINES))
PY
mkdir "$tmp/data"
cd "$tmp/data"
"$tmp/venv/bin/python" "$tmp/try.py" 2>"$tmp/errors" | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
['empty', 'plain'] of 6
SEEN
