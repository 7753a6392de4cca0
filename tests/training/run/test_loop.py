"""Whole runs on a tiny data set: a folder of images in, a model that other commands take out."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from configs.errors import UserError
from configs.load import load_config
from detector import artefact
from detector.artefact import DetectorSpec, read_spec, save
from detector.data.open import open_dataset
from detector.images import read_image
from detector.models import load_model
from detector.network import build_detector
from detector.predictor import Predictor
from tests.training.conftest import TINY
from training.run.begin import begin, resume
from training.run.run import Run
from training.run.run_folder import RunFolder, RunSettings
from training.run.splits import train_val
from training.run.state import read_state
from training.train import main

pytestmark = pytest.mark.keras


def run_for(config, data, output, start="none", seconds=None) -> Run:
    splits = train_val(*(open_dataset(f"{data}:{split}") for split in ("train", "val")))
    settings = RunSettings(str(data), None, start, None, seconds, config.train.epochs)
    return Run(RunFolder(output), config, settings, *splits)


@pytest.fixture(scope="module")
def finished(squares, tmp_path_factory):
    """A run of two epochs by the command; its folder and what it printed."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    command = [sys.executable, "-m", "training.train", "--data", str(squares)]
    command += ["--output", str(folder), "--start", "none"]
    settings = (*TINY, "train.epochs=2", "train.freeze_norm=no")
    command += [part for setting in settings for part in ("--set", setting)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def test_a_run_leaves_what_it_promises(finished):
    folder, _ = finished
    assert {path.name for path in folder.iterdir()} == {
        *("best", "last", "config.yaml", "environment.json", "run.json", "log.csv"),
        *("tensorboard", "report.html", "result.json", "splits.json", "state.npz"),
    }
    result = json.loads((folder / "result.json").read_text())
    assert result["epochs"] == 2
    spec = read_spec(folder / "best")
    assert spec.class_names == ("square",)
    assert spec.training_objects == {"square": 8}
    assert spec.metrics["AP"] == pytest.approx(result["AP"])


def test_the_log_has_a_row_for_each_epoch(finished):
    folder, _ = finished
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["step"] for row in rows] == ["2", "4"]
    assert all(0 < float(row["loss"]) < 100 for row in rows)
    assert float(rows[1]["learning_rate"]) == 0
    assert all(0 <= float(row["waiting"]) <= 1 for row in rows)


def test_the_plan_comes_before_the_first_step(finished):
    _, said = finished
    lines = said.splitlines()
    plan = lines.index("8 images, 8 objects of 1 class; 2 images to validate")
    assert "2 epochs of 2 steps" in lines[plan + 1]
    assert "images/s; memory" in lines[plan + 2]
    assert any(line.startswith("warning: 4 steps are few") for line in lines)
    assert plan < next(row for row, line in enumerate(lines) if line.startswith("epoch 1 of 2"))


def test_what_is_kept_is_made_of_stock_layers_and_detects(finished, squares):
    folder, _ = finished
    image = read_image(squares / "JPEGImages/pa.jpg")
    for name in ("best", "last"):
        network, _ = load_model(str(folder / name))
        kinds = {type(layer) for layer in network.layers}
        assert all(kind.__module__.startswith("keras.") for kind in kinds)
        assert "BatchNormalization" in {kind.__name__ for kind in kinds}
        assert len(Predictor.load(str(folder / name), score_threshold=0.0)(image)) > 0


