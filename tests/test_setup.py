"""What the installation must end with."""

import importlib.metadata
from pathlib import Path

import cv2
import pytest


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
    pinned = (Path(__file__).parents[1] / "constraints.txt").read_text().splitlines()
    assert len(pinned) > 50  # all that the set-up installs
    assert not [line for line in pinned if line.startswith(framework)]
