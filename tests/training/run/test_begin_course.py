"""Runs whose epochs differ: by the size of their images, by mosaics, by images shown again."""

import functools
import os
import signal
from dataclasses import replace

import numpy as np
import pytest

from configs.load import load_config
from detector.data.open import open_dataset
from training.model.trainer import Trainer
from training.run.begin import begin, resume
from training.run.run import Run
from training.run.run_folder import RunFolder, RunSettings, with_more
from training.run.splits import train_val
from training.run.state import read_state

pytestmark = [pytest.mark.keras, pytest.mark.slow, pytest.mark.timeout(1800)]

DIFFER = (
    *("model.backbone=mobilenet_v1", "model.input_size=96", "model.width_multiplier=0.25"),
    *("loader.batch_size=4", "loader.repeat_threshold=0.5", "train.fit_anchors=no"),
    *("train.input_sizes=[128,112]", "train.epochs=3", "train.evaluate_every=3"),
    *("augment.mosaic_probability=0.5", "augment.mosaic_until=0.7"),
)


@pytest.fixture
def steps(monkeypatch, eagerly):
    """Of all runs: size of the images and loss of each step, in order."""
    seen: list[tuple[int, float]] = []
    step = Trainer.step

    @functools.wraps(step)
    def recorded(trainer, batch):
        losses = step(trainer, batch)
        seen.append((batch.images.shape[1], losses["loss"]))
        return losses

    monkeypatch.setattr(Trainer, "step", recorded)
    return seen


def run_in(folder, data, *more: str, seconds: float | None = None) -> Run:
    config = load_config("finetune", [*DIFFER, *more])
    splits = train_val(*(open_dataset(f"{data}:{split}") for split in ("train", "val")))
    settings = RunSettings(str(data), None, "none", None, seconds, config.train.epochs)
    return Run(RunFolder(folder), config, settings, *splits)


def on_disk(run: Run) -> Run:
    asked, settings = run.folder.read()
    return replace(run, asked=asked, settings=settings)


@pytest.mark.skipif(not os.environ.get("SSDLITE_PROOFS"), reason="a proof: `make proofs`")
def test_a_run_stopped_behind_any_epoch_goes_on_bit_for_bit(squares, tmp_path, steps):
    whole, said = run_in(tmp_path / "whole", squares), []
    begin(whole, said.append)
    sizes = "input sizes of 112, 128 px by turns"
    assert f"{sizes}; the last epoch and all measurements at 96 px" in said
    assert "no mosaics in the last epoch" in said
    assert any(line.startswith("every image is shown once: no class is in less") for line in said)
    trained = steps[-6:]
    sizes = [size for size, _ in trained]
    assert sorted(sizes[:4]) == [112, 112, 128, 128] and sizes[4:] == [96, 96]
    assert {size for size, _ in steps[:-6]} == {96, 128}  # timed: the smallest and the largest

    def stop_behind(epoch: int):
        def tell(line: str) -> None:
            if line.startswith(f"epoch {epoch} of 3"):
                handler = signal.getsignal(signal.SIGTERM)
                assert callable(handler), "the run does not take the signal"
                handler(signal.SIGTERM, None)  # a real one might end this process

        return tell

    stopped = run_in(tmp_path / "stopped", squares)
    begin(stopped, stop_behind(1))
    resume(on_disk(stopped), stop_behind(2))
    resume(on_disk(stopped), lambda _: None)
    assert steps[-6:] == trained
    states = [read_state(run.folder.state)[0] for run in (whole, stopped)]
    for part, arrays in states[0].items():
        for one, other in zip(arrays, states[1][part], strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_run_planned_for_less_time_ends_at_its_own_size_too(squares, tmp_path, steps):
    run = run_in(tmp_path / "run", squares, "train.epochs=500", seconds=1.0)
    begin(run, lambda _: None)
    assert RunFolder(tmp_path / "run").read()[1].epochs == 1
    assert steps[-1][0] == 96  # after one step the time is over


def test_more_epochs_have_the_sizes_of_a_run_of_all_of_them(squares, tmp_path, steps):
    run = run_in(tmp_path / "run", squares, "train.epochs=1")
    begin(run, lambda _: None)
    complete = on_disk(run)
    more = replace(complete, settings=with_more(complete.settings, run.folder, 2))
    resume(more, lambda _: None)
    sizes = [size for size, _ in steps[-4:]]
    assert sizes[0] in (112, 128) and sizes[0] == sizes[1]
    assert sizes[2:] == [96, 96]
