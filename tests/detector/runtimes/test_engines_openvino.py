import pytest

from configs.errors import UserError
from detector.runtimes import open_graph
from detector.runtimes.graph import EngineOptions


def test_a_device_that_is_not_there_is_refused_with_those_that_are(exported):
    with pytest.raises(UserError, match="OpenVINO has no device 'NPU' here; it has CPU"):
        open_graph(exported / "model.xml", EngineOptions(device="NPU"))


def test_a_file_without_its_weights_is_named(exported, tmp_path):
    (tmp_path / "model.xml").write_bytes((exported / "model.xml").read_bytes())
    with pytest.raises(UserError, match=r"cannot read .*model\.bin: No such file"):
        open_graph(tmp_path / "model.xml")


def test_graph_tells_its_names_and_types(exported):
    graph = open_graph(exported / "model.xml", EngineOptions(1))
    assert graph.input_shape == (1, 96, 96, 3)
    assert graph.input_dtype == "uint8"
