"""The main job on real input: the commands as a user runs them."""

import json
import os
import subprocess
import sys

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


@pytest.mark.skipif(sys.platform != "linux", reason="only on Linux is a camera looked for by file")
@pytest.mark.skipif(os.path.exists("/dev/video0"), reason="this machine has a camera")  # noqa: PTH110
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


def test_without_network_cache_or_model_one_line_says_what_to_do(tmp_path):
    """Every request goes to a proxy that is not there."""
    nowhere = "http://127.0.0.1:9"
    home = tmp_path / "home"
    result = run(
        "demo.webcam",
        "--headless",
        SSDLITE_HOME=str(home),
        https_proxy=nowhere,
        HTTPS_PROXY=nowhere,
        NO_PROXY="",
        no_proxy="",
    )
    assert result.returncode == 2
    error = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(error) == 1
    for part in ("https://", str(home / "coco" / "model.json"), "--model"):
        assert part in error[0]
    assert "Traceback" not in result.stderr


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
