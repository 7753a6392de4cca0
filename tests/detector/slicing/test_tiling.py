from argparse import ArgumentTypeError

import pytest

from configs.errors import UserError
from configs.schema import ModelConfig
from detector.artefact import DetectorSpec, TrainingSizes
from detector.slicing.tiling import AUTO, choose_tiling, tile_size

SIZES = TrainingSizes(
    image_width=640, image_height=480, object_px=48, object_share=0.08, large_object_px=180
)


def spec(sizes=None) -> DetectorSpec:
    model = ModelConfig(input_size=320)
    return DetectorSpec(
        name="m", model=model, class_names=("a",), category_ids=(1,), training_sizes=sizes
    )


def test_auto_shows_the_median_object_as_large_as_in_training():
    tiling = choose_tiling(AUTO, spec(SIZES))
    assert tiling.size == 600
    assert SIZES.object_px / tiling.size == pytest.approx(SIZES.object_share)


def test_the_overlap_holds_nine_of_ten_objects():
    assert choose_tiling(AUTO, spec(SIZES)).overlap == pytest.approx(180 / 600 + 0.06)


def test_auto_says_why_in_one_line():
    assert choose_tiling(AUTO, spec(SIZES)).in_words() == (
        "tiles of 600 px that overlap by 36% (in which an object of 48 px, the median in training, "
        "fills 8% of the side, as it did there)"
    )


@pytest.mark.parametrize("known", [spec(), None], ids=["an old model", "a preset"])
def test_without_figures_a_tile_is_twice_the_input_size(known):
    tiling = choose_tiling(AUTO, known)
    assert tiling.size == (640 if known else 600)
    assert "twice the input size" in tiling.in_words()


def test_a_size_is_taken_as_asked_for():
    assert choose_tiling(512, spec(SIZES)).size == 512


def test_a_tile_larger_than_an_image_is_refused_where_it_was_asked_for():
    with pytest.raises(UserError, match=r"a.jpg is 400x300 px, smaller than a tile of 512 px"):
        choose_tiling(512, spec()).require_fits("a.jpg", 300, 400)
    choose_tiling(400, spec()).require_fits("a.jpg", 300, 400)
    choose_tiling(AUTO, spec()).require_fits("a.jpg", 300, 400)


@pytest.mark.parametrize("text", ["31", "0", "-5", "300.5", "photo.jpg", "", "65536", "²"])
def test_no_sizes(text):
    with pytest.raises(ArgumentTypeError, match="must be auto or 32 to 65535 px"):
        tile_size(text)


def test_a_description_without_sizes_says_nothing_of_them():
    assert "training_sizes" not in spec().model_dump_json()
    whole = spec(SIZES)
    assert DetectorSpec.model_validate_json(whole.model_dump_json()) == whole
