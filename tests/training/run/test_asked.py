from configs.load import load_config
from training.run.asked import differences

CONFIG = load_config("finetune")


def test_differences_name_the_settings():
    other = load_config("finetune", ["train.epochs=60", "model.input_size=320"])
    assert differences(CONFIG, CONFIG) == []
    assert differences(CONFIG, other) == [
        f"model.input_size: {CONFIG.model.input_size} -> 320",
        f"train.epochs: {CONFIG.train.epochs} -> 60",
    ]
