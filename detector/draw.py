"""Drawing boxes and captions on an image: a stable colour per class, legible on any background."""

import colorsys
import functools
import re
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from detector.boxes import area
from detector.fonts import font_runs, writable
from detector.types import Detections

Colour = tuple[int, int, int]  # RGB, 0 ... 255

_IGNORED = (160, 160, 160)
_GOLDEN_RATIO = 0.618034
_UNDRAWABLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # Pillow refuses line breaks


@functools.cache
def class_colour(label: int) -> Colour:
    """The RGB colour of a class: always the same for a label, far from its neighbours' hues."""
    hue = (0.92 + label * _GOLDEN_RATIO) % 1.0
    # Chosen by search: of the first 80 labels no two are closer than 9 in CIELAB.
    saturation = (0.9, 0.6, 0.4)[label // 12 % 3]
    value = (1.0, 0.7, 0.85)[label // 8 % 3]
    red, green, blue = (round(255 * x) for x in colorsys.hsv_to_rgb(hue, saturation, value))
    return red, green, blue


@functools.cache
def ink_on(paper: Colour) -> Colour:
    """Black or white, whichever stands out more: a contrast of 4.5:1 (WCAG 2.1 AA) or better."""
    parts = np.array(paper) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))  # relative luminance of sRGB
    # The contrasts (luminance + 0.05) / 0.05 with black and 1.05 / (luminance + 0.05) with white.
    return (0, 0, 0) if (luminance + 0.05) ** 2 > 0.05 * 1.05 else (255, 255, 255)


def draw_detections(
    image: np.ndarray,
    detections: Detections,
    names: Sequence[str],
    ids: np.ndarray | None = None,
) -> np.ndarray:
    """Draw boxes, names and scores on a copy of an image.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        detections: boxes in pixels of `image`.
        names: class names by label.
        ids: int `(N,)`, of the track of each; -1 for none. They stand behind the names.

    Returns:
        uint8 `(H, W, 3)`, RGB; `image` is left alone.
    """
    texts = []
    for row, (score, label) in enumerate(zip(detections.scores, detections.labels, strict=True)):
        number = f" #{ids[row]}" if ids is not None and ids[row] > 0 else ""
        texts.append(f"{_caption_name(names, label)}{number} {score:.0%}")
    colours = [class_colour(label) for label in detections.labels.tolist()]
    # The best comes last, on top.
    return _drawn(np.array(image, order="C"), detections.boxes[::-1], colours[::-1], texts[::-1])


def draw_annotations(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    is_ignored: np.ndarray | None = None,
) -> np.ndarray:
    """Draw annotated boxes and their class names on a copy of an image.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        boxes: `(N, 4)`, xyxy in pixels of `image`; corners may be the wrong way round.
        labels: int `(N,)`.
        names: class names by label.
        is_ignored: bool `(N,)`; these are drawn dashed, in grey and without a name.

    Returns:
        uint8 `(H, W, 3)`, RGB.
    """
    canvas = np.array(image, order="C")
    ignored = np.zeros(len(boxes), bool) if is_ignored is None else is_ignored
    largest_first = np.argsort(-np.abs(area(boxes)), kind="stable")
    for i in largest_first[ignored[largest_first]]:
        _draw_dashes(canvas, boxes[i], _reach(image))
    kept = largest_first[~ignored[largest_first]]
    chosen = [int(label) for label in labels[kept]]
    texts = [_caption_name(names, label) for label in chosen]
    return _drawn(canvas, boxes[kept], [class_colour(label) for label in chosen], texts)


def _caption_name(names: Sequence[str], label: int) -> str:
    """What a caption calls a class: its number, from 0, where no font here has its name."""
    return writable(_UNDRAWABLE.sub(" ", names[label])) or f"class {label}"


def draw_marked(
    image: np.ndarray, boxes: np.ndarray, colour: Colour, texts: Sequence[str] = ()
) -> np.ndarray:
    """Draw boxes of one colour, whatever their class, on a copy of an image.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        boxes: `(N, 4)`, xyxy in pixels of `image`.
        colour: of all of them.
        texts: one per box, or none at all.

    Returns:
        uint8 `(H, W, 3)`, RGB.
    """
    return _drawn(np.array(image, order="C"), boxes, [colour] * len(boxes), texts)


