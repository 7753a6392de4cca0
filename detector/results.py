"""Detections as JSON: the readable form of `detect --json`, and COCO's results format.

The readable form is a contract of the command line (`detect --json`, `webcam --json`):

    {"model": str,
     "images": [{"file": str, "frame": int (video only), "width": int, "height": int,
                 "detections": [{"box": [x1, y1, x2, y2] px, "score": float, "label": int,
                                 "name": str, "category_id": int}]}],
     ...}
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detector.classes import ClassMap
from detector.files import atomic_path
from detector.types import Detections


class ResultsWriter:
    """Writes the readable form image by image, so that an hour of video needs no memory.

    Use `open_results` to make one.
    """

    def __init__(self, stream: Any, model: str, classes: ClassMap) -> None:
        self._stream = stream
        self._classes = classes
        self._separator = ""
        stream.write(f'{{"model": {json.dumps(model)},\n"images": [')

    def add(
        self, file: str, height: int, width: int, detections: Detections, frame: int | None = None
    ) -> None:
        """Append one image, or one frame of a video (0 is the first)."""
        entry: dict[str, Any] = {"file": file}
        if frame is not None:
            entry["frame"] = frame
        entry |= {"width": width, "height": height}
        entry["detections"] = readable(detections, self._classes)
        self._stream.write(f"{self._separator}\n{json.dumps(entry)}")
        self._separator = ","

    def finish(self, **extra: Any) -> None:
        """Close the list and append further top-level keys (`fps`, `stage_ms`)."""
        tail = "".join(f",\n{json.dumps(key)}: {json.dumps(value)}" for key, value in extra.items())
        self._stream.write(f"\n]{tail}}}\n")


@contextlib.contextmanager
def open_results(path: Path, model: str, classes: ClassMap) -> Iterator[ResultsWriter]:
    """A `ResultsWriter` on a file that appears whole, and only if the block ends well.

    The block itself calls `finish`.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        yield ResultsWriter(stream, model, classes)


def readable(detections: Detections, classes: ClassMap) -> list[dict[str, Any]]:
    """One dict per detection: box in source pixels, score, label, name, category id."""
    return [
        {
            "box": [round(float(edge), 2) for edge in box],
            "score": round(float(score), 5),
            "label": int(label),
            "name": classes.names[label],
            "category_id": classes.category_ids[label],
        }
        for box, score, label in zip(
            detections.boxes, detections.scores, detections.labels, strict=True
        )
    ]


def coco_results(
    image_id: int | str, detections: Detections, classes: ClassMap
) -> list[dict[str, Any]]:
    """COCO's results format: `bbox` is x, y, width, height in pixels.

    Source: cocodataset.org, "Results Format", object detection.
    """
    return [
        {
            "image_id": image_id,
            "category_id": classes.category_ids[label],
            "bbox": bbox,
            "score": float(score),
        }
        for bbox, score, label in zip(
            detections.boxes_xywh.tolist(), detections.scores, detections.labels, strict=True
        )
    ]
