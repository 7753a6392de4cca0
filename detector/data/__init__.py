"""Readers and writers of annotated data sets: COCO, Pascal VOC and YOLO."""
