import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from detector.box_coder import decode, encode

VARIANCES = (0.1, 0.1, 0.2, 0.2)


@st.composite
def boxes(draw, count: int = 5):
    """Boxes in fractions with sides of at least 0.01."""
    centres = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(0, 1, width=32)))
    sizes = draw(hnp.arrays(np.float32, (count, 2), elements=st.floats(0.0625, 1, width=32)))
    return np.concatenate([centres - sizes / 2, centres + sizes / 2], axis=1)


def test_a_box_on_its_anchor_has_zero_deltas(xp):
    box = np.array([[0.1, 0.2, 0.4, 0.8]], np.float32)
    np.testing.assert_allclose(encode(box, box, VARIANCES, xp), np.zeros((1, 4)), atol=1e-5)


def test_deltas_by_hand(xp):
    # The anchor moved by half its width and a quarter of its height, twice as wide.
    anchor = np.array([[0.0, 0.0, 0.2, 0.4]], np.float32)
    box = np.array([[0.0, 0.1, 0.4, 0.5]], np.float32)
    expected = [[0.5 / 0.1, 0.25 / 0.1, np.log(2) / 0.2, 0]]
    np.testing.assert_allclose(encode(box, anchor, VARIANCES, xp), expected, atol=1e-5)


@given(boxes(), boxes())
def test_decode_undoes_encode(box, anchor):
    deltas = encode(box, anchor, VARIANCES)
    np.testing.assert_allclose(decode(deltas, anchor, VARIANCES), box, atol=2e-5)


def test_a_box_without_area_gives_finite_deltas():
    anchor = np.array([[0, 0, 1, 1]], np.float32)
    assert np.isfinite(encode(np.zeros((1, 4), np.float32), anchor, VARIANCES)).all()


def test_huge_deltas_decode_to_finite_boxes(xp):
    anchor = np.array([[0.4, 0.4, 0.6, 0.6]], np.float32)
    deltas = np.full((1, 4), 1e4, np.float32)
    assert np.isfinite(np.asarray(decode(deltas, anchor, VARIANCES, xp))).all()
