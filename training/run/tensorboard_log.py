"""TensorBoard's files: curves, and images with what was annotated and what was found."""

from __future__ import annotations

import contextlib
import io
import time
from typing import Any

import keras
import numpy as np
from PIL import Image

from detector.data.orientation import read_sample
from detector.draw import draw_annotations, draw_detections
from detector.files import explained
from eval.scoring.eval_set import EvalImage
from training.run.session import Session
from training.run.validation import Keeper

_IMAGES = 4
_LARGEST = (1280, 1280)  # px; a page shows no more


class Board(keras.callbacks.Callback):
    """Writes the last row of the log, and after a measurement some validation images.

    Args:
        session: of the run; its `progress.rows` gets each epoch's row before this is called.
        keeper: whose detections are drawn.
    """

    def __init__(self, session: Session, keeper: Keeper) -> None:
        super().__init__()
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        self._session, self._keeper = session, keeper
        self._writer: Any = EventFileWriter(str(session.folder.board))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write what there is of this epoch.

        Raises:
            UserError: it cannot be written.
        """
        del epoch
        if self._session.epoch_ends:
            with explained(self._session.folder.board):
                self._write_epoch(logs or {})

    def _write_epoch(self, logs: dict[str, Any]) -> None:
        row = self._session.progress.rows[-1]
        step = int(row["step"])
        for name, value in row.items():
            if value != "" and name not in ("epoch", "step"):
                self._write(name, step, simple_value=value)
        if "AP" in logs and self._keeper.found:
            found = self._keeper.found
            for number, scored in enumerate(found.images[:_IMAGES]):
                image = _encoded(_drawn(scored, found.classes.names, self._threshold))
                self._write(f"validation/{number}", step, image=image)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        with contextlib.suppress(OSError):  # each epoch's end has told of it
            self._writer.close()

    @property
    def _threshold(self) -> float:
        return self._session.config.postprocess.score_threshold

    def _write(self, tag: str, step: int, **value: Any) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2

        values = [_messages(summary_pb2).Summary.Value(tag=tag, **value)]
        summary = _messages(summary_pb2).Summary(value=values)
        event = _messages(event_pb2).Event(wall_time=time.time(), step=step, summary=summary)
        self._writer.add_event(event)


def _drawn(scored: EvalImage, names: tuple[str, ...], threshold: float) -> np.ndarray:
    """What is annotated, on the left, and what was found."""
    image = read_sample(scored.sample)[0]
    sample, found = scored.sample, scored.detections
    ignored = sample.is_crowd | sample.is_difficult
    truth = draw_annotations(image, sample.boxes, sample.labels, names, ignored)
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
