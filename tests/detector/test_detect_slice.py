"""`detect --slice` as a user sees it; what tiles find is shown by test_sliced_predictor.py."""

import json

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector import detect
from detector.slicing.tiling import AUTO

pytestmark = [pytest.mark.keras, pytest.mark.slow]


@pytest.fixture(scope="module")
def model(tmp_path_factory, detector_maker) -> str:
    """Of an input of 96 px, so that an image is large from 385 px on."""
    return str(detector_maker(tmp_path_factory.mktemp("model") / "tiny", "cat", "dog"))


@pytest.fixture
def image(tmp_path):
    """`image(width, height)`, of noise."""

    def make(width, height):
        path = tmp_path / f"{width}x{height}.png"
        noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(path)
        return str(path)

    return make


def test_boxes_are_in_pixels_of_the_whole_image(model, image, tmp_path, capsys):
    target = tmp_path / "found.json"
    arguments = ["--model", model, "--score", "0.1", "--slice", "96", "--json", str(target)]
    assert detect.main([image(250, 200), *arguments]) == 0
    assert "tiles of 96 px that overlap by 25% (as asked for)" in capsys.readouterr().err
    (entry,) = json.loads(target.read_text())["images"]
    boxes = np.array([one["box"] for one in entry["detections"]])
    assert (entry["width"], entry["height"]) == (250, 200)
    assert boxes[:, 0].max() > 150
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= [250, 200]).all()


def test_a_dry_run_says_the_tiling(model, image, capsys):
    assert detect.main([image(250, 200), "--model", model, "--slice", "96", "--dry-run"]) == 0
    assert ", in 12 tiles: tiles of 96 px that overlap by 25%" in capsys.readouterr().out


@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_a_tile_larger_than_an_image_ends_it_before_anything_is_written(
    model, image, tmp_path, more
):
    target = tmp_path / "found.json"
    images = [image(250, 200), image(90, 80)]
    with pytest.raises(UserError, match=r"90x80.png is 90x80 px, smaller than a tile of 96 px"):
        detect.main([*images, "--model", model, "--slice", "96", "--json", str(target), *more])
    assert not target.exists()


def test_by_itself_a_small_image_is_taken_whole(model, image, capsys):
    both = []
    for more in ((), ("--slice", AUTO)):
        assert detect.main([image(190, 100), "--model", model, "--score", "0.3", *more]) == 0
        both.append(capsys.readouterr().out)
    assert both[0] == both[1]


def test_a_size_that_is_none_is_told(model, image, capsys):
    with pytest.raises(SystemExit):
        detect.main(["--model", model, "--slice", image(90, 80)])
    said = capsys.readouterr().err
    assert "argument --slice: must be auto or 32 to 65535 px" in said
    assert "in front of a file name write --slice auto" in said


# ---- the hint


@pytest.mark.parametrize(
    ("size", "score", "more", "is_told"),
    [
        pytest.param((400, 300), "1", (), True, id="large, nothing found"),
        pytest.param((384, 300), "1", (), False, id="not large"),
        pytest.param((400, 300), "0.01", (), False, id="much found"),
        pytest.param((400, 300), "1", ("--slice", "192"), False, id="in tiles"),
    ],
)
def test_a_large_image_with_little_in_it_gets_a_hint(
    model, image, capsys, size, score, more, is_told
):
    assert detect.main([image(*size), "--model", model, "--score", score, *more]) == 0
    told = "little was found in 1 of 1 image over 4x the input size (96 px)"
    assert (told in capsys.readouterr().err) == is_told


def test_the_hint_comes_once(model, image, capsys):
    images = [image(400 + step, 300) for step in range(3)]
    assert detect.main([*images, "--model", model, "--score", "1"]) == 0
    lines = capsys.readouterr().err.splitlines()
    (hint,) = [line for line in lines if "--slice" in line]
    assert hint.startswith("little was found in 3 of 3 images over 4x the input size (96 px)")
