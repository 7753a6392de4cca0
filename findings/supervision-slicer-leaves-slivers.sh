#!/usr/bin/env bash
# supervision 0.31.2 (Python 3.11): `InferenceSlicer` moves the last tiles of an image back, so that all are of one size,
# but not where `overlap_wh` is 0: what is left at the right and the bottom is handed to the model as it is, down to a
# tile of 1x1 px, which most models stretch to their input and look for objects in.
# Seen, of an image of 301x201 px and tiles of 100:
#   overlap 0: 12 tiles of the sizes [(1, 1), (1, 100), (100, 1), (100, 100)]
#   overlap 1: 12 tiles of the sizes [(100, 100)]
# Here: detector/slicing/tiles.py spreads tiles evenly, whatever their overlap.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.2 opencv-python-headless
cat > "$tmp/try.py" <<'PY'
import numpy as np
import supervision as sv

for overlap in (0, 1):
    sizes = []

    def look(tile):
        sizes.append(tile.shape[1::-1])
        return sv.Detections.empty()

    slicer = sv.InferenceSlicer(look, slice_wh=100, overlap_wh=overlap)
    slicer(np.zeros((201, 301, 3), np.uint8))
    print(f"overlap {overlap}: {len(sizes)} tiles of the sizes {sorted(set(sizes))}")
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
overlap 0: 12 tiles of the sizes [(1, 1), (1, 100), (100, 1), (100, 100)]
overlap 1: 12 tiles of the sizes [(100, 100)]
SEEN
