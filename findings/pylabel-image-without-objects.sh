#!/usr/bin/env bash
# pylabel 0.1.55, pandas 2.3.3, FiftyOne 1.22.1 (Python 3.11): one image without objects spoils what pylabel
# writes. COCO: the object before it is written a second time, id and all, as the loop goes on with the last
# value. YOLO: the column of the classes becomes floats ("0.0000"), and the label file of the image holds four
# blanks. pylabel itself then cannot import either; FiftyOne imports the YOLO with classes called "0.0000".
# Without the empty image the same data comes out right. (With pandas 3 the import of such a COCO file already
# fails.)
# Seen, of one image with two objects and one without:
#   with both images: annotation ids [0, 1, 1], labels ['0.0000', '1.0000'], empty one '    \n'
#   pylabel imports its COCO: TypeError; its YOLO: ValueError
#   without the empty one: annotation ids [0, 1], labels ['0', '1']
#   FiftyOne imports ['0.0000', '1.0000']
# Here: class numbers are read as numbers, a file of blanks is a negative, and the copy of an object is
# reported.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/pylabel"
python3 -m venv "$tmp/fiftyone"
install="-m pip install --quiet --disable-pip-version-check"
"$tmp/pylabel/bin/python" $install pylabel==0.1.55 pandas==2.3.3
"$tmp/fiftyone/bin/python" $install fiftyone==1.22.1
cat > "$tmp/write.py" <<'PY'
import json
import warnings
from pathlib import Path

from PIL import Image
from pylabel import importer

warnings.simplefilter("ignore")


def failure(action):
    try:
        action()
    except Exception as error:
        return type(error).__name__
    return "fine"


def export(count):
    images = [{"id": i, "file_name": f"{i}.png", "width": 64, "height": 48} for i in range(count)]
    for one in images:
        Image.new("RGB", (64, 48)).save(one["file_name"])
    objects = [
        {"id": i, "image_id": 0, "category_id": i, "bbox": [8 * i, 0, 8, 8], "area": 64}
        for i in range(2)
    ]
    categories = [{"id": 0, "name": "cell"}, {"id": 1, "name": "bin"}]
    document = {"images": images, "annotations": objects, "categories": categories}
    Path("in.json").write_text(json.dumps(document))
    dataset = importer.ImportCoco("in.json")
    dataset.path_to_annotations = "."
    dataset.export.ExportToCoco("out.json")
    dataset.export.ExportToYoloV5("yolo/labels", copy_images=True, cat_id_index=0)
    ids = [one["id"] for one in json.loads(Path("out.json").read_text())["annotations"]]
    labels = [row.split()[0] for row in Path("yolo/labels/0.txt").read_text().splitlines()]
    return f"annotation ids {ids}, labels {labels}"


alone = export(1)
both = export(2)
print(f"with both images: {both}, empty one {Path('yolo/labels/1.txt').read_text()!r}")
coco = failure(lambda: importer.ImportCoco("out.json"))
names = ["cell", "bin"]
yolo = failure(
    lambda: importer.ImportYoloV5("yolo/labels", cat_names=names, path_to_images="../images")
)
print(f"pylabel imports its COCO: {coco}; its YOLO: {yolo}")
print("without the empty one:", alone)
PY
cat > "$tmp/read.py" <<'PY'
from fiftyone.utils.yolo import YOLOv5DatasetImporter

with YOLOv5DatasetImporter(dataset_dir="yolo", split="train") as samples:
    labels = [one.label for *_, found in samples if found for one in found.detections]
print("FiftyOne imports", labels)
PY
cd "$tmp"
export FIFTYONE_DO_NOT_TRACK=true
"$tmp/pylabel/bin/python" "$tmp/write.py" 2>/dev/null | tee "$tmp/seen"
"$tmp/fiftyone/bin/python" "$tmp/read.py" 2>/dev/null | tee -a "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
with both images: annotation ids [0, 1, 1], labels ['0.0000', '1.0000'], empty one '    \n'
pylabel imports its COCO: TypeError; its YOLO: ValueError
without the empty one: annotation ids [0, 1], labels ['0', '1']
FiftyOne imports ['0.0000', '1.0000']
SEEN
