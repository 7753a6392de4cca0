"""The TensorBoard log: curves, and validation images with ground truth and detections."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from detector.data.orientation import read_sample, to_upright
from detector.draw import draw_annotations, draw_detections
from detector.files import explained
from eval.scoring.eval_set import EvalImage
from training.run.run import Run
from training.run.validation import Validated

_IMAGES = 4
_LARGEST = (1280, 1280)  # px; a page shows no more


class TensorBoardLog:
    """Writes the rows of a run's log, and some validation images.

    Args:
        run: whose folder gets the files.
    """

    def __init__(self, run: Run) -> None:
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._folder = run.folder.board
        self._threshold = run.config.postprocess.score_threshold
        self._writer: Any = EventFileWriter(str(self._folder))

    def write(self, row: Mapping[str, Any], validated: Validated | None) -> None:
        """Write what there is of an epoch.

        Args:
            row: of `log.csv`.
            validated: the epoch's validation, where there was one.

        Raises:
            UserError: it cannot be written.
        """
        with explained(self._folder):
            step = int(row["step"])
            for name, value in row.items():
                if value != "" and name not in ("epoch", "step"):
                    self._write(name, step, simple_value=value)
            if validated:
                found = validated.better.found
                for number, one in enumerate(found.images[:_IMAGES]):
                    image = _encoded(_drawn(one, found.classes.names, self._threshold))
                    self._write(f"validation/{number}", step, image=image)
            self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        with contextlib.suppress(OSError):  # each epoch's end has told of it
            self._writer.close()

    def _write(self, tag: str, step: int, **value: Any) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2

        values = [_messages(summary_pb2).Summary.Value(tag=tag, **value)]
        summary = _messages(summary_pb2).Summary(value=values)
        event = _messages(event_pb2).Event(wall_time=time.time(), step=step, summary=summary)
        self._writer.add_event(event)


def _drawn(scored: EvalImage, names: tuple[str, ...], threshold: float) -> np.ndarray:
    """What is annotated, on the left, and what was found."""
    image, sample = read_sample(scored.sample)
    boxes = to_upright(scored.detections.boxes, scored.sample)
    found = replace(scored.detections, boxes=boxes)
    truth = draw_annotations(image, sample.boxes, sample.labels, names, ~scored.is_counted)
    seen = draw_detections(image, found[found.scores >= threshold], names)
    return np.concatenate([truth, seen], axis=1)


def _encoded(image: np.ndarray) -> Any:
    from tensorboard.compat.proto import summary_pb2

    stream = io.BytesIO()
    thumbnail = Image.fromarray(image)
    thumbnail.thumbnail(_LARGEST)
    thumbnail.save(stream, "JPEG", quality=85)
    encoded = stream.getvalue()
    return _messages(summary_pb2).Summary.Image(
        height=thumbnail.height,
        width=thumbnail.width,
        colorspace=len(thumbnail.getbands()),
        encoded_image_string=encoded,
    )


def _messages(module: Any) -> Any:
    """Classes that are made when the module is imported, which no type checker sees."""
    return module
