#!/usr/bin/env bash
# supervision 0.31.2, trackers 2.6.1 (Python 3.11): an object that is not seen while it crosses a line, behind a post
# or where the detector misses it, keeps its track id for a second (ByteTrack's buffer of 30 frames), and is not
# counted all the same: `LineZone` forgets on which side a track was after two frames without it (one more than
# `minimum_crossing_threshold`), and takes the side on which it comes out for the one where it began. Frames that it
# does see, but outside of the ends of the line, are no such absence.
# Seen, of an object that goes from left to right through x = 100, hidden for some frames around it:
#   hidden 0 frames: ids [0], crossings 1
#   hidden 1 frames: ids [0], crossings 1
#   hidden 2 frames: ids [0], crossings 0
#   hidden 10 frames: ids [0], crossings 0
# Here: demo/tracking/counting.py lets hidden tracks wait beyond an end of the line (`LineCounter.update`), so that they
# count when they come out on the other side; tests/demo/tracking/test_counting.py.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 trackers==2.6.1
cat > "$tmp/try.py" <<'PY'
import numpy as np
import supervision as sv
from trackers import ByteTrackTracker

for hidden in (0, 1, 2, 10):
    tracker = ByteTrackTracker(frame_rate=30, minimum_consecutive_frames=1)
    line = sv.LineZone(sv.Point(100, 0), sv.Point(100, 200), [sv.Position.CENTER])
    ids = set()
    for number in range(30):
        x = 28 + 5 * number  # passes the line between the frames 14 and 15
        is_seen = not 15 - (hidden + 1) // 2 <= number < 15 + hidden // 2
        boxes = np.array([[x - 20, 80, x + 20, 120]], float) if is_seen else np.empty((0, 4))
        found = tracker.update(sv.Detections(boxes, confidence=np.full(len(boxes), 0.9)))
        line.trigger(found)
        ids.update(found.tracker_id.tolist())
    print(f"hidden {hidden} frames: ids {sorted(ids - {-1})}, crossings {line.in_count + line.out_count}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
hidden 0 frames: ids [0], crossings 1
hidden 1 frames: ids [0], crossings 1
hidden 2 frames: ids [0], crossings 0
hidden 10 frames: ids [0], crossings 0
SEEN
