"""datumaro (CVAT's exporter): one dataset of two subsets, exported in every detection form."""

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from datumaro import Bbox, Dataset, DatasetItem, Image
from source import CLASSES, OUT, boxes, fresh, images, source

FORMS = [
    "coco", "coco_instances", "voc", "voc_detection", "yolo", "yolo_ultralytics", "datumaro",
    "cvat", "label_me", "kitti_detection", "open_images", "tf_detection_api", "wider_face",
]  # fmt: skip


def item(one):
    return DatasetItem(
        id=one["file"].removesuffix(".jpg"),
        subset=one["split"],
        media=Image.from_file(path=str(source(one)), size=(one["height"], one["width"])),
        annotations=[
            Bbox(x1, y1, x2 - x1, y2 - y1, label=label) for label, _, x1, y1, x2, y2 in boxes(one)
        ],
    )


dataset = Dataset.from_iterable([item(one) for one in images()], categories=CLASSES)
for form in FORMS:
    dataset.export(str(fresh(form)), form, save_media=True)
imported = Dataset.import_from(str(OUT / "voc_detection"), "voc_detection")
imported.export(str(fresh("coco_instances-of-voc")), "coco_instances", save_media=True)
