import argparse

import pytest

from configs.errors import UserError
from detector.model_arguments import add_model_arguments, load_predictor


def parsed(*arguments) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_model_arguments(parser)
    return parser.parse_args([str(one) for one in arguments])


def test_by_default_the_fastest_format_runs_and_says_so(exported, capsys):
    predictor = load_predictor(parsed("--model", exported))
    assert predictor.runtime != "keras"
    said = capsys.readouterr().err
    assert said.startswith(f"{predictor.file.name}: ")
    assert said.count("\n") == 1
    assert "ms an image here" in said


def test_a_named_runtime_is_taken_without_a_word(exported, capsys):
    predictor = load_predictor(parsed("--model", exported, "--runtime", "onnx", "--threads", 1))
    assert predictor.runtime == "onnx"
    assert capsys.readouterr().err == ""


def test_where_there_is_keras_alone_the_way_to_more_is_named(detector_maker, tmp_path, capsys):
    load_predictor(parsed("--model", detector_maker(tmp_path / "m", "a"), "--score", 0.7))
    assert "model.keras: there is no other format; python -m detector.export" in (
        capsys.readouterr().err
    )


def test_a_device_that_is_not_there_is_refused(exported):
    with pytest.raises(UserError, match="OpenVINO has no device 'NPU'"):
        load_predictor(parsed("--model", exported, "--runtime", "openvino", "--device", "NPU"))


def test_what_nms_leaves_is_the_models_own_unless_told(exported):
    plain = load_predictor(parsed("--model", exported, "--runtime", "onnx"))
    assert plain.thresholds == plain.spec.postprocess
    told = parsed("--model", exported, "--runtime", "onnx", "--max-dets", 300, "--agnostic")
    changed = load_predictor(told).thresholds
    assert (changed.max_detections, changed.class_agnostic) == (300, True)
