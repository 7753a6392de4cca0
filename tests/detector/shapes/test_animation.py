import itertools

import numpy as np
import pytest

from detector.shapes.animation import moving_scene

pytestmark = pytest.mark.slow  # hundreds of images are drawn


@pytest.fixture(scope="module")
def frames():
    return list(moving_scene(0, 60, (240, 320)))


def test_frames_are_rgb_images_of_the_size_asked_for(frames):
    assert len(frames) == 60
    assert all(frame.shape == (240, 320, 3) and frame.dtype == np.uint8 for frame in frames)


def test_the_last_frame_flows_into_the_first(frames):
    steps = [np.abs(b.astype(int) - a).mean() for a, b in itertools.pairwise(frames)]
    back = np.abs(frames[0].astype(int) - frames[-1]).mean()
    assert min(steps) > 0
    assert back < 1.2 * max(steps)


def test_a_seed_makes_the_same_frames_and_another_makes_others(frames):
    again, other = (next(moving_scene(seed, 60, (240, 320))) for seed in (0, 1))
    np.testing.assert_array_equal(again, frames[0])
    assert np.any(other != frames[0])


def test_nobody_else_draws_on_a_frame(frames):
    assert not any(np.shares_memory(a, b) for a, b in itertools.pairwise(frames))


def test_shapes_move_over_all_of_the_sheet(frames):
    moved = np.max(frames, axis=0).astype(int) - np.min(frames, axis=0)
    assert np.mean(moved.max(axis=2) > 60) > 0.3
