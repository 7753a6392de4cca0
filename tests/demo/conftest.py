"""What the files of one subject share: the command's inputs and fake model, the loop, the page.

Tests of the command run this file in processes of their own, for its FakePredictor: what only the
loop or the page needs is imported where it is used.
"""

import json
import sys
import time
import types
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest

from detector.classes import coco_classes
from detector.images import write_image
from detector.types import Detections
from detector.weights import presets

# ---- the command: test_webcam*.py

RUNNER = f"""
import runpy, sys, types
fake = runpy.run_path({__file__!r})["FakePredictor"]
sys.modules["detector.predictor"] = types.SimpleNamespace(Predictor=fake)
from detector.weights import presets
presets.fetch_preset = lambda _: None
from demo import webcam
from detector.command import run
sys.exit(run(lambda: webcam.main(sys.argv[1:])))
"""


class FakePredictor:
    """Sees a person in every image, and a tie in bright ones.

    "slow" takes 50 ms for it, and writes a byte into the file "progress" after each.
    """

    name = "fake"
    classes = coco_classes([1, 32])  # person, tie
    spec = types.SimpleNamespace(
        postprocess=types.SimpleNamespace(score_threshold=0.4),
        model=types.SimpleNamespace(input_size=300),
    )
    tiling = None
    thresholds = types.SimpleNamespace(max_detections=100)
    why = ""

    @classmethod
    def load(cls, model, _runtime, _options, *, score_threshold=None, max_detections=None, **_):
        predictor = cls()
        if max_detections:
            predictor.thresholds = types.SimpleNamespace(max_detections=max_detections)
        predictor.seconds = 0.05 if model == "slow" else 0.0
        predictor.score_threshold = score_threshold
        return predictor

    def __call__(self, image):
        time.sleep(self.seconds)
        if self.seconds:
            with Path("progress").open("ab") as progress:
                progress.write(b".")
        self.stage_ms = {"resize": 0.5, "run": 1000 * self.seconds, "decode": 0.25, "nms": 0.25}
        boxes = np.array([[2, 3, 30, 40], [10, 20, 20, 30]], np.float32)
        found = Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 1]))
        return found[: 2 if image.mean() > 60 else 1]


@pytest.fixture
def fake_predictor(monkeypatch, tmp_path):
    """The command finds the fake model, works in an empty folder, and has no display."""
    module = types.SimpleNamespace(Predictor=FakePredictor)
    monkeypatch.setitem(sys.modules, "detector.predictor", module)
    monkeypatch.setattr(presets, "fetch_preset", lambda _: None)
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return FakePredictor


@pytest.fixture
def runner():
    """Python code of the command with the fake model."""
    return RUNNER


@pytest.fixture
def run_headless():
    """Runs the command in this process: `run_headless(*arguments)`."""
    from demo import webcam

    return lambda *arguments: webcam.main(["--headless", *arguments])


@pytest.fixture
def make_video():
    """Writes a video: `make_video(name, frames, fps)`."""

    def make(name="video.mp4", frames=12, fps=12.5):
        writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
        for i in range(frames):
            writer.write(np.full((48, 64, 3), 20 * i % 240, np.uint8))
        writer.release()
        return name

    return make


@pytest.fixture
def make_image():
    """Writes an image of one grey: `make_image(name, grey, height, width)`."""

    def make(name="image.png", grey=100, height=48, width=64):
        write_image(Path(name), np.full((height, width, 3), grey, np.uint8))
        return name

    return make


@pytest.fixture
def count_and_fps():
    """How many frames a video has, and how many per second: `count_and_fps(name)`."""

    def read(name):
        video = cv2.VideoCapture(str(name))
        frames = 0
        while video.grab():
            frames += 1
        fps = video.get(cv2.CAP_PROP_FPS)
        video.release()
        return frames, fps

    return read


@pytest.fixture
def read_json():
    return lambda name="out.json": json.loads(Path(name).read_text())


# ---- the loop: test_show*.py


