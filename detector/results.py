"""Detections as JSON: the readable form of `detect --json`, and COCO's results format.

The readable form is a contract of the command line (`detect --json`, `webcam --json`):

    {"model": str,
     "images": [{"file": str, "frame": int (video only), "time": float s (video only),
                 "width": int, "height": int,
                 "detections": [{"box": [x1, y1, x2, y2] px, "score": float, "label": int,
                                 "name": str, "category_id": int}]}],
     "max_detections": int (`detect` only): the most that an image can have,
     "images_at_max_detections": int (likewise),
     ...}
"""

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from detector.classes import ClassMap
from detector.data.values import as_text
from detector.files import atomic_path
from detector.types import Detections

TAIL = "\n]}\n"
"""What makes the readable form whole after any of its images."""


class ResultsWriter:
    """Writes the readable form image by image, so that an hour of video needs no memory.

    `open_results` makes one whose file is whole at its end.
    """

    def __init__(self, stream: Any, model: str, classes: ClassMap) -> None:
        self._stream = stream
        self._classes = classes
        self._separator = ""
        stream.write(f'{{"model": {json.dumps(model)},\n"images": [')

    def add(
        self,
        file: str,
        height: int,
        width: int,
        detections: Detections,
        frame: int | None = None,
        time_s: float | None = None,
    ) -> None:
        """Append one image, or one frame of a video.

        Args:
            file: the image's path, or the name of the video.
            height: of it, px.
            width: likewise.
            detections: in it.
            frame: of a video: its number, 0 for the first.
            time_s: of a video: when it was, seconds since the first.
        """
        entry: dict[str, Any] = {"file": file}
        if frame is not None:
            entry["frame"] = frame
        if time_s is not None:
            entry["time"] = round(time_s, 3)
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


def coco_image_ids(paths: Sequence[Path]) -> dict[Path, int | str]:
    """The image id of each image in COCO's results format: no two images have the same.

    Each has that of its name without suffix (`id_by_name`); images that would share one have
    their paths instead. Each is as JSON can hold it (`as_text`).
    """
    ids = {path: id_by_name(as_text(path.stem)) for path in paths}
    shared = Counter(ids.values())
    return {path: as_text(path.as_posix()) if shared[one] > 1 else one for path, one in ids.items()}


def id_by_name(stem: str) -> int | str:
    """A name of up to 18 digits as the number, as COCO's own files have it; any other as it is."""
    return int(stem) if re.fullmatch("[0-9]{1,18}", stem) else stem


def coco_results(
    image_id: int | str, detections: Detections, classes: ClassMap, file: str | None = None
) -> list[dict[str, Any]]:
    """COCO's results format: `bbox` is x, y, width, height in pixels.

    With `file`, each entry says as `file_name` which image the id stands for: a key that the
    format lacks, and that programs which read it pass over.

    Source: cocodataset.org, "Results Format", object detection.
    """
    named = {} if file is None else {"file_name": as_text(file)}
    return [
        {
            "image_id": image_id,
            **named,
            "category_id": classes.category_ids[label],
            "bbox": bbox,
            "score": float(score),
        }
        for bbox, score, label in zip(
            detections.boxes_xywh.tolist(), detections.scores, detections.labels, strict=True
        )
    ]
