"""Metrics: ground truth, matching, curves, COCO and VOC AP, error analysis, bootstrap."""
