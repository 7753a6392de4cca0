"""The main job on real input: the commands as a user runs them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest


def run(*arguments, **environment) -> subprocess.CompletedProcess:
    # No display and no camera that a developer's machine may have.
    inherited = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=inherited | environment,
    )


@pytest.fixture(scope="session")
def weights(test_data):
    return test_data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"


without_a_camera = pytest.mark.skipif(
    sys.platform != "linux" or any(Path("/dev").glob("video*")),
    reason="only on Linux is a camera looked for by file, and this machine may have one",
)


@without_a_camera
def test_the_demo_finds_the_person_in_the_built_in_clip(weights, tmp_path):
    video, found = tmp_path / "demo.mp4", tmp_path / "demo.json"
    result = run("demo.webcam", "--model", weights, "--save", video, "--json", found)
    assert result.returncode == 0, result.stderr
    assert "no camera found; playing the built-in clip" in result.stderr
    assert "no display: running headless" in result.stderr
    assert "person in 180 of 180 frames" in result.stdout
    capture = cv2.VideoCapture(str(video))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 180
    assert capture.get(cv2.CAP_PROP_FPS) == 30
    frames = json.loads(found.read_text())["images"]
    assert all(f["detections"][0]["name"] == "person" for f in frames)


def run_offline(home, *arguments):
    """The demo; every request goes to a proxy that is not there, and the cache is empty."""
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    surroundings = {"SSDLITE_HOME": str(home), "NO_PROXY": "", "no_proxy": "", **proxies}
    return run("demo.webcam", "--headless", *arguments, **surroundings)


def test_without_network_and_cache_one_line_says_what_to_do(tmp_path):
    home = tmp_path / "home"
    result = run_offline(home, "--model", "coco")
    assert result.returncode == 2
    error = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    for part in ("https://", str(home / "coco" / "model.json"), "name a model that is on disk"):
        assert part in error[0]
    assert "Traceback" not in result.stderr


@without_a_camera
def test_without_network_camera_and_screen_the_built_in_model_finds_shapes(tmp_path):
    video = tmp_path / "demo.mp4"
    result = run_offline(tmp_path / "home", "--save", str(video), "--frames", "60")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("taking the built-in model, which finds circles, ") == 1
    assert f"saved {video}" in result.stdout
    for shape in ("circle", "triangle", "square", "star", "cross", "heart"):
        assert f"{shape} in " in result.stdout
    assert video.stat().st_size > 10_000


def test_real_photos_give_json_coco_results_and_drawings(weights, test_data, tmp_path):
    photos = sorted((test_data / "data/coco/val2017").glob("*.jpg"))[:10]
    result = run(
        *("detector.detect", *photos, "--model", weights, "--score", "0.3"),
        *("--json", tmp_path / "a.json", "--coco", tmp_path / "b.json", "--draw", tmp_path / "d"),
    )
    assert result.returncode == 0, result.stderr
    readable = json.loads((tmp_path / "a.json").read_text())["images"]
    rows = json.loads((tmp_path / "b.json").read_text())
    assert sum(len(image["detections"]) for image in readable) == len(rows) > 10
    assert {row["image_id"] for row in rows} <= {int(photo.stem) for photo in photos}
    assert len(list((tmp_path / "d").iterdir())) == 10
