#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93, av 18.1.0 (Python 3.11): of a video of a variable rate, as phones and screen
# recorders write, `get(CAP_PROP_POS_MSEC)` is the frame's own time, and `set` of the same property with the same number goes
# elsewhere, or to no frame at all: it seeks to the frame number that is the time by CAP_PROP_FPS, a mean (MP4) or the
# rate the file was begun with (Matroska). It returns True in either case. By CAP_PROP_POS_FRAMES the frame is found.
# Seen, of ten frames at 0, 40, 80, 120, 160, 1000, 1040, 1080, 5000 and 5040 ms:
#   mp4: 2.0 per second; read in order, frame 5 is at 1000 ms
#     set 1000 ms (True): frame 2 at 80 ms
#     set frame 5 (True): frame 5 at 1000 ms
#   mkv: 25.0 per second; read in order, frame 5 is at 1000 ms
#     set 1000 ms (True): no frame
#     set frame 5 (True): frame 5 at 1000 ms
# Here: a video is read in order, its times taken from `get`; events and JSON hold the number of the frame beside its
# time, and docs/demo.md says by which of the two to look a frame up.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 av==18.1.0
cat > "$tmp/try.py" <<'PY'
from fractions import Fraction

import av
import cv2
import numpy as np

TIMES = [0, 40, 80, 120, 160, 1000, 1040, 1080, 5000, 5040]
MS = cv2.CAP_PROP_POS_MSEC


def write(name):
    with av.open(name, "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time in enumerate(TIMES):
            grey = np.full((48, 64, 3), 20 * number, np.uint8)  # the brightness is the number
            frame = av.VideoFrame.from_ndarray(grey, format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


for kind in ("mp4", "mkv"):
    write(f"video.{kind}")
    capture = cv2.VideoCapture(f"video.{kind}")
    rate = capture.get(cv2.CAP_PROP_FPS)
    seen = [round(capture.get(MS)) for _ in TIMES if capture.read()[0]]
    assert seen == TIMES
    print(f"{kind}: {rate:.1f} per second; read in order, frame 5 is at {seen[5]} ms")
    for what, wanted, place in (("1000 ms", 1000, MS), ("frame 5", 5, cv2.CAP_PROP_POS_FRAMES)):
        capture = cv2.VideoCapture(f"video.{kind}")
        done = capture.set(place, wanted)
        good, image = capture.read()
        found = f"frame {image.mean() / 20:.0f} at {capture.get(MS):.0f} ms" if good else "no frame"
        print(f"  set {what} ({done}): {found}")
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
mp4: 2.0 per second; read in order, frame 5 is at 1000 ms
  set 1000 ms (True): frame 2 at 80 ms
  set frame 5 (True): frame 5 at 1000 ms
mkv: 25.0 per second; read in order, frame 5 is at 1000 ms
  set 1000 ms (True): no frame
  set frame 5 (True): frame 5 at 1000 ms
SEEN