def _drawn(
    canvas: np.ndarray, boxes: np.ndarray, colours: Sequence[Colour], texts: Sequence[str]
) -> np.ndarray:
    """The canvas with all boxes, and then their captions if any, the last ones on top."""
    for box, colour in zip(boxes, colours, strict=True):
        _draw_box(canvas, box, colour, _reach(canvas))
    for box, colour, text in zip(boxes, colours, texts, strict=False):
        _draw_caption(canvas, box, text, colour, _reach(canvas))
    return canvas


def _reach(image: np.ndarray) -> int:
    """Of a line to either side of its edge, px."""
    return max(1, round(min(image.shape[:2]) / 480))


def text_patch(text: str, size: int, ink: Colour, paper: Colour) -> np.ndarray:
    """Text on a filled background as an RGB image; `size` is the height of the font in px."""
    return _text_patch(text, size, ink, paper).copy()


@functools.lru_cache(maxsize=512)
def _text_patch(text: str, size: int, ink: Colour, paper: Colour) -> np.ndarray:
    runs = font_runs(_UNDRAWABLE.sub(" ", text) or " ", size)
    margin = max(2, size // 4)
    boxes = [font.getbbox(part) for part, font in runs]
    ascents, descents = zip(*(font.getmetrics() for _, font in runs), strict=True)
    left = boxes[0][0]
    width = int(sum(right for _, _, right, _ in boxes) - left)
    patch = Image.new("RGB", (width + 2 * margin, max(ascents) + max(descents) + margin), paper)
    x, baseline = margin - left, margin // 2 + max(ascents)
    for (part, font), box in zip(runs, boxes, strict=True):
        ImageDraw.Draw(patch).text((x, baseline), part, font=font, fill=ink, anchor="ls")
        x += box[2]
    return np.asarray(patch)


def paste(canvas: np.ndarray, patch: np.ndarray, x: int, y: int) -> None:
    """Copy a patch into an image with its top left corner at (x, y), moved to lie inside."""
    height, width = (min(p, c) for p, c in zip(patch.shape[:2], canvas.shape[:2], strict=True))
    x = max(0, min(x, canvas.shape[1] - width))
    y = max(0, min(y, canvas.shape[0] - height))
    canvas[y : y + height, x : x + width] = patch[:height, :width]


def font_size(image: np.ndarray) -> int:
    """A legible font height in px for an image of this size, from 160x120 to 4K."""
    return int(np.clip(min(image.shape[:2]) / 32, 11, 64))


def _corners(canvas: np.ndarray, box: np.ndarray, reach: int) -> tuple[int, int, int, int]:
    beyond = 4 * reach  # an edge this far outside is not seen; OpenCV refuses numbers like 1e10
    limits = np.tile(canvas.shape[1::-1], 2) + beyond
    x1, y1, x2, y2 = np.clip(box, -beyond, limits).round().astype(int).tolist()
    return x1, y1, x2, y2


def _draw_dashes(canvas: np.ndarray, box: np.ndarray, reach: int) -> None:
    x1, y1, x2, y2 = _corners(canvas, box, reach)
    step = 10 * reach
    for ink, width in (ink_on(_IGNORED), 2 * reach + 2), (_IGNORED, 2 * reach):
        for x in range(min(x1, x2), max(x1, x2), 2 * step):
            for y in (y1, y2):
                cv2.line(canvas, (x, y), (min(x + step, max(x1, x2)), y), ink, width)
        for y in range(min(y1, y2), max(y1, y2), 2 * step):
            for x in (x1, x2):
                cv2.line(canvas, (x, y), (x, min(y + step, max(y1, y2))), ink, width)


def _draw_box(canvas: np.ndarray, box: np.ndarray, colour: Colour, reach: int) -> None:
    x1, y1, x2, y2 = _corners(canvas, box, reach)
    # A rim of 1 px sets the line off from a background of its own colour. OpenCV draws an even
    # thickness t as t + 1 px.
    cv2.rectangle(canvas, (x1, y1), (x2, y2), ink_on(colour), 2 * reach + 2)
    cv2.rectangle(canvas, (x1, y1), (x2, y2), colour, 2 * reach)


def _draw_caption(
    canvas: np.ndarray, box: np.ndarray, text: str, colour: Colour, reach: int
) -> None:
    ink = ink_on(colour)
    patch = _text_patch(text, font_size(canvas), ink, colour)
    patch = cv2.copyMakeBorder(patch, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=ink)
    x, y = (round(float(edge)) - reach - 1 for edge in box[:2])  # the box's outermost pixel
    above = y + 1 - patch.shape[0]  # the rims of caption and box fall together
    paste(canvas, patch, x, above if above >= 0 else y)
