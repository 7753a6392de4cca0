"""Large images in tiles; images are of noise, their pixels known."""

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from configs.load import load_config
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.orientation import read_sample
from detector.types import Sample
from training.batches.cache import make_reader
from training.run.run_folder import RunSettings
from training.run.splits import split_lists
from training.run.tiled import Tiled, cut_sample, in_tiles

CONFIG = load_config("finetune", ["model.input_size=96"])


def sample_of(path, boxes, size=(400, 300), image_id=1):
    count = len(boxes)
    return Sample(
        image_id,
        path,
        size[1],
        size[0],
        np.array(boxes, np.float32).reshape(-1, 4),
        np.zeros(count, np.int64),
        np.zeros(count, bool),
        np.zeros(count, bool),
    )


@pytest.fixture
def sample(tmp_path):
    """`sample(boxes, size)`, of an image of noise."""

    def make(boxes, size=(400, 300), name="a"):
        noise = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.png")
        return sample_of(tmp_path / f"{name}.png", boxes, size, name)

    return make


def settings(asked):
    return RunSettings("data", None, "none", None, None, 1, slice=asked)


def dataset(tmp_path, *samples):
    return Dataset("data", tmp_path, ClassMap(("a",)), samples)


# ---- one tile


@pytest.mark.parametrize(
    ("box", "expected", "is_ignored"),
    [
        pytest.param([110, 60, 140, 90], [10, 10, 40, 40], False, id="whole"),
        pytest.param([80, 60, 120, 100], [0, 10, 20, 50], False, id="half of it shows"),
        pytest.param([60, 60, 110, 110], [0, 10, 10, 60], True, id="a fifth of it shows"),
    ],
)
def test_a_cut_object_is_learnt_if_enough_of_it_shows(tmp_path, box, expected, is_ignored):
    tile, hidden = cut_sample(sample_of(tmp_path, [box]), (100, 50, 200, 150), 0.25)
    assert tile.boxes.tolist() == [expected]
    assert tile.is_difficult.tolist() == [is_ignored]
    assert tile.areas.tolist() == [(expected[2] - expected[0]) * (expected[3] - expected[1])]
    assert hidden == is_ignored


@pytest.mark.parametrize(
    "box",
    [
        pytest.param([10, 10, 40, 40], id="elsewhere"),
        pytest.param([60, 60, 100, 90], id="up to its border"),
        pytest.param([60, 60, 101, 90], id="a pixel of it"),
        pytest.param([120, 120, 120, 140], id="no box at all"),
    ],
)
def test_a_tile_does_not_show_what_is_not_in_it(tmp_path, box):
    assert len(cut_sample(sample_of(tmp_path, [box]), (100, 50, 200, 150), 0.25)[0]) == 0


def test_crowds_stay_crowds_and_what_is_difficult_stays_so(tmp_path):
    marked = sample_of(tmp_path, [[110, 60, 140, 90]] * 2)
    object.__setattr__(marked, "is_crowd", np.array([True, False]))
    object.__setattr__(marked, "is_difficult", np.array([False, True]))
    tile, hidden = cut_sample(marked, (100, 50, 200, 150), 0.25)
    assert (tile.is_crowd.tolist(), tile.is_difficult.tolist(), hidden) == (
        [True, False],
        [False, True],
        0,
    )


def test_an_image_of_one_tile_is_itself(tmp_path):
    whole = sample_of(tmp_path, [[110, 60, 140, 90]])
    assert cut_sample(whole, (0, 0, 400, 300), 0.25) == (whole, 0)


# ---- pixels


@pytest.mark.parametrize("cache", ["none", "memory"])
def test_tiles_are_read_as_windows_of_their_image(sample, cache):
    image = np.array(Image.open(sample([], name="b").path))
    tiles = Tiled([sample([], name="b")], 100, 0.25, 0.25, None)
    read = make_reader(cache, 100)
    for tile in tiles:
        x1, y1, x2, y2 = tile.window
        pixels, read_as = read(tile)
        np.testing.assert_array_equal(pixels, image[y1:y2, x1:x2])
        assert (read_as.height, read_as.width) == (100, 100)
        np.testing.assert_array_equal(read(tile)[0], pixels)  # once more, as it was kept


