#!/usr/bin/env bash
# pillow 13.0.0, imageio 2.38.1 (Python 3.11): how long a frame of an animated image stays is in `info["duration"]`
# after `seek`, or in a loop over `ImageSequence.Iterator`, for GIF and APNG. For WebP and AVIF it is not there until
# the pixels of that frame are decoded (`load`), although both headers have it; `info.get("duration", 100)` is a guess
# for each frame then, without a word. imageio's metadata of a frame (`immeta`) have None for it.
# Seen, of three frames of 40, 200 and 1000 ms:
#   GIF: Iterator [40, 200, 1000], after load [40, 200, 1000], imageio [40, 200, 1000]
#   PNG: Iterator [40, 200, 1000], after load [40, 200, 1000], imageio [40, 200, 1000]
#   WEBP: Iterator [None, None, None], after load [40, 200, 1000], imageio [None, None, None]
#   AVIF: Iterator [None, None, None], after load [40, 200, 1000], imageio [None, None, None]
# Here: demo/sources/animated.py decodes a frame before it asks for its time.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0 imageio==2.38.1
cat > "$tmp/try.py" <<'PY'
import imageio.v3
from PIL import Image, ImageSequence

first, *rest = (Image.new("RGB", (64, 48), (80 * i, 0, 0)) for i in range(3))


def duration(info):
    return None if info.get("duration") is None else round(info["duration"])


for kind in ("GIF", "PNG", "WEBP", "AVIF"):
    name = f"animation.{kind.lower()}"
    first.save(name, save_all=True, append_images=rest, duration=[40, 200, 1000])
    looped = [duration(frame.info) for frame in ImageSequence.Iterator(Image.open(name))]
    loaded = []
    for frame in ImageSequence.Iterator(Image.open(name)):
        frame.load()
        loaded.append(duration(frame.info))
    told = [duration(imageio.v3.immeta(name, index=i)) for i in range(3)]
    print(f"{kind}: Iterator {looped}, after load {loaded}, imageio {told}")
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
GIF: Iterator [40, 200, 1000], after load [40, 200, 1000], imageio [40, 200, 1000]
PNG: Iterator [40, 200, 1000], after load [40, 200, 1000], imageio [40, 200, 1000]
WEBP: Iterator [None, None, None], after load [40, 200, 1000], imageio [None, None, None]
AVIF: Iterator [None, None, None], after load [40, 200, 1000], imageio [None, None, None]
SEEN
