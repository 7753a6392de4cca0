import pytest

from configs.load import load_config
from training.run.asked import differences

CONFIG = load_config("finetune")


@pytest.mark.parametrize(
    ("key", "usual", "other"),
    [
        pytest.param("model.head", "ssdlite_plus", "ssdlite", id="head"),
        pytest.param("postprocess.class_agnostic", "False", "True", id="NMS across classes"),
    ],
)
def test_settings_that_files_leave_out_differ_too(key, usual, other):
    changed = load_config("finetune", [f"{key}={other.lower()}"])
    assert f"{key}: {usual} -> {other}" in differences(CONFIG, changed)
    assert f"{key}: {other} -> {usual}" in differences(changed, CONFIG)
    assert differences(changed, changed) == []


def test_differences_name_the_settings():
    other = load_config("finetune", ["train.epochs=60", "model.input_size=320"])
    assert differences(CONFIG, CONFIG) == []
    assert differences(CONFIG, other) == [
        f"model.input_size: {CONFIG.model.input_size} -> 320",
        f"train.epochs: {CONFIG.train.epochs} -> 60",
    ]
