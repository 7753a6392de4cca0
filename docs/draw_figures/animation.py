"""What the built-in model finds: on a moving sheet, and on sheets as if photographed."""

from __future__ import annotations

import itertools
from pathlib import Path

_SEED, _FRAMES, _FPS = 1, 300, 30.0
_EVERY = 3  # frames; the rest would only make the file larger
_SIZE_HW = (480, 640)
_QUALITY = 60  # of WebP
_PHOTOS_SEED, _ROWS, _COLUMNS, _SIDE = 3, 2, 4, 320  # a seed that nobody trained on


def draw_animation(file: Path) -> None:
    """Write an animated WebP of ten seconds that repeats without a seam.

    Raises:
        UserError: it cannot be written.
    """
    from PIL import Image

    from detector.draw import draw_detections
    from detector.files import atomic_path
    from detector.predictor import Predictor
    from detector.shapes.animation import moving_scene

    predictor = Predictor.load("shapes", "tflite-int8")
    scene = itertools.islice(moving_scene(_SEED, _FRAMES, _SIZE_HW), 0, None, _EVERY)
    names = predictor.classes.names
    first, *rest = (
        Image.fromarray(draw_detections(frame, predictor(frame), names)) for frame in scene
    )
    milliseconds = round(1000 * _EVERY / _FPS)
    with atomic_path(file) as temporary:
        first.save(
            temporary,
            save_all=True,
            append_images=rest,
            duration=milliseconds,
            loop=0,
            quality=_QUALITY,
        )


def draw_photographed(file: Path) -> None:
    """Write a WebP of the first images of an unseen set, printed and photographed.

    Raises:
        UserError: it cannot be written.
    """
    import numpy as np

    from detector.draw import draw_detections
    from detector.images import write_image
    from detector.predictor import Predictor
    from detector.shapes.generator import draw_scene

    predictor = Predictor.load("shapes", "tflite-int8")
    size_hw = (_SIDE, _SIDE)
    scenes = [
        draw_scene(_PHOTOS_SEED, index, size_hw, photo=True).image
        for index in range(_ROWS * _COLUMNS)
    ]
    drawn = [draw_detections(one, predictor(one), predictor.classes.names) for one in scenes]
    rows = [np.hstack(drawn[row * _COLUMNS : (row + 1) * _COLUMNS]) for row in range(_ROWS)]
    write_image(file, np.vstack(rows))
