"""Text overlays: frame rate and latency, notes, and on demand stage times and keys."""

from collections.abc import Mapping, Sequence

import numpy as np

from demo.view.controls import KEYS
from detector.draw import font_size, paste, text_patch

_WHITE, _BLACK, _RED = (255, 255, 255), (0, 0, 0), (200, 0, 0)
_LEAST_PX = 8  # of a font that can still be read


def draw_hud(image: np.ndarray, fps: float | None, latency_s: float | None) -> None:
    """Write the rate and the latency into an image; nothing as long as either is unknown.

    Args:
        image: uint8 `(H, W, 3)`, RGB; altered in place.
        fps: frames shown per second.
        latency_s: seconds that a frame took from the camera or the file to the screen.
    """
    if fps is None or latency_s is None:
        return
    text = f"{fps:.1f} fps  {1000 * latency_s:.0f} ms"
    # White on black of its own is legible whatever lies beneath.
    patch = text_patch(text, font_size(image), _WHITE, _BLACK)
    paste(image, patch, 0, image.shape[0])  # at the bottom: captions stand at the tops of boxes


def draw_notes(image: np.ndarray, notes: Sequence[str], recording: bool = False) -> None:
    """Write notes at the top right of an image, one below the other.

    Args:
        image: uint8 `(H, W, 3)`, RGB; altered in place.
        notes: one line each.
        recording: say so first, on red.
    """
    size = font_size(image)
    patches = [text_patch("REC", size, _WHITE, _RED)] if recording else []
    patches += [text_patch(note, size, _WHITE, _BLACK) for note in notes]
    y = 0
    for patch in patches:
        paste(image, patch, image.shape[1] - patch.shape[1], y)
        y += patch.shape[0]


def draw_help(image: np.ndarray, stage_ms: Mapping[str, float]) -> None:
    """Write what each stage takes and what each key does over the left of an image.

    Args:
        image: uint8 `(H, W, 3)`, RGB; altered in place. Where it is too small for all lines,
            the last are left out.
        stage_ms: milliseconds by stage.
    """
    lines = [(stage, f"{ms:.1f} ms") for stage, ms in stage_ms.items()]
    lines += [("", ""), *KEYS]
    height = image.shape[0]
    size = max(_LEAST_PX, min(font_size(image), round(0.6 * height / len(lines))))
    patches = [[text_patch(text, size, _WHITE, _BLACK) for text in line] for line in lines]
    row, second = patches[0][0].shape[0], max(key.shape[1] for key, _ in patches)
    patches = patches[: height // row]
    if not patches:
        return
    below = image[: row * len(patches), : second + max(text.shape[1] for _, text in patches)]
    below //= 4  # so that white can be read on whatever it is
    for number, line in enumerate(patches):
        for patch, x in zip(line, (0, second), strict=True):
            place = below[number * row :, x:]
            patch = patch[: place.shape[0], : place.shape[1]]
            area = place[: patch.shape[0], : patch.shape[1]]
            np.maximum(area, patch, out=area)
