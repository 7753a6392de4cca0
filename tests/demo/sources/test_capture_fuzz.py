"""Mutated bytes of videos and animations: refused in a line, or read to an end, in order of time.

A few dozen cases here; `make proofs` runs 10,000 in all.
"""

import math
import os
import random

import cv2
import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from demo.sources.capture import open_source
from tests.tools.mutate import mutate

pytestmark = pytest.mark.slow

FRAMES = 12
CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
KINDS = (*CODECS, ".gif", ".webp")
CASES = (10_000 if os.environ.get("SSDLITE_PROOFS") else 200) // len(KINDS)


def scene():
    for number in range(FRAMES):
        image = np.full((48, 64, 3), 90, np.uint8)
        cv2.circle(image, (5 + 4 * number, 24), 8, (255, 0, 0), -1)
        yield image


def write(path):
    if path.suffix in CODECS:
        fourcc = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
        writer = cv2.VideoWriter(str(path), fourcc, 10.0, (64, 48))
        for image in scene():
            writer.write(image)
        writer.release()
    else:
        first, *rest = map(Image.fromarray, scene())
        first.save(path, save_all=True, append_images=rest, duration=[40, 100] * (FRAMES // 2))


@pytest.mark.parametrize("suffix", KINDS)
def test_a_mutated_video_is_refused_or_read_to_its_end(tmp_path, suffix):
    path = tmp_path / f"video{suffix}"
    write(path)
    original, rng = path.read_bytes(), random.Random(0)
    read = refused = 0
    for case in range(CASES):
        path.write_bytes(mutate(original, rng))
        try:
            with open_source(str(path)) as source:
                frames = [(frame.image.shape, frame.time_s) for frame in source]
        except UserError as error:
            assert "\n" not in str(error)
            refused += 1
            continue
        if not frames:  # of an image, of which the command says that it cannot be read
            assert source.unreadable, f"case {case}"
            refused += 1
            continue
        read += 1
        assert len(frames) <= 2 * FRAMES, f"case {case}"
        assert all(len(shape) == 3 and shape[2] == 3 for shape, _ in frames)
        times = [at for _, at in frames]
        assert times[0] >= 0 and times == sorted(times) and math.isfinite(times[-1])
    assert read and refused
