"""globox: one annotation set written as everything that it can write."""

from globox import Annotation, AnnotationSet, BoundingBox
from source import CLASSES, SPLITS, boxes, copy, fresh, images

LABEL_TO_ID = {name: label for label, name in enumerate(CLASSES)}


def annotation_set(split=None):
    return AnnotationSet(
        Annotation(
            one["file"],
            (one["width"], one["height"]),
            [BoundingBox(label=name, xmin=x1, ymin=y1, xmax=x2, ymax=y2)
             for _, name, x1, y1, x2, y2 in boxes(one)],
        )
        for one in images(split)
    )  # fmt: skip


every = annotation_set()
for form, save in (
    ("voc", every.save_pascal_voc),
    ("labelme", every.save_labelme),
):
    folder = fresh(form)
    copy(images(), folder)
    save(folder)

txt = fresh("txt")  # it refuses a class name that holds the separator
copy(images(), txt)
every.save_txt(txt, separator=",")

txt = fresh("txt")  # it refuses a class name that holds the separator
copy(images(), txt)
every.save_txt(txt, separator=",")

cvat, openimages, coco, via = fresh("cvat"), fresh("openimages"), fresh("coco"), fresh("via")
for folder in (cvat, openimages, coco, via):
    copy(images(), folder / "images")
every.save_cvat(cvat / "annotations.xml")
every.save_openimage(openimages / "annotations.csv")
every.save_coco(coco / "annotations.json", auto_ids=True)
every.save_via_json(via / "annotations.json", image_folder=via / "images")

yolo = fresh("yolo-v5")
for split in SPLITS:
    copy(images(split), yolo / "images" / split)
    (yolo / "labels").mkdir(exist_ok=True)
    annotation_set(split).save_yolo_v5(yolo / "labels" / split, label_to_id=LABEL_TO_ID)
darknet = fresh("yolo-darknet")
copy(images(), darknet)
every.save_yolo_darknet(darknet, label_to_id=LABEL_TO_ID)
