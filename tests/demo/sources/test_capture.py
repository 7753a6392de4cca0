import contextlib
import http.server
import socket
import subprocess
import sys
import threading
import time

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo.sources import capture, live_source
from demo.sources.capture import open_source
from demo.sources.frames import Frame
from detector.images import write_image


def write_video(path, frames=12, fps=12.5):
    """Frame `i` is a flat red of `20 * i`."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), (0, 0, 20 * i), np.uint8))  # BGR
    writer.release()
    return path


def redness(frames):
    return [round(float(frame.image[..., 0].mean()) / 20) for frame in frames]


# ---- files


def test_a_video_gives_every_frame_in_order(tmp_path):
    path = write_video(tmp_path / "video.mp4")
    with open_source(str(path)) as source:
        frames = list(source)
    assert redness(frames) == list(range(12))
    assert [frame.index for frame in frames] == list(range(12))
    assert (source.fps, source.count, source.live, source.of_images) == (12.5, 12, False, False)
    assert {frame.file for frame in frames} == {str(path)}


def test_frames_are_rgb(tmp_path):
    with open_source(str(write_video(tmp_path / "video.mp4"))) as source:
        frame = list(source)[-1]
    np.testing.assert_allclose(frame.image[24, 32], (220, 0, 0), atol=12)


def test_the_age_of_the_first_frame_starts_when_it_is_taken(tmp_path):
    with open_source(str(write_video(tmp_path / "video.mp4"))) as source:
        model_loaded = time.monotonic()
        assert next(source).captured_at >= model_loaded


def test_stop_ends_the_iteration(tmp_path):
    with open_source(str(write_video(tmp_path / "video.mp4"))) as source:
        next(source)
        source.stop()
        assert list(source) == []


@pytest.mark.parametrize("keep", [0, 40, 300], ids=["empty", "a header", "cut in the middle"])
def test_a_damaged_video_is_the_users_to_fix(tmp_path, keep):
    path = write_video(tmp_path / "video.mp4")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=r"cannot read .*video\.mp4: not a video or an image"):
        open_source(str(path))


@pytest.mark.parametrize("source", ["damaged.mp4", "97", "http://127.0.0.1:1/x"])
def test_opencv_and_ffmpeg_print_nothing(tmp_path, source):
    (tmp_path / "damaged.mp4").write_bytes(write_video(tmp_path / "video.mp4").read_bytes()[:300])
    code = (
        "from configs.errors import UserError; from demo.sources.capture import open_source\n"
        f"try: open_source({source!r})\n"
        "except UserError: print('one line')"
    )
    # In a process of its own: FFmpeg takes its log level when it is first used.
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("one line\n", "")


def test_a_video_that_opens_but_has_no_frame_is_the_users_to_fix(tmp_path):
    path = write_video(tmp_path / "video.mp4")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"no frame can be read from .*video\.mp4"):
        open_source(str(path))


def test_a_folder_gives_its_images_by_name(tmp_path):
    for name in ("b.png", "a.jpg", "c.webp"):
        write_image(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "notes.txt").write_text("not an image")
    with open_source(str(tmp_path)) as source:
        assert [frame.file for frame in source] == [
            str(tmp_path / name) for name in ("a.jpg", "b.png", "c.webp")
        ]
    assert (source.of_images, source.fps, source.count) == (True, None, 3)


def test_a_glob_gives_images_only(tmp_path):
    write_image(tmp_path / "a.png", np.zeros((8, 8, 3), np.uint8))
    write_video(tmp_path / "a.mp4")
    with open_source(str(tmp_path / "a.*")) as source:
        assert [frame.file for frame in source] == [str(tmp_path / "a.png")]


def test_an_image_that_cannot_be_read_is_named_counted_and_skipped(tmp_path, capsys):
    for name in ("a.png", "c.png"):
        write_image(tmp_path / name, np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "b.png").write_text("no pixels here")
    with open_source(str(tmp_path)) as source:
        assert [frame.index for frame in source] == [0, 1]
    assert source.unreadable == 1
    assert "b.png" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="file systems elsewhere refuse such a name")
def test_a_video_whose_name_is_not_utf_8_is_refused_where_opencv_would_crash(tmp_path):
    whole = write_video(tmp_path / "video.mp4")
    odd = whole.rename(tmp_path / "v\udcff.mp4")
    with pytest.raises(UserError, match="its name is not UTF-8; rename it"):
        open_source(str(odd))


@pytest.mark.parametrize("name", ["missing.mp4", "missing/", "0x", ""])
def test_what_is_not_there_is_named(name):
    with pytest.raises(UserError, match=f"no such file or folder: '{name}'"):
        open_source(name)


@pytest.mark.skipif(sys.platform == "win32", reason="devices are POSIX's")
def test_a_device_is_no_file():
    with pytest.raises(UserError, match="/dev/null is neither a file nor a folder; a camera is"):
        open_source("/dev/null")


def test_a_glob_without_a_match_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no such image, folder or pattern"):
        open_source(str(tmp_path / "*.jpg"))


def test_a_text_file_is_not_a_source(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match="not a video or an image"):
        open_source(str(tmp_path / "notes.txt"))


# ---- streams


class Handler(http.server.BaseHTTPRequestHandler):
    """`/range.mp4` with byte ranges, `/plain.mp4` without, `/mjpeg` a camera of 30 frames.

    The camera takes a frame for each `permits.release()`.
    """

    video = b""
    permits = threading.Semaphore(0)

    def do_GET(self):
        pages = {"/range.mp4": self.ranged, "/plain.mp4": self.plain, "/mjpeg": self.mjpeg}
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has seen enough
            pages.get(self.path, lambda: self.send_error(404))()

    def plain(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.video)))
        self.end_headers()
        self.wfile.write(self.video)

    def ranged(self):
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        part = self.video[start:]
        self.send_response(206)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Range", f"bytes {start}-{len(self.video) - 1}/{len(self.video)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def mjpeg(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        for i in range(30):
            image = np.full((48, 64, 3), (0, 0, 8 * i), np.uint8)
            data = cv2.imencode(".jpg", image)[1].tobytes()
            head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.permits.acquire(timeout=60)
            self.wfile.write(head.encode() + data + b"\r\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    Handler.video = write_video(tmp_path / "served.mp4").read_bytes()
    Handler.permits = threading.Semaphore(0)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Handler.permits.release(1000)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/range.mp4", "/plain.mp4"])
def test_a_video_behind_a_url_gives_every_frame(server, path):
    with open_source(server + path) as source:
        assert redness(source) == list(range(12))
    assert (source.live, source.count, source.fps) == (False, 12, 12.5)


@contextlib.contextmanager
def running():
    """The camera goes on by itself: whatever a busy machine misses of it, there is more."""
    stop = threading.Event()

    def run():
        while not stop.wait(0.01):
            Handler.permits.release()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_a_stream_that_ends_is_opened_again_and_that_is_said(server, capsys):
    with running(), open_source(server + "/mjpeg") as source:
        while round(next(source).image[..., 0].mean() / 8) <= 25:
            pass
        while round(next(source).image[..., 0].mean() / 8) > 25:  # until it begins anew
            pass
    assert source.live
    name = f"{server}/mjpeg"
    first, second, *_ = capsys.readouterr().err.splitlines()  # it may end once more
    assert first == f"{name} gives no more frames; opening it again"
    assert second.startswith(f"{name} is open again after ")


def test_a_stream_gives_the_newest_frame_to_a_slow_consumer(server, monkeypatch, wait_until):
    read = []

    def counted(*parts, **more):
        read.append(Frame(*parts, **more))
        return read[-1]

    monkeypatch.setattr(live_source, "Frame", counted)
    Handler.permits.release(10)
    with open_source(server + "/mjpeg") as source:
        for come in (8, 18, 28):  # FFmpeg keeps one or two back
            wait_until(lambda come=come: len(read) >= come)
            number = round(next(source).image[..., 0].mean() / 8)
            assert number >= come - 2  # the newest may be on its way from the thread
            Handler.permits.release(10)


def test_a_url_with_nothing_behind_it_is_the_users_to_fix(server, capfd):
    with pytest.raises(UserError, match=r"cannot open http.*/none: nothing there"):
        open_source(server + "/none")
    assert capfd.readouterr() == ("", "")


def test_a_silent_stream_is_given_up(monkeypatch):
    monkeypatch.setattr(capture, "_STREAM_TIMEOUT_S", 1.0)
    refused = pytest.raises(UserError, match="no answer within 1 s")
    with socket.create_server(("127.0.0.1", 0)) as silent, refused:
        open_source(f"http://127.0.0.1:{silent.getsockname()[1]}/stream")


def test_a_password_in_a_url_is_not_repeated():
    with pytest.raises(UserError) as caught:
        open_source("rtsp://admin:secret@127.0.0.1:1/stream")
    assert "secret" not in str(caught.value)
    assert "rtsp://admin:***@127.0.0.1:1/stream" in str(caught.value)
