"""What the installation must end with."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).parents[1]


def test_opencv_can_show_windows():
    """opencv-python-headless, which albumentations pulls in, overwrites cv2; see the Makefile."""
    assert cv2.currentUIFramework(), (
        "cv2 has no window support; fix it with: pip install --force-reinstall --no-deps "
        f"opencv-python=={importlib.metadata.version('opencv-python')}"
    )


def test_both_opencv_packages_have_one_version():
    """They share their files, so two versions would be mixed."""
    try:
        headless = importlib.metadata.version("opencv-python-headless")
    except importlib.metadata.PackageNotFoundError:
        return  # kept out, as uv does by pyproject.toml: better still
    assert headless == importlib.metadata.version("opencv-python")


@pytest.mark.parametrize("framework", ["torch", "jax"])
def test_other_frameworks_are_never_installed(framework):
    pinned = (ROOT / "constraints.txt").read_text().splitlines()
    assert len(pinned) > 50  # all that the set-up installs
    assert not [line for line in pinned if line.startswith(framework)]


PIP_SAYS = """\
Obtaining file:///home/me/ssdlite
Collecting tensorflow>=2.18 (from ssdlite==0.1.0)
  Downloading tensorflow-2.21.0-cp311-manylinux_2_17_x86_64.whl.metadata (4.5 kB)
  Downloading tensorflow-2.21.0-cp311-manylinux_2_17_x86_64.whl (572.4 MB)
Collecting keras[all]!=3.9 (from ssdlite==0.1.0)
  Downloading keras-3.15.0-py3-none-any.whl (1.4 MB)
Installing collected packages: keras, tensorflow, ssdlite
Successfully installed keras-3.15.0 tensorflow-2.21.0
"""


@pytest.fixture
def make(tmp_path):
    """Sets up a copy of the project with a pip that only talks: `make(target, exit_status)`."""
    if not shutil.which("make"):
        pytest.skip("no make")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/created").touch()
    (tmp_path / "says").write_text(PIP_SAYS)

    def run(target: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        (tmp_path / "pip.sh").write_text(f"cat says\nexit {status}\n")
        command = ["make", target, "PIP=sh pip.sh", f"BIN={Path(sys.executable).parent}"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("target", [".venv/installed", ".venv/installed-dev"])
def test_the_set_up_says_what_it_installs_in_a_few_lines(make, tmp_path, target):
    result = make(target)
    assert result.returncode == 0, result.stderr
    assert "\ntensorflow 572.4 MB keras \n3 packages are here" in result.stdout
    assert (tmp_path / target).exists()


def test_a_set_up_that_failed_is_no_set_up(make, tmp_path):
    result = make(".venv/installed", status=1)
    assert result.returncode == 2
    assert "error: pip failed, as said above" in result.stderr
    assert {file.name for file in (tmp_path / ".venv").iterdir()} == {"created"}


def test_the_demo_ends_with_what_puts_ssdlite_on_the_path(make):
    recipe = subprocess.run(
        ["make", "-n", "--no-print-directory", "demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    last = recipe.stdout.strip().splitlines()[-1]
    said = subprocess.run(["sh", "-c", last], capture_output=True, text=True, check=True).stdout
    assert said.strip().startswith("for `ssdlite` in this shell:  ")
    assert said.strip().endswith("activate")
