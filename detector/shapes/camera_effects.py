"""Camera effects on a synthetic image: light, colour casts, blur, noise, JPEG compression."""

from __future__ import annotations

import io
import math

import cv2
import numpy as np
from PIL import Image

from detector.shapes.surfaces import specks

_GRID = 24  # cells of the map of light, which is smooth


def photograph(
    image: np.ndarray, rng: np.random.Generator, strength: float, smallest: float
) -> np.ndarray:
    """An image as a camera would take it.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
        rng: decides on everything that is left open.
        strength: 0 ... 1, from a studio to a poor webcam.
        smallest: px, what must stay legible; blur and resolution heed it.

    Returns:
        uint8 `(H, W, 3)`, RGB; nothing has moved.
    """
    if strength <= 0:
        return image
    lit = image * _light(rng, strength, image.shape[:2])
    blurred = _blurred(lit, rng, strength, smallest)
    noisy = _with_noise(blurred, rng, strength)
    return _compressed(_toned(noisy, rng, strength), rng, strength)


def _light(rng: np.random.Generator, strength: float, size_hw: tuple[int, int]) -> np.ndarray:
    """What each pixel is multiplied by: float32 `(H, W, 3)`."""
    y, x = np.mgrid[-1 : 1 : _GRID * 1j, -1 : 1 : _GRID * 1j].astype(np.float32)
    turn = rng.uniform(0, 2 * math.pi)
    light = 1 + rng.uniform(0, 0.45) * strength * (math.cos(turn) * x + math.sin(turn) * y)
    if rng.random() < 0.5:
        patches = cv2.resize(rng.random((4, 4), np.float32), (_GRID, _GRID))
        light *= 1 + (patches - 0.5) * rng.uniform(0, 0.7) * strength
    if rng.random() < 0.4:
        light *= _shadow(rng, strength)
    if rng.random() < 0.4:
        light *= 1 - rng.uniform(0, 0.3) * strength * (x**2 + y**2)
    light = light * rng.uniform(1 - 0.4 * strength, 1 + 0.15 * strength)
    cast = 1 + rng.normal(0, 0.07 * strength, 3)
    light = light[..., None] * cast.astype(np.float32)
    if rng.random() < 0.2 * strength:
        light += _glare(rng, x, y)[..., None]
    return cv2.resize(light, size_hw[::-1], interpolation=cv2.INTER_LINEAR)


def _shadow(rng: np.random.Generator, strength: float) -> np.ndarray:
    """Of a head, a hand, the edge of a window."""
    shade = np.ones((_GRID, _GRID), np.float32)
    centre = rng.uniform(-0.3, 1.3, 2) * _GRID
    sides = rng.uniform(0.3, 1.5, 2) * _GRID
    corners = cv2.boxPoints((tuple(centre.tolist()), tuple(sides.tolist()), rng.uniform(0, 180)))
    depth = 1 - rng.uniform(0.1, 0.55) * strength
    cv2.fillPoly(shade, [corners.astype(np.int32)], depth, cv2.LINE_AA)
    return cv2.GaussianBlur(shade, (0, 0), rng.uniform(0.4, 3.0))


def _glare(rng: np.random.Generator, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    across, down = rng.uniform(-1, 1, 2)
    far = ((x - across) ** 2 + (y - down) ** 2) / rng.uniform(0.1, 0.4) ** 2
    return rng.uniform(0.2, 0.7) * np.exp(-far)


def _blurred(
    image: np.ndarray, rng: np.random.Generator, strength: float, smallest: float
) -> np.ndarray:
    most = min(0.06 * smallest, 0.008 * min(image.shape[:2])) * strength
    kind = rng.random()
    if kind < 0.25:
        return cv2.GaussianBlur(image, (0, 0), max(0.3, rng.uniform(0, most)))
    if kind < 0.45:
        return cv2.filter2D(image, -1, _motion(rng, 2.5 * most))
    if kind < 0.75:
        return _coarser(image, 1 + rng.uniform(0, 0.9) * min(most, 1.0))
    return image


def _motion(rng: np.random.Generator, length: float) -> np.ndarray:
    """The kernel of a hand that shook: a line, `length` px long at most."""
    long = rng.uniform(0, length)
    side = 2 * math.ceil(long / 2 + 1) + 1
    kernel = np.zeros((side, side), np.uint8)  # OpenCV smooths no lines of floats
    turn = rng.uniform(0, math.pi)
    half = np.array([math.cos(turn), math.sin(turn)]) * long / 2
    ends = np.rint((side // 2 + np.stack([-half, half])) * 16).astype(int).tolist()
    cv2.line(kernel, tuple(ends[0]), tuple(ends[1]), 255, 1, cv2.LINE_AA, 4)
    kernel[side // 2, side // 2] = 255
    return kernel / np.float32(kernel.sum())


def _coarser(image: np.ndarray, ratio: float) -> np.ndarray:
    """As a camera of fewer pixels shows it."""
    height, width = image.shape[:2]
    size_wh = (round(width / ratio), round(height / ratio))
    small = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _with_noise(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Brightness noise by pixel, colour noise by 2x2 pixels."""
    amount = rng.uniform(0, 9) * strength
    if amount < 1:
        return image
    height, width = image.shape[:2]
    grain = specks(rng, (height, width)) * amount
    colours = specks(rng, (height // 2, width // 2, 3)) * (0.6 * amount)
    return image + cv2.merge([grain] * 3) + cv2.resize(colours, (width, height))


def _toned(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Gamma, contrast and saturation; uint8."""
    pixels = np.clip(image, 0, 255).astype(np.uint8)
    gamma = math.exp(rng.normal(0, 0.2 * strength))
    contrast = 1 - rng.uniform(0, 0.35) * strength
    ramp = (np.arange(256) / 255) ** gamma * contrast + (1 - contrast) * rng.uniform(0, 1)
    toned = cv2.LUT(pixels, np.rint(np.clip(ramp, 0, 1) * 255).astype(np.uint8))
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        dull = 1.0 if rng.random() < 0.1 else rng.uniform(0, 0.6) * strength
        toned = cv2.addWeighted(toned, 1 - dull, grey, dull, 0)
    return toned


def _compressed(image: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    if rng.random() > 0.3 + 0.7 * strength:
        return image
    quality = round(95 - rng.uniform(0, 60) * strength)
    coded = io.BytesIO()
    Image.fromarray(image).save(coded, "JPEG", quality=quality)
    return np.array(Image.open(coded))
