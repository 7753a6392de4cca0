#!/usr/bin/env bash
# globox 2.9.0, datumaro 1.13.12 (Python 3.11): in Open Images' CSV an ImageID is the name of the file without
# its suffix, and datumaro writes and reads it so. globox looks for a file of exactly that name: what it reads
# is what it wrote itself, with the suffix in, and neither datumaro's CSV nor Open Images' own. The other way
# round datumaro reads globox's CSV as an image that is not there ("a.jpg" without a file), and the real image
# is left without boxes.
# Seen, of one box in a.jpg:
#   datumaro writes ImageID a, globox reads FileNotFoundError
#   globox writes ImageID a.jpg, datumaro reads {'a': 0, 'a.jpg': 0} (boxes of each image)
# Here: an ImageID is matched with the name of a file, with or without its suffix.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check globox==2.9.0 datumaro==1.13.12
cat > "$tmp/try.py" <<'PY'
import csv
from pathlib import Path

from datumaro import Bbox, Dataset, DatasetItem, Image
from globox import Annotation, AnnotationSet, BoundingBox
from PIL import Image as Pillow

Pillow.new("RGB", (64, 48)).save("a.jpg")
objects = [Bbox(5, 6, 35, 35, label=0)]
media = Image.from_file(path="a.jpg")
item = DatasetItem("a", subset="train", media=media, annotations=objects)
Dataset.from_iterable([item], categories=["cell"]).export("d", "open_images", save_media=True)
file = Path("d/annotations/train-annotations-bbox.csv")


def image_id():
    with file.open(newline="") as lines:
        return next(csv.DictReader(lines))["ImageID"]


print("datumaro writes ImageID", image_id(), end=", globox reads ")
try:
    print(list(AnnotationSet.from_openimage(file, image_folder="d/images/train")))
except Exception as error:
    print(type(error).__name__)

box = BoundingBox(label="cell", xmin=5, ymin=6, xmax=40, ymax=41)
AnnotationSet([Annotation("a.jpg", (64, 48), [box])]).save_openimage(file)
print("globox writes ImageID", image_id(), end=", datumaro reads ")
read = Dataset.import_from("d", "open_images")
print({item.id: len(item.annotations) for item in read})
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
datumaro writes ImageID a, globox reads FileNotFoundError
globox writes ImageID a.jpg, datumaro reads {'a': 0, 'a.jpg': 0}
SEEN
