import shutil
from xml.etree import ElementTree

import numpy as np
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


def test_weights_of_nan_are_refused_though_the_outputs_are_finite(exported, tmp_path):
    for suffix in ("xml", "bin"):
        shutil.copy(exported / f"model.{suffix}", tmp_path)
    first = next(
        data
        for data in ElementTree.parse(tmp_path / "model.xml").iterfind("layers/layer/data")
        if data.get("element_type") == "f32" and int(data.get("size", 0)) > 1000
    )
    with (tmp_path / "model.bin").open("r+b") as file:
        file.seek(int(first.get("offset", 0)))
        file.write(np.float32("nan").tobytes())
    with pytest.raises(UserError, match=r"model\.xml: its weights hold NaN: they are damaged"):
        open_graph(tmp_path / "model.xml", EngineOptions(1))
