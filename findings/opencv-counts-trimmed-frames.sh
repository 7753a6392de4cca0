#!/usr/bin/env bash
# opencv-python-headless 5.0.0.93 (Python 3.11): who trims an MP4 without encoding it anew leaves the frames in the file
# and writes into its edit list which part is to be played. OpenCV gives the frames of that part alone, with times from
# 0, while CAP_PROP_FRAME_COUNT counts what lies in the file. Who reads so many takes the video for damaged; who looks
# at the middle one (count / 2) may get none, although `set` returns True.
# Seen, of a video of 60 frames, and of the same one with an edit list that plays the seconds 3 to 5:
#   whole: count 60, read 60, the first is number 0, count / 2: set True, read True
#   trimmed: count 60, read 20, the first is number 30, count / 2: set True, read False
# Here: demo/sources/edit_list.py reads how much is to be played, so that such a file is whole and not "cut short".
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93
cat > "$tmp/try.py" <<'PY'
import struct
from pathlib import Path

import cv2
import numpy as np

writer = cv2.VideoWriter("whole.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
for number in range(60):
    writer.write(np.full((48, 64, 3), 4 * number, np.uint8))  # the brightness is the number
writer.release()

data = bytearray(Path("whole.mp4").read_bytes())
film, media = (struct.unpack_from(">I", data, data.index(box) + 16)[0] for box in (b"mvhd", b"mdhd"))
struct.pack_into(">Ii", data, data.index(b"elst") + 12, 2 * film, 3 * media)  # for 2 s, from second 3
Path("trimmed.mp4").write_bytes(data)

for name in ("whole", "trimmed"):
    capture = cv2.VideoCapture(f"{name}.mp4")
    count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    means = []
    while (read := capture.read())[0]:
        means.append(read[1].mean())
    capture = cv2.VideoCapture(f"{name}.mp4")
    done = capture.set(cv2.CAP_PROP_POS_FRAMES, count // 2)
    first = 10 * round(means[0] / 40)  # brightness is kept to one in 4
    print(
        f"{name}: count {count}, read {len(means)}, the first is number {first}, "
        f"count / 2: set {done}, read {capture.read()[0]}"
    )
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
whole: count 60, read 60, the first is number 0, count / 2: set True, read True
trimmed: count 60, read 20, the first is number 30, count / 2: set True, read False
SEEN