def test_an_image_that_has_shrunk_is_told(sample):
    tile = Tiled([sample([])], 100, 0.25, 0.25, None)[-1]
    Image.new("RGB", (50, 50)).save(tile.path)
    with pytest.raises(UserError, match="is another image than when it was cut into tiles"):
        read_sample(tile)


def test_the_size_of_the_image_counts_not_that_of_its_annotation(sample):
    small = sample([], size=(200, 100))
    claimed = sample_of(small.path, [], size=(800, 800))
    assert len(Tiled([claimed], 100, 0.0, 0.25, None)) == 2


# ---- all tiles


def test_every_object_is_whole_in_a_tile(sample):
    boxes = [[20 * x, 20 * y, 20 * x + 20, 20 * y + 20] for x in range(20) for y in range(15)]
    tiles = Tiled([sample(boxes)], 100, 0.25, 0.25, None)
    found = set()
    for tile in tiles:
        x1, y1, _, _ = tile.window
        found |= {
            tuple(box) for box in (tile.boxes + np.array([x1, y1, x1, y1])).astype(int).tolist()
        }
    assert {tuple(box) for box in boxes} <= found


def test_columns_are_those_of_the_tiles_made_one_by_one(sample):
    tiles = Tiled([sample([[80, 60, 120, 100], [10, 10, 30, 30]])], 100, 0.25, 0.25, 0.25)
    columns = tiles.object_columns()
    assert columns.lengths.tolist() == [len(tile) for tile in tiles]
    assert columns.is_ignored.tolist() == [flag for tile in tiles for flag in tile.is_difficult]


def test_a_quarter_as_many_tiles_without_objects_are_learnt_from(sample):
    tiles = Tiled([sample([[x, 10, x + 20, 30] for x in range(10, 370, 30)])], 100, 0.0, 0.25, 0.25)
    assert (len(tiles), tiles.empty, tiles.cut, tiles.left_out) == (5, 1, 12, 7)
    assert len(tiles[0]) > 0
    assert len(tiles[-1]) == 0


# ---- a run


def test_a_run_is_told_what_becomes_of_its_images(tmp_path, sample, capsys):
    training = dataset(tmp_path, sample([[90, 10, 110, 30], [94, 100, 134, 140]]))
    validation = dataset(tmp_path, sample([[10, 10, 30, 30]], name="v"))
    told, measured, now = in_tiles(training, validation, settings(100), CONFIG, print)
    assert now.slice == now.tile == 100
    assert len(measured) == 35
    assert measured.name == "data in tiles of 100 px"
    said = capsys.readouterr().out
    assert "note: 1 image in 35 tiles of 100 px, which overlap by " in said
    assert "tiles without objects left out" in said
    assert "so AP is that of tiles" in said
    assert len(told) < 35


def test_auto_lets_the_median_object_fill_a_tenth_of_a_tile(tmp_path, sample):
    data = dataset(tmp_path, sample([[10, 10, 30, 30]]))
    assert in_tiles(data, data, settings("auto"), CONFIG, print)[2].slice == 200


def test_auto_asks_for_no_tile_below_the_input_size(tmp_path, sample):
    data = dataset(tmp_path, sample([[10, 10, 14, 14]]))
    assert in_tiles(data, data, settings("auto"), CONFIG, print)[2].slice == 96


def test_a_tile_larger_than_every_image_is_refused(tmp_path, sample):
    data = dataset(tmp_path, sample([[10, 10, 30, 30]]))
    with pytest.raises(UserError, match="no image of data is as large as a tile of 401 px"):
        in_tiles(data, data, settings(401), CONFIG, print)


def test_the_record_of_a_run_names_images_not_tiles(tmp_path, sample):
    data = dataset(tmp_path, sample([[10, 10, 30, 30]]))
    tiled, measured, _ = in_tiles(data, data, settings(100), CONFIG, print)
    assert split_lists(tiled, measured) == {"train": ["a.png"], "val": ["a.png"]}