def test_tensorboard_can_read_the_curves_and_images(finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder, _ = finished
    events = EventAccumulator(str(folder / "tensorboard"))
    events.Reload()
    rows = list(csv.DictReader((folder / "log.csv").read_text().splitlines()))
    assert [event.step for event in events.Scalars("loss")] == [2, 4]
    losses = [event.value for event in events.Scalars("loss")]
    assert losses == pytest.approx([float(row["loss"]) for row in rows], rel=1e-4)
    image = events.Images("validation/0")[0]
    assert (image.height, image.width) == (80, 200)  # truth and detections, side by side


def test_the_report_is_whole(finished):
    folder, _ = finished
    page = (folder / "report.html").read_text()
    assert "Training: run" in page
    for heading in ("The run", "Figures", "Classes", "Images"):
        assert f"{heading}</h2>" in page


def test_a_complete_run_has_nothing_to_resume(finished, capsys):
    folder, _ = finished
    assert main(["--output", str(folder), "--resume"]) == 0
    assert "is complete; there is nothing to resume" in capsys.readouterr().out


def test_a_run_can_start_from_another_and_fold_its_norms(
    finished, squares, tmp_path, tiny, eagerly
):
    lines = []
    config = load_config("finetune", tiny("train.epochs=1"))
    start = str(finished[0])
    result = begin(run_for(config, squares, tmp_path / "two", start), lines.append)
    assert result.epochs == 1
    assert "classes kept: square" in lines
    kept = "batch norm of the backbone keeps its statistics"
    assert any(line.startswith(kept) for line in lines)
    network, _ = load_model(str(tmp_path / "two/best"))
    assert "BatchNormalization" in {type(layer).__name__ for layer in network.layers}


@pytest.mark.timeout(600)
def test_a_run_stopped_between_two_epochs_goes_on_with_the_same_losses(
    squares, tmp_path, tiny, eagerly
):
    config = load_config("finetune", tiny("train.epochs=2"))
    begin(run_for(config, squares, tmp_path / "whole"), lambda _: None)

    def stop_behind_the_first(line: str) -> None:
        if line.startswith("epoch 1 of 2"):
            os.kill(os.getpid(), signal.SIGTERM)

    run = run_for(config, squares, tmp_path / "stopped")
    result = begin(run, stop_behind_the_first)
    assert (result.paused, result.epochs) == ("SIGTERM", 1)
    _, state = read_state(run.folder.state)
    assert (state.epoch, state.step) == (1, 0)
    asked, settings = run.folder.read()
    resume(replace(run, asked=asked, settings=settings), lambda _: None)
    losses = [
        [row["loss"] for row in csv.DictReader((tmp_path / name / "log.csv").read_text().split())]
        for name in ("whole", "stopped")
    ]
    assert losses[0] == losses[1]


def test_time_plans_fewer_epochs(squares, tmp_path, tiny, eagerly):
    lines = []
    config = load_config("finetune", tiny("train.epochs=500", "train.evaluate_every=500"))
    begin(run_for(config, squares, tmp_path / "run", seconds=1.0), lines.append)
    assert "500 epochs would take too long: 1 are planned" in lines
    assert (tmp_path / "run/best/detector.json").is_file()
    assert RunFolder(tmp_path / "run").read()[1].epochs == 1


def test_a_loss_of_no_number_stops_at_once_and_says_what_was_learnt(
    squares, tmp_path, tiny, eagerly, monkeypatch
):
    # NaN of a file stands for what training made; no file with it would be read.
    monkeypatch.setattr(artefact, "require_finite_weights", lambda *_: None)
    config = load_config("finetune", tiny("train.epochs=2"))
    network = build_detector(config.model, 1)
    kernel = network.get_layer("conv1").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    spec = DetectorSpec(
        name="broken", model=config.model, class_names=("square",), category_ids=(1,)
    )
    save(tmp_path / "broken", network, spec)
    run = run_for(config, squares, tmp_path / "run", str(tmp_path / "broken"))
    with pytest.raises(UserError, match=r"the loss became nan in epoch 1, step 1, at a") as e:
        begin(run, lambda _: None)
    assert "the learning rate is too high" in str(e.value)
    assert not (tmp_path / "run/best").exists()
    assert not (tmp_path / "run/state.npz").exists()
    report = json.loads((tmp_path / "run/failure.json").read_text())
    assert report["learning_rate"] > 0
    (batch,) = report["batches"]
    assert len(batch["images"]) == 4
    image = batch["images"][0]
    assert image["image"].endswith(".jpg")
    assert len(image["boxes_fraction"]) == len(image["labels"])


def test_a_bad_image_is_reported_and_left_out(squares, tmp_path, tiny, eagerly, capsys):
    data = tmp_path / "data"
    shutil.copytree(squares, data)
    for name in ("pb", "pj"):  # one to learn from, one to validate on
        (data / f"JPEGImages/{name}.jpg").write_bytes(b"no image")
    lines = []
    config = load_config("finetune", tiny("train.epochs=1"))
    result = begin(run_for(config, data, tmp_path / "run"), lines.append)
    assert result.failed == 1
    assert "pb.jpg" in capsys.readouterr().err
    assert [line for line in lines if "pj.jpg" in line and "left out of validation" in line]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["--data", "nowhere"], "no such data set", id="no data"),
        pytest.param(["--data", ".", "--set", "train.epoch=3"], "did you mean", id="key"),
        pytest.param(["--data", ".", "--time", "soon"], "must be like 90s", id="time"),
        pytest.param([], "required: --data", id="nothing"),
        pytest.param(["--resume"], "holds no run to resume", id="nothing to resume"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, says):
    done = subprocess.run(
        [sys.executable, "-m", "training.train", "--output", "run", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert says in done.stderr
    assert not (tmp_path / "run").exists()
