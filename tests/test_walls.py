"""The walls between the rooms: who imports whom, and what must load without TensorFlow."""

import subprocess
import sys

import pytest


def test_rooms_import_one_way():
    # In a process of its own: import-linter configures logging for the whole process.
    result = subprocess.run(
        [sys.executable, "-m", "importlinter.cli", "lint", "--no-cache"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    "module",
    [
        *("demo.webcam", "demo.doctor", "detector.detect", "detector.summary", "detector.cli"),
        *("eval.latency", "training.shapes"),
    ],
)
def test_commands_import_without_tensorflow(module):
    code = (
        f"import sys, {module}; "
        "heavy = {'tensorflow', 'keras', 'cv2', 'matplotlib.pyplot'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
