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
    for row, patch in enumerate(patches):
        paste(image, patch, image.shape[1] - patch.shape[1], row * patch.shape[0])


def draw_help(image: np.ndarray, stage_ms: Mapping[str, float]) -> None:
    """Write what each stage takes and what each key does over the left of an image.

    Args:
        image: uint8 `(H, W, 3)`, RGB; altered in place. Where it is too small for all lines,
            the last are left out.
        stage_ms: milliseconds by stage.
    """
    lines = [*((stage, f"{ms:.1f} ms") for stage, ms in stage_ms.items()), ("", ""), *KEYS]
    height = image.shape[0]
    size = max(_LEAST_PX, min(font_size(image), round(0.6 * height / len(lines))))
    patches = [[text_patch(text, size, _WHITE, _BLACK) for text in line] for line in lines]
    row, second = patches[0][0].shape[0], max(key.shape[1] for key, _ in patches)
    patches = patches[: height // row]
    width = second + max((text.shape[1] for _, text in patches), default=0)
    sheet = np.zeros((row * len(patches), width, 3), np.uint8)
    for number, (key, text) in enumerate(patches):
        paste(sheet, key, 0, number * row)
        paste(sheet, text, second, number * row)
    below = image[: sheet.shape[0], :width]
    # Darker, so that white can be read on whatever it is.
    np.maximum(below // 4, sheet[:, : below.shape[1]], out=below)
