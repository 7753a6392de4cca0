"""label-studio-sdk: tasks as Label Studio exports them, through its own converter.

Label Studio keeps an uploaded file as `media/upload/PROJECT/HASH-NAME` and its task calls it
`/data/upload/PROJECT/HASH-NAME`.
"""

import json
import shutil
import zlib
from contextlib import chdir

from label_studio_sdk.converter import Converter
from source import OUT, boxes, fresh, images, source

CONFIG = """<View>
  <Image name="image" value="$image"/>
  <RectangleLabels name="label" toName="image">
    <Label value="cell"/><Label value="dust bin"/>
  </RectangleLabels>
</View>"""
MEDIA = OUT.parent / "label-studio/media"


def uploaded(one):
    return f"{zlib.crc32(one['file'].encode()):08x}-{one['file']}"


def region(number, one, name, x1, y1, x2, y2):
    width, height = one["width"], one["height"]
    return {
        "id": f"region{number}",
        "type": "rectanglelabels",
        "from_name": "label",
        "to_name": "image",
        "original_width": width,
        "original_height": height,
        "image_rotation": 0,
        "origin": "manual",
        "value": {
            "x": 100 * x1 / width,
            "y": 100 * y1 / height,
            "width": 100 * (x2 - x1) / width,
            "height": 100 * (y2 - y1) / height,
            "rotation": 0,
            "rectanglelabels": [name],
        },
    }


def task(number, one):
    objects = boxes(one)
    annotation = {
        "id": number,
        "completed_by": 1,
        "result": [region(i, one, *rest[1:]) for i, rest in enumerate(objects)],
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-28T10:00:00.000000Z",
        "updated_at": "2026-11-28T10:00:00.000000Z",
        "draft_created_at": None,
        "lead_time": 12.5,
        "prediction": {},
        "result_count": len(objects),
        "unique_id": f"00000000-0000-4000-8000-{number:012}",
        "import_id": None,
        "last_action": None,
        "bulk_created": False,
        "task": number,
        "project": 1,
        "updated_by": 1,
        "parent_prediction": None,
        "parent_annotation": None,
        "last_created_by": None,
    }
    return {
        "id": number,
        "annotations": [annotation],
        "file_upload": uploaded(one),
        "drafts": [],
        "predictions": [],
        "data": {"image": f"/data/upload/1/{uploaded(one)}"},
        "meta": {},
        "created_at": "2026-11-28T09:00:00.000000Z",
        "updated_at": "2026-11-28T10:00:00.000000Z",
        "inner_id": number,
        "total_annotations": 1,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 1,
        "updated_by": 1,
        "comment_authors": [],
    }


upload = MEDIA / "upload/1"
upload.mkdir(parents=True, exist_ok=True)
for one in images():
    shutil.copy(source(one), upload / uploaded(one))
tasks = MEDIA.parent / "tasks.json"
tasks.write_text(json.dumps([task(i, one) for i, one in enumerate(images(), start=1)]))
for name in ("YOLO", "YOLO_WITH_IMAGES", "COCO", "COCO_WITH_IMAGES", "VOC", "JSON", "JSON_MIN",
             "CSV", "YOLO_OBB_WITH_IMAGES"):  # fmt: skip
    folder = fresh(name.lower().replace("_", "-"))
    converter = Converter(CONFIG, str(MEDIA), upload_dir=str(MEDIA / "upload"))
    with chdir(folder):
        converter.convert(str(tasks), ".", name, is_dir=False)
    if "IMAGES" not in name and name != "VOC":  # the user's own images, under their uploaded names
        shutil.copytree(upload, folder / "images", dirs_exist_ok=True)
