#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, av 18.1.0 (Python 3.11): a Matroska file whose timestamps do not begin at 0,
# as a recording that keeps the clock of its camera, has the time of its end as its duration.
# cv2.VideoCapture makes CAP_PROP_FRAME_COUNT of it (duration times rate) without taking off where the video
# begins, although CAP_PROP_POS_MSEC counts from there: a file that is whole looks cut short.
# CAP_PROP_PTS, of the first frame, tells how many frames too many. An MP4 of the same frames has the right count.
# Seen, of 60 frames at 30 per second whose first is at 0 s and at 100 s:
#   video.mkv from 0 s: 60 frames counted, 60 read, the first at 0 ms, pts 0
#   video.mkv from 100 s: 3060 frames counted, 60 read, the first at 0 ms, pts 3000
#   video.mp4 from 100 s: 60 frames counted, 60 read, the first at 0 ms, pts 3000
# Here: of .mkv and .webm the frames before the first are taken off (demo/sources/video_file.py).
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 av==18.1.0
cat > "$tmp/try.py" <<'PY'
from fractions import Fraction

import av
import cv2
import numpy as np

RATE, FRAMES = 30, 60


def write(name, start):
    with av.open(name, "w") as file:
        stream = file.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, RATE)
        for index in range(FRAMES):
            image = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * index, np.uint8), "rgb24")
            image.pts, image.time_base = RATE * start + index, Fraction(1, RATE)
            file.mux(stream.encode(image))
        file.mux(stream.encode(None))


counted = []
for name, start in ("video.mkv", 0), ("video.mkv", 100), ("video.mp4", 100):
    write(name, start)
    capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    count, read = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    while capture.read()[0]:
        read += 1
        if read == 1:
            at, pts = (capture.get(what) for what in (cv2.CAP_PROP_POS_MSEC, cv2.CAP_PROP_PTS))
    print(f"{name} from {start} s: {count} frames counted, {read} read, the first at {at:g} ms, pts {pts:g}")
    counted.append((count, read, at))
assert counted == [(60, 60, 0.0), (3060, 60, 0.0), (60, 60, 0.0)], counted
PY
cd "$tmp" && "$tmp/venv/bin/python" try.py
