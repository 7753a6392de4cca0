"""Import contracts between the rooms, and what must load without TensorFlow."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("configs", "demo", "detector", "eval", "training")


def lint(folder):
    # In a process of its own: import-linter configures logging for the whole process.
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_rooms_import_one_way_and_without_circles():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "4 kept, 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("path", "imported"),
    [
        pytest.param("configs/errors.py", "configs.load", id="of modules"),
        pytest.param("demo/sources/__init__.py", "demo.diagnosis.cameras", id="of sub-rooms"),
    ],
)
def test_a_circle_is_found_also_when_its_import_is_lazy(tmp_path, path, imported):
    only_python = shutil.ignore_patterns("built_in", "__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / path).open("a") as file:
        file.write(f"\n\ndef planted():\n    import {imported}\n")
    result = lint(tmp_path)
    assert result.returncode == 1
    assert "lazy imports included BROKEN" in result.stdout
    assert f"No cycles are allowed in {path.partition('/')[0]}." in result.stdout


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


QUICK = """
import sys, pytest
failed = pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]])
sys.exit(failed or sys.modules.get("tensorflow") is not None)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["tests/configs", "tests/detector/test_classes.py"], id="by their names"),
        pytest.param(["-m", "not keras", "tests/detector/test_boxes.py"], id="by the marker"),
        pytest.param(
            ["-m", "not keras", "--collect-only", "tests/configs", "tests/detector"], id="found"
        ),
    ],
)
def test_tests_that_do_not_ask_for_tensorflow_run_without_it(arguments):
    command = [sys.executable, "-c", QUICK, *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
