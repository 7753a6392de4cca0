import contextlib
import gc
import socket
import sys
import threading
import time
import types

import cv2
import numpy as np
import psutil
import pytest
import requests

from demo.view import web_page
from demo.view.web_page import Page
from detector.draw import class_colour


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), np.uint8)


class Viewer:
    """An open stream, read frame by frame."""

    def __init__(self, page, timeout_s, pixels):
        self.response = requests.get(page.url + "stream.mjpg", stream=True, timeout=timeout_s)
        self.pixels = pixels
        self.headers = self.response.headers
        assert self._line() == b"--frame"

    def read(self) -> int:
        """The grey level of the next frame."""
        assert self._line() == b"Content-Type: image/jpeg"
        length = int(self._line().removeprefix(b"Content-Length: "))
        assert self._line() == b""
        image = self.pixels(self.response.raw.read(length))
        assert (self._line(), self._line()) == (b"", b"--frame")
        return round(float(image.mean()))

    def read_until(self, level):
        while self.read() != level:
            pass

    def _line(self) -> bytes:
        return self.response.raw.readline().removesuffix(b"\r\n")

    def close(self):
        self.response.close()


@pytest.fixture
def viewer_of(timeout_s, pixels):
    return lambda page: Viewer(page, timeout_s, pixels)


@pytest.fixture
def watch(page, viewer_of):
    with contextlib.ExitStack() as stack:

        def open_viewer():
            viewer = viewer_of(page)
            stack.callback(viewer.close)
            return viewer

        yield open_viewer


@pytest.fixture
def encodings(monkeypatch):
    """Counts what is encoded: one entry for each JPEG."""
    counted, encode = [], cv2.imencode

    def count(*args):
        counted.append(args[0])
        return encode(*args)

    monkeypatch.setattr(cv2, "imencode", count)
    return counted


# What they see


def test_the_stream_gives_each_frame_that_is_shown(page, watch, grey):
    page.show(grey(10), {})
    viewer = watch()
    assert viewer.read() == 10
    page.show(grey(200), {})
    assert viewer.read() == 200
    assert viewer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"


def test_the_status_is_what_was_shown_with_controls_and_classes(page, controls, watch, grey, get):
    page.show(grey(0), {"fps": 12.5, "detections": [{"name": "dog", "score": 0.9}]})
    controls.labels = (1,)
    watch().read()
    status = get(page, "status.json").json()
    assert status["status"] == {"fps": 12.5, "detections": [{"name": "dog", "score": 0.9}]}
    assert status["controls"]["labels"] == [1]
    assert (status["frame"], status["viewers"]) == (1, 1)
    assert [one["name"] for one in status["classes"]] == ["cat", "dog", "bird"]
    assert status["classes"][1]["colour"] == "#{:02x}{:02x}{:02x}".format(*class_colour(1))


# What they cost


def test_without_viewers_nothing_is_encoded(page, encodings, get, grey):
    for level in range(100):
        page.show(grey(level), {})
    get(page, "status.json")
    assert encodings == []


def test_each_frame_is_encoded_once_for_all_viewers(page, watch, encodings, get, grey, viewers):
    page.show(grey(0), {})
    watching = [watch() for _ in range(3)]
    for level in range(10, 110, 10):
        page.show(grey(level), {})
        for viewer in watching:
            viewer.read_until(level)
    get(page, "snapshot.jpg")
    assert len(encodings) <= 11
    assert viewers(page) == 3


def test_a_stream_has_at_most_thirty_frames_a_second(page, watch, grey, monkeypatch):
    clock = types.SimpleNamespace(now=1000.0)

    class Waited(threading.Event):
        """Waiting takes time on the fake clock alone."""

        def wait(self, timeout=None):
            clock.now += max(0, timeout)
            return self.is_set()

    monkeypatch.setattr(web_page, "time", types.SimpleNamespace(monotonic=lambda: clock.now))
    monkeypatch.setattr(page, "_closing", Waited())
    page.show(grey(0), {})
    viewer = watch()
    for level in range(5, 155, 5):
        page.show(grey(level), {})
        viewer.read_until(level)
    assert clock.now - 1000 > 28.5 / 30  # 29 intervals, but for rounding
    page._closing.set()


def test_a_frame_that_stands_still_is_sent_again(page, watch, grey):
    page.show(grey(70), {})
    viewer = watch()
    assert [viewer.read(), viewer.read()] == [70, 70]


@pytest.mark.skipif(sys.platform != "linux", reason="counts files as Linux does")
def test_viewers_that_leave_a_still_frame_leave_nothing_behind(
    page, get, wait_until, grey, viewer_of, viewers
):
    page.show(grey(0), {})
    get(page, "status.json")
    wait_until(lambda: not [t for t in threading.enumerate() if "process_request" in t.name])
    process = psutil.Process()
    threads, files = threading.active_count(), process.num_fds()
    watching = [viewer_of(page) for _ in range(4)]
    for viewer in watching:
        viewer.read()
    assert viewers(page) == 4
    for viewer in watching:
        viewer.close()
    wait_until(lambda: viewers(page) == 0)
    wait_until(lambda: threading.active_count() == threads)
    gc.collect()
    assert process.num_fds() == files


@pytest.fixture
def stalled(page, address_of, timeout_s):
    """A viewer that asks for the stream and then takes nothing."""
    page.show(noise(0), {})
    address = address_of(page)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    raw.connect(address)
    raw.settimeout(timeout_s)
    raw.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    yield raw
    raw.close()


@pytest.mark.usefixtures("stalled")
def test_a_stalled_viewer_delays_neither_the_program_nor_others(page, watch, wait_until, viewers):
    wait_until(lambda: viewers(page) == 1)
    viewer = watch()
    for seed in range(1, 20):
        page.show(noise(seed), {})
        viewer.read()


def test_a_slow_viewer_gets_new_frames_not_a_backlog(page, stalled, wait_until, grey, get, viewers):
    wait_until(lambda: viewers(page) == 1)
    for seed in range(40):
        page.show(noise(seed), {})
        time.sleep(0.04)
    page.show(grey(0), {})
    last, received = get(page, "snapshot.jpg").content, b""
    while last not in received:
        received += stalled.recv(1 << 20)
    assert received.count(b"Content-Length") < 10


def test_it_ends_whatever_its_viewers_do(
    controls, address_of, wait_until, viewer_of, viewers, monkeypatch
):
    monkeypatch.setattr("demo.view.web_server._Handler.timeout", 1e6)  # it must not wait for that
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        with Page(controls, "127.0.0.1", 0) as page:
            page.show(noise(0), {})
            address = address_of(page)
            stack.enter_context(contextlib.closing(viewer_of(page)))
            silent = stack.enter_context(socket.create_connection(address))
            greedy = stack.enter_context(socket.create_connection(address))
            greedy.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: viewers(page) == 2)
            for seed in range(20):  # until the greedy one's buffers are full
                page.show(noise(seed), {})
                time.sleep(0.04)
        assert threading.active_count() == before
        assert silent.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address).close()
