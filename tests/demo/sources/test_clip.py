import itertools

import numpy as np
import pytest

from demo.sources.clip import PHOTO_CLIP


@pytest.fixture(scope="module")
def frames():
    return list(PHOTO_CLIP.frames())


def test_it_lasts_six_seconds_of_vga(frames):
    assert len(frames) == PHOTO_CLIP.length == 180
    assert {frame.shape for frame in frames} == {(480, 640, 3)}
    assert frames[0].dtype == np.uint8


def test_it_moves_smoothly_and_visibly(frames):
    change = [_mean_difference(a, b) for a, b in itertools.pairwise(frames)]
    jerk = np.abs(np.diff(change))
    assert max(change) < 20
    assert max(jerk) < 1.5
    assert _mean_difference(frames[0], frames[90]) > 10


def test_it_starts_and_ends_at_rest_on_the_same_view(frames):
    assert _mean_difference(frames[0], frames[1]) < 0.5
    assert _mean_difference(frames[-1], frames[0]) < 0.5


def test_it_shows_the_photo_in_rgb_the_sky_is_blue(frames):
    red, _, blue = frames[0][110, 440]  # right of the hat
    assert blue > red + 50


def _mean_difference(a, b):
    return float(np.abs(a.astype(np.float32) - b).mean())
