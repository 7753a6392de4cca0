"""`train --negatives`: said beforehand, kept in the run, and the same when it is resumed."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.load import load_config
from detector.data.open import open_dataset
from training.run.negatives import with_negatives
from training.run.run_folder import RunFolder, RunSettings
from training.run.splits import fingerprint, train_val
from training.train import main


@pytest.fixture
def streets(tmp_path):
    """Ten images that show no square."""
    (tmp_path / "streets").mkdir()
    rng = np.random.default_rng(0)
    for letter in "abcdefghij":
        coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
        coarse.resize((70, 50), Image.Resampling.BICUBIC).save(tmp_path / f"streets/{letter}.png")
    return tmp_path / "streets"


def train(squares, tmp_path, *more):
    words = ["--data", str(squares), "--output", str(tmp_path / "run"), "--start", "none", *more]
    return main([str(word) for word in words])


def test_a_dry_run_counts_them_and_has_nothing_to_warn_of(squares, streets, tmp_path, capsys):
    assert train(squares, tmp_path, "--negatives", streets, "--dry-run") == 0
    said = capsys.readouterr().out
    found = re.search(r"note: 10 images without objects .*: (\d+) to learn from, (\d+) to", said)
    learnt, measured = map(int, found.groups())
    assert f"{8 + learnt} images, 1 class" in said
    assert f"{2 + measured} images to validate" in said
    assert "warning: one class" not in said


def test_a_mistake_shows_before_any_work_is_done(squares, tmp_path):
    with pytest.raises(UserError, match="no such folder of images without objects"):
        train(squares, tmp_path, "--negatives", tmp_path / "none", "--dry-run")
    with pytest.raises(UserError, match="--overfit takes images with objects alone"):
        train(squares, tmp_path, "--negatives", tmp_path, "--overfit", 2)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_with_the_same_ones_only(squares, streets, tmp_path):
    whole = open_dataset(str(squares))
    splits = train_val(whole.split("train"), whole.split("val"))
    digest = fingerprint(*with_negatives(*splits, streets, {})[:2])
    settings = RunSettings(
        str(squares), None, "none", None, None, 40, digest, negatives=str(streets)
    )
    RunFolder(tmp_path / "run").create(load_config("finetune"), settings, {})
    resume = ["--output", str(tmp_path / "run"), "--resume", "--dry-run"]
    assert main(resume) == 0
    assert main([*resume, "--negatives", f"{streets}/"]) == 0
    with pytest.raises(UserError, match="no such folder of images without objects: other"):
        main([*resume, "--negatives", "other"])
    (streets / "c.png").unlink()
    with pytest.raises(UserError, match=r", with the images of .*streets, is not what it was"):
        main(resume)


@pytest.mark.keras
@pytest.mark.slow
def test_they_are_learnt_from_and_measured_on(squares, streets, tmp_path, capsys, eagerly, tiny):
    sets = tiny("train.epochs=1", "train.fit_anchors=no")
    flags = [part for one in sets for part in ("--set", one)]
    assert train(squares, tmp_path, "--negatives", streets, *flags) == 0
    said = capsys.readouterr().out
    assert re.search(r"1\d images \(\d+ without objects\), 8 objects of 1 class; ", said)
    assert re.search(r"AP [\d.]+ on .*:val with \d+ images? without objects\n", said)
    settings = json.loads((tmp_path / "run/run.json").read_text())
    assert settings["negatives"] == str(streets)
    listed = json.loads((tmp_path / "run/splits.json").read_text())
    assert sum("--negatives/" in name for part in listed.values() for name in part) == 10
