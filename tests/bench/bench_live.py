"""Prints the latency of ten minutes of a live camera, and the memory of an hour: `make proofs`.

Not a test: speed never decides one. Camera and model are made of sleeps, so that what is measured
is the loop: a model of 100 ms should show no frame older than two frame times and its own, at 10
frames per second, and memory should not grow after the first third of an hour.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import psutil

from demo.show import Show
from demo.sources.frames import Source, timed
from demo.sources.live_source import LiveSource
from demo.tracking.tracks import Tracks
from demo.view.controls import Controls
from demo.view.outputs import Files
from demo.view.stats import Stats
from detector.classes import coco_classes
from detector.types import Detections

CAMERA_FPS, INFERENCE_S = 30.0, 0.1
LIVE_FRAMES = 6000  # ten minutes at 10 frames per second
VIDEO_FRAMES = 108_000  # an hour at 30 frames per second


class Camera:
    """A camera at `CAMERA_FPS`, whose driver drops what nobody reads."""

    def __init__(self) -> None:
        self.number, self._start = -1, time.monotonic()

    def grab(self) -> bool:
        now = int((time.monotonic() - self._start) * CAMERA_FPS)
        self.number = max(self.number + 1, now)
        time.sleep(max(0, self._start + self.number / CAMERA_FPS - time.monotonic()))
        return True

    def retrieve(self) -> tuple[bool, np.ndarray]:
        return True, np.full((120, 160, 3), self.number % 250, np.uint8)

    def get(self, _: int) -> float:
        return CAMERA_FPS

    def release(self) -> None:
        pass


class Predictor:
    """Finds two objects in every image, in so many seconds; `look` is called before each."""

    name, stage_ms = "bench", {"run": 0.0}
    classes = coco_classes([1, 32])

    def __init__(self, seconds: float, look: Callable[[], None] = lambda: None) -> None:
        self._seconds, self._look = seconds, look

    def __call__(self, _: np.ndarray) -> Detections:
        self._look()
        time.sleep(self._seconds)
        boxes = np.array([[2, 3, 30, 40], [10, 20, 20, 30]], np.float32)
        return Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 1]))


def main() -> None:
    shrink = int(sys.argv[1]) if sys.argv[1:] else 1  # for a quick look
    source = LiveSource("camera", Camera(), Camera, patience_s=60.0)
    stats = run(source, Predictor(INFERENCE_S), LIVE_FRAMES // shrink)
    bound_ms = 1000 * (2 / CAMERA_FPS + INFERENCE_S)
    print(
        f"live, {stats.frames} frames: median latency {1000 * stats.latency_s:.0f} ms "
        f"(bound {bound_ms:.0f}), {stats.fps:.2f} fps (bound {1 / INFERENCE_S:.0f})"
    )
    frames, process, seen, memory = VIDEO_FRAMES // shrink, psutil.Process(), 0, []

    def look() -> None:
        nonlocal seen
        seen += 1
        if seen % (frames // 10) == 0:
            memory.append(round(process.memory_info().rss / 2**20, 1))

    images = (np.full((120, 160, 3), i % 250, np.uint8) for i in range(frames))
    run(Source("video", timed(images, "video"), 30.0, frames), Predictor(0.0, look))
    print(f"video with tracks, {frames} frames: {memory} MB after each tenth")


def run(source: Source, predictor: Predictor, most: int | None = None) -> Stats:
    controls = Controls(predictor.classes.names, tracks=True)
    with source, Tracks(source, controls) as tracks, Files(source, controls, None) as files:
        return Show(source, predictor, controls, None, files, tracks, most).run()


if __name__ == "__main__":
    main()
