"""Evaluation: COCO and VOC AP, error analysis, comparison of models, latency."""
