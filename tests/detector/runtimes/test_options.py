"""What engines take, and what each refuses."""

import sys
from pathlib import Path

import pytest

from configs.errors import UserError
from detector.hardware import usable_cores
from detector.runtimes import open_graph
from detector.runtimes.graph import EngineOptions


def test_by_default_all_cores_are_used():
    assert EngineOptions().cores == usable_cores()
    assert EngineOptions(3).cores == 3


@pytest.mark.parametrize(
    ("file", "options", "says"),
    [
        ("model.tflite", EngineOptions(device="GPU"), "LiteRT takes no device; leave it out"),
        ("model.onnx", EngineOptions(delegate=Path("x.so")), "ONNX Runtime takes no delegate"),
        ("model.xml", EngineOptions(delegate=Path("x.so")), "OpenVINO takes no delegate"),
        ("model.onnx", EngineOptions(device="tpu"), "no device 'tpu' here; it has .*cpu"),
        ("model.tflite", EngineOptions(delegate=Path("x.so")), "cannot load the LiteRT delegate"),
    ],
)
def test_an_option_that_an_engine_does_not_know_is_refused(exported, file, options, says):
    with pytest.raises(UserError, match=says):
        open_graph(exported / file, options)


@pytest.mark.parametrize(
    ("file", "module", "package"),
    [
        ("model.tflite", "ai_edge_litert", "ai-edge-litert"),
        ("model.onnx", "onnxruntime", "onnxruntime"),
        ("model.xml", "openvino", "openvino"),
    ],
)
def test_an_engine_that_is_not_installed_says_how_to_have_it(
    exported, monkeypatch, file, module, package
):
    for name in [name for name in sys.modules if name.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [_Without(module), *sys.meta_path])
    with pytest.raises(UserError, match=f"{package} is not installed: pip install {package}$"):
        open_graph(exported / file)


class _Without:
    """An import system that lacks a package."""

    def __init__(self, module):
        self.module = module

    def find_spec(self, name, *_):
        if name.split(".")[0] == self.module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
