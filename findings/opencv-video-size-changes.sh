#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (Python 3.11): a video or a stream whose frames change their size, which
# MJPEG and H.264 allow and cameras do when they are switched, comes out of cv2.VideoCapture in the size of
# its first frame. Each later frame is scaled to it, whatever its proportions, and no property says so:
# CAP_PROP_FRAME_WIDTH and _HEIGHT stay as they were.
# Seen, of frames that are 64x48, 640x480 and 100x300 with a circle as wide as high:
#   stored 64x48: given 64x48, properties 64x48, circle 1.0 as wide as high
#   stored 640x480: given 64x48, properties 64x48, circle 1.0 as wide as high
#   stored 100x300: given 64x48, properties 64x48, circle 4.2 as wide as high
# Here: such a stream goes on in the size that it began with, distorted (docs/demo.md says so), until it is
# opened again.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93
cat > "$tmp/try.py" <<'PY'
import cv2
import numpy as np

SIZES = [(64, 48), (640, 480), (100, 300)]
with open("video.mjpeg", "wb") as file:
    for width, height in SIZES:
        image = np.zeros((height, width, 3), np.uint8)
        cv2.circle(image, (width // 2, height // 2), min(width, height) // 3, (255, 255, 255), -1)
        for _ in range(5):
            file.write(cv2.imencode(".jpg", image)[1].tobytes())
capture = cv2.VideoCapture("video.mjpeg", cv2.CAP_FFMPEG)
for index in range(5 * len(SIZES)):
    good, image = capture.read()
    assert good
    if index % 5 == 2:
        lit = image[..., 0] > 127
        shape = lit.any(axis=0).sum() / lit.any(axis=1).sum()
        stored = "{}x{}".format(*SIZES[index // 5])
        said = "{:.0f}x{:.0f}".format(*map(capture.get, (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)))
        given = f"{image.shape[1]}x{image.shape[0]}"
        print(f"stored {stored}: given {given}, properties {said}, circle {shape:.1f} as wide as high")
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
stored 64x48: given 64x48, properties 64x48, circle 1.0 as wide as high
stored 640x480: given 64x48, properties 64x48, circle 1.0 as wide as high
stored 100x300: given 64x48, properties 64x48, circle 4.2 as wide as high
SEEN
