"""Reads and writes YOLO's text files."""
