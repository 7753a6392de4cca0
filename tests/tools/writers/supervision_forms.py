"""supervision: its own detections written as YOLO, COCO, Pascal VOC, LabelMe and CreateML."""

import numpy as np
import supervision as sv
from source import CLASSES, SPLITS, boxes, fresh, images, source


def detections(image):
    objects = boxes(image)
    if not objects:
        return sv.Detections.empty()
    corners = np.array([one[2:] for one in objects], np.float64)
    return sv.Detections(xyxy=corners, class_id=np.array([one[0] for one in objects]))


def dataset(split):
    entries = images(split)
    return sv.DetectionDataset(
        classes=CLASSES,
        images=[str(source(one)) for one in entries],
        annotations={str(source(one)): detections(one) for one in entries},
    )


yolo, coco, voc = fresh("yolo"), fresh("coco"), fresh("voc")
labelme, createml = fresh("labelme"), fresh("createml")
for split in SPLITS:
    dataset(split).as_yolo(
        str(yolo / split / "images"), str(yolo / split / "labels"), str(yolo / "data.yaml")
    )
    dataset(split).as_coco(str(coco / split), str(coco / split / "_annotations.coco.json"))
    dataset(split).as_pascal_voc(str(voc / split / "images"), str(voc / split / "annotations"))
    dataset(split).as_labelme(str(labelme / split), str(labelme / split))
    dataset(split).as_createml(
        str(createml / split), str(createml / split / "_annotations.createml.json")
    )
one = fresh("yolo-one-folder")
dataset(None).as_yolo(str(one / "images"), str(one / "labels"), str(one / "data.yaml"))
