#!/usr/bin/env bash
# label-studio-sdk 2.1.2 (Python 3.11): its own YOLO importer cannot tell what its own "YOLO OBB" export wrote
# (a class and four corners, nine numbers): it takes the first four as centre, width and height, and the fifth
# as the score of a prediction. Nothing is reported; boxes lie outside of the image and have no height. Every
# line with more than five columns is read so: polygons, keypoints and tracks too.
# Seen, of the box 0 0 20 16 in an image of 64x48 (per cent, then score):
#   written: 0 0.0 0.0 0.3125 0.0 0.3125 0.3333333333333333 0.0 0.3333333333333333
#   imported: x -15.625 y 0.0 width 31.25 height 0.0 score 0.3125
# Here: a line of nine columns is four corners, and what more columns mean is read right or refused by name.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cat > "$tmp/try.py" <<'PY'
import contextlib
import json
from pathlib import Path

from label_studio_sdk.converter import Converter
from label_studio_sdk.converter.imports.yolo import convert_yolo_to_ls
from PIL import Image

CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cell"/></RectangleLabels></View>"""
Path("out/images").mkdir(parents=True)
Image.new("RGB", (64, 48)).save("out/images/a.jpg")
region = {
    "id": "r", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
    "original_width": 64, "original_height": 48,
    "value": {
        "x": 0, "y": 0, "width": 100 * 20 / 64, "height": 100 * 16 / 48, "rotation": 0,
        "rectanglelabels": ["cell"],
    },
}
task = {"id": 1, "data": {"image": str(Path("out/images/a.jpg").resolve())}}
task["annotations"] = [{"id": 1, "completed_by": 1, "result": [region]}]
Path("tasks.json").write_text(json.dumps([task]))
Converter(CONFIG, ".").convert("tasks.json", "out", "YOLO_OBB", is_dir=False)
print("written:", Path("out/labels/a.txt").read_text().strip())
with contextlib.redirect_stdout(None):
    convert_yolo_to_ls("out", "back.json")
read = json.loads(Path("back.json").read_text())[0]["annotations"][0]["result"][0]
sides = " ".join(f"{key} {read['value'][key]}" for key in ("x", "y", "width", "height"))
print("imported:", sides, "score", read.get("score"))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
written: 0 0.0 0.0 0.3125 0.0 0.3125 0.3333333333333333 0.0 0.3333333333333333
imported: x -15.625 y 0.0 width 31.25 height 0.0 score 0.3125
SEEN
