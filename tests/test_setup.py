"""What the installation must end with."""

import importlib.metadata

import cv2


def test_opencv_can_show_windows():
    """opencv-python-headless, which albumentations pulls in, overwrites cv2; see the Makefile."""
    assert cv2.currentUIFramework(), (
        "cv2 has no window support; mend it with: pip install --force-reinstall --no-deps "
        f"opencv-python=={importlib.metadata.version('opencv-python')}"
    )


def test_both_opencv_packages_have_one_version():
    """They share their files, so two versions would be mixed."""
    try:
        headless = importlib.metadata.version("opencv-python-headless")
    except importlib.metadata.PackageNotFoundError:
        return  # kept out, as uv does by pyproject.toml: better still
    assert headless == importlib.metadata.version("opencv-python")


def test_other_frameworks_are_never_required():
    required = " ".join(importlib.metadata.requires("ssdlite") or [])
    assert "torch" not in required
    assert "jax" not in required
