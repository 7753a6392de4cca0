from collections import Counter

import pytest

from configs.errors import UserError
from configs.load import load_config
from training.batches.course import Course


def course(epochs, *settings) -> Course:
    return Course(load_config("finetune", ["model.input_size=300", *settings]), epochs)


SIZES = "train.input_sizes=[224,256,320,384]"


@pytest.mark.parametrize(
    ("epochs", "last"), [(1, 1), (2, 1), (10, 1), (11, 2), (40, 4), (30, 3), (70, 7)]
)
def test_the_last_tenth_of_the_epochs_has_the_models_own_size(epochs, last):
    sizes = course(epochs, SIZES).input_sizes().tolist()
    assert len(sizes) == epochs
    assert sizes[epochs - last :] == [300] * last
    assert 300 not in sizes[: epochs - last]
    assert course(epochs, SIZES).epochs_at_own_size == last


def test_every_size_comes_as_often_as_the_others_in_any_order():
    sizes = course(40, SIZES).input_sizes().tolist()
    rows = [tuple(sizes[first : first + 4]) for first in range(0, 36, 4)]
    assert all(sorted(row) == [224, 256, 320, 384] for row in rows)
    assert len(set(rows)) > 3
    assert Counter(course(40, "train.input_sizes=[224,320,320]").input_sizes().tolist()) == {
        320: 24,
        224: 12,
        300: 4,
    }


def test_sizes_depend_on_the_seed_and_the_epoch_alone():
    """More epochs change no size but at the former end."""
    short, long = course(20, SIZES), course(60, SIZES)
    assert short.input_sizes()[:18].tolist() == long.input_sizes()[:18].tolist()
    assert [long.input_size(epoch) for epoch in (7, 3)] == long.input_sizes()[[7, 3]].tolist()
    other = course(60, SIZES, "seed=1").input_sizes()
    assert (other != long.input_sizes()).any()


def test_without_sizes_all_epochs_have_the_models():
    assert set(course(12).input_sizes().tolist()) == {course(12).input_size(5)} == {300}


@pytest.mark.parametrize(
    ("until", "epochs", "with_mosaics"),
    [(1.0, 7, 7), (0.8, 10, 8), (0.8, 7, 5), (0.7, 10, 7), (0.29, 100, 29), (0.9, 1, 0), (0, 9, 0)],
)
def test_mosaics_end_with_their_share_of_the_epochs(until, epochs, with_mosaics):
    """Rounded down, so that an end is an end in a short run, too."""
    of_run = course(epochs, f"augment.mosaic_until={until}")
    assert of_run.epochs_with_mosaics == with_mosaics


def test_the_course_in_words():
    assert course(40).to_lines() == []
    assert course(40, "augment.mosaic_until=0.8").to_lines() == []  # there are none
    both = (SIZES, "augment.mosaic_until=0.8", "augment.mosaic_probability=0.5")
    assert course(40, *both).to_lines() == [
        "input sizes of 224, 256, 320, 384 px by turns; the last 4 epochs and all measurements at "
        "300 px",
        "no mosaics in the last 8 epochs",
    ]


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("train.input_sizes=[320,90]", r"train.input_sizes.1: .* greater than or equal to 96"),
        ("train.input_sizes=[4000]", r"train.input_sizes.0: .* less than or equal to 2048"),
        ("train.input_sizes=[large]", r"train.input_sizes.0: .* valid integer"),
        ("train.input_sizes=320", r"train.input_sizes: .* valid tuple"),
        ("augment.mosaic_until=1.5", r"augment.mosaic_until: .* less than or equal to 1"),
        ("loader.repeat_threshold=-1", r"loader.repeat_threshold: .* greater than or equal to 0"),
    ],
)
def test_what_is_no_size_or_share_is_one_line(setting, says):
    with pytest.raises(UserError, match=says) as caught:
        load_config("finetune", [setting])
    assert "\n" not in str(caught.value)
