"""Reads and writes Pascal VOC."""
