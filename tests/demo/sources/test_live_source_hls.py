"""A live HLS stream on loopback: segments that come at once, of a camera of 30 frames a second."""

import contextlib
import http.server
import itertools
import threading

import cv2
import numpy as np
import pytest

from demo.sources.capture import open_source

FPS, SECONDS = 30, 3
PACKET = 188  # bytes of MPEG-TS


def segments(path):
    """An MPEG-TS of one second each; the grey of frame `i` is `2 * i`."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (64, 48))
    for i in range(FPS * SECONDS):
        writer.write(np.full((48, 64, 3), 2 * i, np.uint8))
    writer.release()
    data = path.read_bytes()
    # The first packet of each frame: its payload begins a unit, of the video's program id.
    starts = [at for at in range(0, len(data), PACKET) if data[at + 1 : at + 3] == b"\x41\x00"]
    cuts = [0, *starts[FPS::FPS], len(data)]
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


class Handler(http.server.BaseHTTPRequestHandler):
    """`/live.m3u8` is a playlist that goes on; nothing is added to it."""

    segments: list[bytes]

    def do_GET(self):
        lines = ["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1"]
        for number in range(len(self.segments)):
            lines += ["#EXTINF:1.0,", f"{number}.ts"]
        body = "\n".join([*lines, ""]).encode()
        if self.path.endswith(".ts"):
            body = self.segments[int(self.path[1:-3])]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has seen enough
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def playlist(tmp_path):
    Handler.segments = segments(tmp_path / "stream.ts")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/live.m3u8"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_segments_that_come_at_once_are_shown_frame_by_frame_by_their_own_times(playlist, capsys):
    with open_source(playlist) as source:
        frames = []
        while not frames or frames[-1].time_s < SECONDS - 0.2:
            frames.append(next(source))
    assert source.live
    numbers = [round(float(frame.image.mean()) / 2) for frame in frames]
    times = [frame.time_s for frame in frames]
    np.testing.assert_allclose(times, np.subtract(numbers, numbers[0]) / FPS, atol=2.5 / FPS)
    assert len(frames) > FPS * SECONDS / 2  # at once they would take no time: a handful were seen
    assert capsys.readouterr().err == (
        f"{playlist}: frames are shown by its own times, up to 2 s after they come, "
        "which adds to the latency\n"
    )