class FakeClock:
    """Stands still but for what sleeps on it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now

    perf_counter = monotonic

    def sleep(self, seconds):
        self.now += seconds


class InstantPredictor:
    """Finds a person at 90 % and a tie at 50 % in every image."""

    name = "fake"
    classes = coco_classes([1, 32])
    stage_ms: ClassVar = {"resize": 0.1, "run": 1.0, "decode": 0.1, "nms": 0.1}
    thresholds = types.SimpleNamespace(max_detections=100)
    spec, tiling = FakePredictor.spec, None

    def __call__(self, _image):
        boxes = np.array([[2, 3, 30, 40], [10, 20, 20, 30]], np.float32)
        return Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 1]))


class NotingView:
    """Notes what it is shown; `plan` says what its user does after so many frames."""

    clock: FakeClock

    def __init__(self, controls, plan=()):
        self.controls, self.plan = controls, dict(plan)
        self.shown, self.statuses, self.at = [], [], []

    def show(self, image, status):
        self.at.append(self.clock.now)
        self.shown.append(image)
        self.statuses.append(status)

    def wait(self, seconds):
        self.clock.sleep(seconds)
        action = self.plan.pop(len(self.shown), None)
        for key in action or "":
            self.controls.press(ord(key))
        return bool(action)


@pytest.fixture
def clock(monkeypatch):
    """The clock by which the loop shows frames, and counts them."""
    clock = FakeClock()
    monkeypatch.setattr("demo.show.time", clock)
    monkeypatch.setattr("demo.view.stats.time", clock)
    return clock


@pytest.fixture
def predictor():
    return InstantPredictor


@pytest.fixture
def noting_view(clock):
    """A view whose waiting takes no time but on the fake clock."""
    return type("NotingView", (NotingView,), {"clock": clock})


@pytest.fixture
def video():
    """A source of frames, each a little brighter: `video(frames, fps)`."""
    from demo.sources.frames import Source, timed

    def make(frames, fps=1000.0):
        images = (np.full((120, 160, 3), i % 250, np.uint8) for i in range(frames))
        return Source("video.mp4", timed(images, "video.mp4"), fps, frames)

    return make


@pytest.fixture
def two_classes():
    """What may be changed of what the instant predictor finds."""
    from demo.view.controls import Controls

    return Controls(InstantPredictor.classes.names, score=0.4)


@pytest.fixture
def run(tmp_path, monkeypatch, two_classes):
    """Run a show of a source to its end."""
    from demo.show import Show
    from demo.tracking.tracks import Tracks
    from demo.view.outputs import Files

    monkeypatch.chdir(tmp_path)

    def run(source, controls=two_classes, view=None, most=None, linger=False, **options):
        predictor = options.pop("predictor", InstantPredictor)()
        tracks = Tracks(source, controls, **options)
        with source, Files(source, controls, None) as files, tracks:
            show = Show(source, predictor, controls, view, files, tracks, most)
            show.run()
            if linger:
                show.linger()
        return types.SimpleNamespace(stats=show.stats, files=files, tracks=tracks)

    return run


# ---- the page: test_page*.py


@pytest.fixture
def timeout_s():
    """How long anything may take on a busy machine: it only bounds a test that hangs."""
    return 60


@pytest.fixture
def controls():
    from demo.view.controls import Controls

    return Controls(("cat", "dog", "bird"))


@pytest.fixture
def page(controls):
    from demo.view.web_page import Page

    with Page(controls, "127.0.0.1", 0) as page:
        yield page


@pytest.fixture
def grey():
    return lambda level, height=48, width=64: np.full((height, width, 3), level, np.uint8)


@pytest.fixture
def get(timeout_s):
    """Asks the page: `get(page, path, **headers)`."""
    import requests

    return lambda page, path="", **headers: requests.get(
        page.url + path, headers=headers, timeout=timeout_s
    )


@pytest.fixture
def viewers(get):
    """How many watch a page's stream: `viewers(page)`."""
    return lambda page: get(page, "status.json").json()["viewers"]


@pytest.fixture
def address_of():
    """Host and port: `address_of(page)`."""

    def split(page):
        parts = urlsplit(page.url)
        return parts.hostname, parts.port

    return split


@pytest.fixture
def pixels():
    """BGR, as OpenCV decodes it: `pixels(jpeg)`."""
    return lambda jpeg: cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


@pytest.fixture
def wait_until(timeout_s):
    """Returns when a condition has come true: `wait_until(condition, seconds)`."""

    def wait(condition, seconds=timeout_s):
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not come to that in time"
            time.sleep(0.01)

    return wait
