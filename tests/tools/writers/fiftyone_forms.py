"""FiftyOne: its exporters, called as `Dataset.export` calls them.

The dataset itself needs MongoDB, which the package fetches when it is installed; the exporters do
without. What a dataset would tell them (`info`, default classes) is passed here.
"""

import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "FIFTYONE_DO_NOT_TRACK": "true"}

import fiftyone as fo
import fiftyone.utils.coco as fouc
import fiftyone.utils.cvat as foucv
import fiftyone.utils.data as foud
import fiftyone.utils.kitti as fouk
import fiftyone.utils.tf as fout
import fiftyone.utils.voc as fouv
import fiftyone.utils.yolo as fouy
from source import CLASSES, SPLITS, boxes, fresh, images, source


def detection(one, name, x1, y1, x2, y2):
    width, height = one["width"], one["height"]
    box = [x1 / width, y1 / height, (x2 - x1) / width, (y2 - y1) / height]
    return fo.Detection(label=name, bounding_box=box)


def export(exporter, split=None):
    with exporter:
        for one in images(split):
            found = fo.Detections(detections=[detection(one, *rest[1:]) for rest in boxes(one)])
            metadata = fo.ImageMetadata.build_for(str(source(one)))
            exporter.export_sample(str(source(one)), found, metadata=metadata)


def export_all(form, make, **more):
    export(make(export_dir=str(fresh(form)), export_media=True, **more))


export_all("coco", fouc.COCODetectionDatasetExporter, classes=CLASSES, info={})
export_all("voc", fouv.VOCDetectionDatasetExporter)
export_all("yolov4", fouy.YOLOv4DatasetExporter, classes=CLASSES)
export_all("kitti", fouk.KITTIDetectionDatasetExporter)
export_all("cvat-image", foucv.CVATImageDatasetExporter)
export_all("fiftyone-detection", foud.FiftyOneImageDetectionDatasetExporter, classes=CLASSES)
export(fout.TFObjectDetectionDatasetExporter(str(fresh("tfrecord")), classes=CLASSES))
yolo = fresh("yolov5")
for split in SPLITS:
    export(
        fouy.YOLOv5DatasetExporter(
            export_dir=str(yolo), split=split, classes=CLASSES, export_media=True
        ),
        split,
    )
