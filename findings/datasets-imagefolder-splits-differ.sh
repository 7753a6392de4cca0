#!/usr/bin/env bash
# Hugging Face datasets 5.2.0 (Python 3.11): an image folder with `objects` in its metadata.jsonl, as the
# documentation lays it out, loads or not by what the boxes happen to be: types are inferred of each split and
# compared. Whole numbers in one split and fractions in the other, or a split whose images have no objects,
# and the folder is refused as having different features; within one split either is fine. An image that has
# no line in metadata.jsonl is left out without a word, so that negatives need a line with empty lists.
# Seen:
#   whole numbers in both: train 1, validation 1
#   whole numbers, then fractions: ValueError
#   fractions, then no objects: ValueError
#   fractions in both, two images without a line: train 1, validation 1
# Here: boxes are numbers, whatever they look like; an image without a line is left out, and a warning names it.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pillow==13.0.0
cat > "$tmp/try.py" <<'PY'
import json
import shutil
from pathlib import Path

from datasets import load_dataset
from PIL import Image

WHOLE, FRACTIONS = [[1, 2, 10, 12]], [[1.5, 2.0, 10.0, 12.0]]


def load(title, train, validation, without_a_line=0):
    folder = Path("folder")
    shutil.rmtree(folder, ignore_errors=True)
    for split, boxes in (("train", train), ("validation", validation)):
        (folder / split).mkdir(parents=True)
        names = ["a.png", *(f"more{i}.png" for i in range(without_a_line))]
        for name in names:
            Image.new("RGB", (64, 48)).save(folder / split / name)
        objects = {"bbox": boxes, "categories": [0] * len(boxes)}
        line = json.dumps({"file_name": "a.png", "objects": objects})
        (folder / split / "metadata.jsonl").write_text(line + "\n")
    try:
        loaded = load_dataset("imagefolder", data_dir=str(folder))
        print(f"{title}:", ", ".join(f"{split} {len(rows)}" for split, rows in loaded.items()))
    except Exception as error:
        print(f"{title}:", type(error).__name__)


load("whole numbers in both", WHOLE, WHOLE)
load("whole numbers, then fractions", WHOLE, FRACTIONS)
load("fractions, then no objects", FRACTIONS, [])
load("fractions in both, two images without a line", FRACTIONS, FRACTIONS, without_a_line=2)
PY
cd "$tmp"
export HF_HUB_OFFLINE=1 HF_HOME="$tmp/home"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
whole numbers in both: train 1, validation 1
whole numbers, then fractions: ValueError
fractions, then no objects: ValueError
fractions in both, two images without a line: train 1, validation 1
SEEN
