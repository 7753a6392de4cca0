"""`kill -9` at any moment, then `--resume`: the end is the one of a run that nobody killed."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest

from configs.errors import UserError
from training.train import main

pytestmark = [pytest.mark.keras, pytest.mark.slow]

PROOFS = bool(os.environ.get("SSDLITE_PROOFS"))
KILLS = 20 if PROOFS else 1
_PATIENCE = 240  # seconds


def command(output: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "training.train", "--output", str(output), *arguments]


def arguments_of(command: list[str]) -> list[str]:
    """For `main`: this process is the second one then, and has TensorFlow already."""
    return command[3:]


def begin(data: Path, output: Path) -> list[str]:
    """Nine steps of accumulated gradients and averages, measured twice, saved at every step."""
    settings = [
        *("model.backbone=mobilenet_v1", "model.input_size=96", "model.width_multiplier=0.25"),
        *("loader.batch_size=3", "train.epochs=3", "train.evaluate_every=2"),
        *("train.save_seconds=0.001", "train.accumulate=2", "train.optimizer=adamw"),
    ]
    sets = [part for setting in settings for part in ("--set", setting)]
    return command(output, "--data", str(data), "--start", "none", *sets)


def run(arguments: list[str]) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def weights(run_folder: Path) -> dict[str, np.ndarray]:
    """Of the best and the last model."""
    found = {}
    for name in ("best", "last"):
        archive = zipfile.ZipFile(run_folder / name / "model.keras")
        with h5py.File(BytesIO(archive.read("model.weights.h5"))) as file:
            arrays = {}
            file.visititems(
                lambda path, node, arrays=arrays: (
                    arrays.__setitem__(path, node[()]) if isinstance(node, h5py.Dataset) else None
                )
            )
        found |= {f"{name}/{path}": array for path, array in arrays.items()}
    return found


def assert_same(found: Path, expected: Path) -> None:
    a, b = weights(found), weights(expected)
    assert a.keys() == b.keys()
    assert len(a) > 100
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    figures = [
        [line.split(",")[:6] + line.split(",")[8:11] for line in log.read_text().splitlines()]
        for log in (found / "log.csv", expected / "log.csv")
    ]
    assert figures[0] == figures[1]  # all but the speed and the time


def stop_after_first_state(arguments: list[str], output: Path, wait: float, number: int):
    """Send a signal a while after the first state was saved."""
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + _PATIENCE
    while not (output / "state.npz").exists() and process.poll() is None:
        assert time.monotonic() < deadline, "no state was saved"
        time.sleep(0.01)
    time.sleep(wait)
    process.send_signal(number)
    said, _ = process.communicate(timeout=_PATIENCE)
    return process.returncode, said


@pytest.fixture(scope="module")
def uninterrupted(squares, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("whole") / "run"
    run(begin(squares, output))
    return output


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_run_ends_as_if_nothing_had_happened(squares, uninterrupted, tmp_path, seed):
    output = tmp_path / "run"
    wait = float(np.random.default_rng(seed).uniform(0, 6 if PROOFS else 1))
    stop_after_first_state(begin(squares, output), output, wait, signal.SIGKILL)
    assert "resumed behind step" in run(command(output, "--resume")) or wait > 1
    assert_same(output, uninterrupted)


@pytest.mark.timeout(1200)
def test_sigterm_saves_and_ends_well_and_the_run_goes_on(squares, uninterrupted, tmp_path):
    output = tmp_path / "run"
    code, said = stop_after_first_state(begin(squares, output), output, 0, signal.SIGTERM)
    assert code == 0
    assert "stopped by SIGTERM; the state is saved. To go on: " in said
    assert said.endswith(f"python -m training.train --output {output} --resume\n")
    assert not (output / "result.json").exists()
    assert not list(output.glob(".*"))  # the lock is given back
    changed = ("--resume", "--set", "train.epochs=5", "--set", "loss.box=ciou")
    with pytest.raises(UserError, match=r"loss\.box: auto -> ciou, train\.epochs: 3 -> 5"):
        main(arguments_of(command(output, *changed)))
    run(command(output, "--resume"))
    assert_same(output, uninterrupted)


@contextlib.contextmanager
def halted(process: subprocess.Popen[str], file: Path) -> Iterator[None]:
    """Halt a process once a file is there, so that it is not done before others were tried."""
    deadline = time.monotonic() + _PATIENCE
    while not file.exists() and process.poll() is None:
        assert time.monotonic() < deadline, f"no {file.name}"
        time.sleep(0.01)
    process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


@pytest.mark.timeout(1200)
def test_a_second_process_is_refused_and_the_first_goes_on(squares, uninterrupted, tmp_path):
    output = tmp_path / "run"
    anew, on = begin(squares, output), command(output, "--resume")
    with subprocess.Popen(anew, stdout=subprocess.PIPE, text=True) as first:
        in_use = f"^{re.escape(str(output))} is in use by process {first.pid} on "
        for file, commands in ((".running.json", [anew]), ("state.npz", [on, anew])):
            with halted(first, output / file):
                for second in commands:
                    with pytest.raises(UserError, match=in_use):
                        main(arguments_of(second))
        first.communicate(timeout=_PATIENCE)
        assert first.returncode == 0
    assert_same(output, uninterrupted)
    assert not list(output.glob(".*"))
