import numpy as np
import pytest

from configs.errors import UserError
from detector.runtimes.engines import OnnxGraph
from detector.runtimes.graph import EngineOptions

ONES = {"scores": np.ones((1, 7), np.float32)}


@pytest.mark.parametrize(("name", "dtype"), [("UINT8", np.uint8), ("FLOAT", np.float32)])
def test_the_input_is_described(make_onnx, name, dtype):
    graph = OnnxGraph(make_onnx(["batch", 4, 5, 3], ONES, name), EngineOptions(1))
    assert graph.input_shape == (1, 4, 5, 3)
    assert graph.input_dtype == dtype


def test_outputs_bear_their_names(make_onnx):
    graph = OnnxGraph(make_onnx([1, 4, 5, 3], ONES), EngineOptions(1))
    (output,) = graph(np.zeros((1, 4, 5, 3), np.uint8))
    assert output.names == ("scores",)
    np.testing.assert_array_equal(output.values, ONES["scores"])


def test_an_input_of_another_type_is_refused(make_onnx):
    with pytest.raises(UserError, match=r"takes tensor\(double\) as input; need uint8, int8"):
        OnnxGraph(make_onnx([1, 4, 5, 3], ONES, "DOUBLE"), EngineOptions(1))


def test_an_input_of_no_fixed_size_is_refused(make_onnx):
    with pytest.raises(UserError, match="no fixed size"):
        OnnxGraph(make_onnx([1, "height", "width", 3], ONES), EngineOptions(1))
