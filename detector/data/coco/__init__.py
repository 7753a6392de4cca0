"""Reads and writes COCO JSON."""
