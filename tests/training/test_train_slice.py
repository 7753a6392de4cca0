"""`train --slice`: said beforehand, kept in the run and its model, and the same when resumed."""

import json
import re

import pytest

from configs.errors import UserError
from configs.load import load_config
from detector.data.open import open_dataset
from training.run.run_folder import RunFolder, RunSettings
from training.run.splits import fingerprint, train_val
from training.run.tiled import in_tiles
from training.train import main


def train(squares, tmp_path, *more):
    words = ["--data", str(squares), "--output", str(tmp_path / "run"), "--start", "none", *more]
    return main([str(word) for word in words])


def test_a_dry_run_counts_the_tiles(squares, tmp_path, capsys):
    assert train(squares, tmp_path, "--slice", 60, "--dry-run") == 0
    said = capsys.readouterr().out
    tiles, learnt = (
        int(re.search(pattern, said)[1])
        for pattern in (r"note: 8 images in (\d+) tiles of 60 px", r": (\d+) images, 1 class")
    )
    assert 8 < learnt <= tiles
    assert "12 images to validate" in said


def test_a_tile_larger_than_the_images_is_refused(squares, tmp_path):
    with pytest.raises(UserError, match="as large as a tile of 101 px"):
        train(squares, tmp_path, "--slice", 101, "--dry-run")


@pytest.fixture
def begun(squares, tmp_path):
    """A run of tiles of 60 px; `begun("--slice", "60")` would resume it."""
    whole = open_dataset(str(squares))
    splits = train_val(whole.split("train"), whole.split("val"))
    config = load_config("finetune")
    settings = RunSettings(str(squares), None, "none", None, None, 40, slice=60)
    tiled = in_tiles(*splits, settings, config, print)[:2]
    told = RunSettings(str(squares), None, "none", None, None, 40, fingerprint(*tiled), slice=60)
    RunFolder(tmp_path / "run").create(config, told, {})
    return lambda *more: main(["--output", str(tmp_path / "run"), "--resume", "--dry-run", *more])


@pytest.mark.parametrize("more", [(), ("--slice", "60"), ("--slice", "auto"), ("--slice",)])
def test_a_run_goes_on_with_its_tiles(begun, capsys, more):
    assert begun(*more) == 0
    assert "tiles of 60 px" in capsys.readouterr().out


def test_a_run_does_not_go_on_with_others(begun):
    with pytest.raises(UserError, match="was begun otherwise: --slice: 60 -> 80"):
        begun("--slice", "80")


@pytest.mark.keras
@pytest.mark.slow
def test_the_model_knows_its_tiles(squares, tmp_path):
    settings = [
        *("model.backbone=mobilenet_v1", "model.input_size=96", "model.width_multiplier=0.25"),
        *("loader.batch_size=4", "train.epochs=1"),
    ]
    sets = [part for setting in settings for part in ("--set", setting)]
    assert train(squares, tmp_path, "--slice", 60, *sets) == 0
    assert json.loads((tmp_path / "run/run.json").read_text())["slice"] == 60
    sizes = json.loads((tmp_path / "run/best/detector.json").read_text())["training_sizes"]
    assert (sizes["tile"], sizes["image_width"], sizes["image_height"]) == (60, 60, 60)
    assert len(json.loads((tmp_path / "run/splits.json").read_text())["train"]) == 8
    assert "in tiles of 60 px" in (tmp_path / "run/report.html").read_text()
