"""A whole run on a tiny data set: a folder of pictures in, a model that other commands take out."""

import csv
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.load import load_config
from detector.artefact import read_spec
from detector.data.open import open_dataset
from detector.images import read_image
from detector.predictor import Predictor
from training.run import train

SMALL = [
    "model.input_size=96",
    "model.width_multiplier=0.35",
    "loader.batch_size=4",
    "train.epochs=2",
    "train.evaluate_every=1",
]


@pytest.fixture
def squares(tmp_path):
    """Ten pictures of one bright square each, on dark noise."""
    rng = np.random.default_rng(0)
    root = tmp_path / "data"
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    names = [f"p{letter}" for letter in "abcdefghij"]
    for name in names:
        pixels = rng.integers(0, 60, (80, 100, 3), np.uint8)
        x, y = rng.integers(2, 40, 2)
        pixels[y : y + 36, x : x + 36] = 220
        Image.fromarray(pixels).save(root / f"JPEGImages/{name}.jpg")
        (root / f"Annotations/{name}.xml").write_text(
            f"<annotation><object><name>square</name><bndbox><xmin>{x + 1}</xmin>"
            f"<ymin>{y + 1}</ymin><xmax>{x + 36}</xmax><ymax>{y + 36}</ymax></bndbox></object>"
            "</annotation>"
        )
    (root / "ImageSets/Main/train.txt").write_text("\n".join(names[:8]))
    (root / "ImageSets/Main/val.txt").write_text("\n".join(names[8:]))
    return root


def start(config, data, output, lines=None, **more):
    parts = [open_dataset(f"{data}:{split}") for split in ("train", "val")]
    tell = lines.append if lines is not None else lambda _: None
    return train(config, *parts, output, more.get("start", "none"), more.get("seconds"), tell)


def test_a_run_leaves_models_a_log_and_its_configuration(squares, tmp_path):
    lines = []
    config = load_config("finetune", [*SMALL, "train.freeze_norm=no"])
    result = start(config, squares, tmp_path / "run", lines)
    assert result.epochs == 2
    assert load_config(tmp_path / "run/config.yaml") == config
    spec = read_spec(tmp_path / "run/best")
    assert spec.class_names == ("square",)
    assert spec.training_objects == {"square": 8}
    assert spec.metrics["AP"] == pytest.approx(result.best_ap)
    rows = list(csv.DictReader((tmp_path / "run/log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["0", "1"]
    assert float(rows[1]["loss"]) < float(rows[0]["loss"])
    assert any("8 pictures, 8 objects" in line for line in lines)
    picture = read_image(squares / "JPEGImages/pa.jpg")
    for name in ("best", "last"):
        predictor = Predictor.load(str(tmp_path / "run" / name), score_threshold=0.0)
        assert len(predictor(picture)) > 0


def test_a_run_can_start_from_another(squares, tmp_path):
    config = load_config("finetune", [*SMALL, "train.epochs=1"])
    start(config, squares, tmp_path / "one")
    lines = []
    start(config, squares, tmp_path / "two", lines, start=str(tmp_path / "one"))
    assert "classes kept: square" in lines


def test_time_ends_a_run_early(squares, tmp_path):
    config = load_config("finetune", [*SMALL, "train.epochs=50", "train.evaluate_every=50"])
    result = start(config, squares, tmp_path / "run", seconds=0.001)
    assert result.epochs == 1
    assert (tmp_path / "run/best/detector.json").is_file()


def test_a_folder_with_something_in_it_is_left_alone(squares, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds something already; name a new folder"):
        start(load_config("finetune", SMALL), squares, tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["nowhere", "--output", "run"], "no such data set", id="no data"),
        pytest.param([".", "--output", "run", "--set", "train.epoch=3"], "did you mean", id="key"),
        pytest.param([".", "--output", "run", "--time", "soon"], "must be like 90s", id="time"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "training.train", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert says in done.stderr
