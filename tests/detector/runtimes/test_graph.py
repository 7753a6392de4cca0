import numpy as np
import pytest

from configs.errors import UserError
from detector.runtimes.graph import GraphRuntime, Output, require_fixed, require_readable

SHAPES = {"box_deltas": (6, 4), "class_logits": (6, 3)}
DELTAS = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
LOGITS = -np.arange(18, dtype=np.float32).reshape(1, 6, 3)


class Constant:
    """A graph that gives the same outputs for every image, and keeps what it was given."""

    name = "constant"
    path = "model.tflite"
    takes_batches = False

    def __init__(self, *outputs, shape=(1, 8, 8, 3), dtype=np.uint8):
        self.input_shape, self.input_dtype = shape, np.dtype(dtype)
        self.outputs = [Output(names, values) for names, values in outputs]
        self.given = []

    def __call__(self, array):
        self.given.append(array)
        return self.outputs


def opened(*outputs, shapes=SHAPES, **graph):
    return GraphRuntime(Constant(*outputs, **graph), 8, shapes)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(("box_deltas", "class_logits"), id="exact"),
        pytest.param(("Call/box_deltas:0", "Call/class_logits:0"), id="part of a longer name"),
        pytest.param(("Identity", "Identity_1"), id="by shape"),
    ],
)
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "swapped"])
def test_outputs_are_found_in_any_order(names, order):
    outputs = [((names[0],), DELTAS), ((names[1],), LOGITS)][::order]
    deltas, logits = opened(*outputs).run(np.zeros((2, 8, 8, 3), np.uint8))
    np.testing.assert_array_equal(deltas, np.concatenate([DELTAS, DELTAS]))
    np.testing.assert_array_equal(logits, np.concatenate([LOGITS, LOGITS]))


THREE_CLASSES = {"box_deltas": (6, 4), "class_logits": (6, 4)}


def test_names_tell_outputs_of_one_shape_apart():
    outputs = [(("class_logits",), -DELTAS), (("box_deltas",), DELTAS)]
    deltas, logits = opened(*outputs, shapes=THREE_CLASSES).run(np.zeros((1, 8, 8, 3), np.uint8))
    np.testing.assert_array_equal(deltas, DELTAS)
    np.testing.assert_array_equal(logits, -DELTAS)


def test_outputs_of_one_shape_without_names_are_refused():
    with pytest.raises(UserError, match="cannot tell its outputs apart; name them box_deltas and"):
        opened((("a",), DELTAS), (("b",), -DELTAS), shapes=THREE_CLASSES)


@pytest.mark.parametrize("names", [("box_deltas", "class_logits"), ("a", "b")])
@pytest.mark.parametrize(
    "shape", [pytest.param((1, 6, 2), id="classes"), pytest.param((1, 5, 3), id="anchors")]
)
def test_another_number_of_anchors_or_classes_is_refused(names, shape):
    other = np.zeros(shape, np.float32)
    with pytest.raises(UserError, match=r"do not belong together: outputs are .*described are"):
        opened(((names[0],), DELTAS), ((names[1],), other))


def test_a_missing_output_is_refused():
    with pytest.raises(UserError, match="do not belong together"):
        opened((("box_deltas",), DELTAS))


def test_integers_without_a_scale_are_refused():
    with pytest.raises(UserError, match="integers without a scale"):
        opened((("a",), DELTAS), (("b",), LOGITS.astype(np.int8)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_outputs_that_are_not_finite_are_refused(bad):
    with pytest.raises(UserError, match="not finite"):
        opened((("a",), DELTAS), (("b",), np.full_like(LOGITS, bad)))


def test_a_float_input_gets_the_raw_pixels():
    runtime = opened((("a",), DELTAS), (("b",), LOGITS), dtype=np.float32)
    runtime.run(np.full((1, 8, 8, 3), 255, np.uint8))
    given = runtime._graph.given[-1]
    assert given.dtype == np.float32
    assert (given == 255).all()


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        pytest.param((1, 8, 8, 3), np.int8, id="int8"),
        pytest.param((1, 3, 8, 8), np.uint8, id="channels first"),
        pytest.param((1, 9, 9, 3), np.uint8, id="another size"),
    ],
)
def test_another_input_is_refused(shape, dtype):
    with pytest.raises(UserError, match=r"needs uint8 or float32 \(1, 8, 8, 3\) as input"):
        opened((("a",), DELTAS), (("b",), LOGITS), shape=shape, dtype=dtype)


def test_a_free_batch_is_one():
    assert require_fixed("m", [(None, 8, 8, 3)]) == (1, 8, 8, 3)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        ([(4, 8, 8, 3)], "takes 4 images at once"),
        ([(1, None, None, 3)], "no fixed size"),
        ([], "has 0 inputs"),
        ([(1, 8), (1, 2)], "has 2 inputs"),
    ],
)
def test_inputs_that_are_not_one_image_are_refused(shapes, says):
    with pytest.raises(UserError, match=says):
        require_fixed("m", shapes)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"cannot read .*none\.onnx: No such file"):
        require_readable(tmp_path / "none.onnx")
