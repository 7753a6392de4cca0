import dataclasses

import numpy as np
import pytest

from configs.load import load_config
from training.batches.loader import Loader
from training.run import plan
from training.run.plan import Plan, Timing, duration, sampled_fit, time_steps

pytestmark = pytest.mark.keras


def make_plan(sample_of, boxes=((20, 20, 90, 90),), settings=(), **changes) -> Plan:
    """Of 100 images of 200x100 px with the same objects."""
    config = load_config("finetune", settings)
    samples = [sample_of(boxes)] * 100
    plan = Plan(
        config=config,
        images=100,
        validation=20,
        counts={"cell": 100 * len(boxes)},
        steps=7,
        epochs=40,
        start="coco",
        fit=sampled_fit(samples, config, "test"),
        timing=Timing(0.5, 1_000_000_000),
        trains_norm=False,
        precision="float32",
        has_gpu=False,
        empty=10,
    )
    return dataclasses.replace(plan, **changes)


def test_the_plan_in_words(sample_of):
    lines = make_plan(sample_of).to_lines()
    assert lines[0] == (
        "100 images (10 without objects), 100 objects of 1 class; 20 images to validate"
    )
    assert lines[1].startswith("40 epochs of 7 steps, 16 images each; learning rate ")
    # 40 x (7 x 0.5 s + a fifth of a measurement of 20 images); 100 cached images: 0.1 GB
    assert lines[2] == "about 2 min: 0.50 s a step, 32.0 images/s; memory 1.1 GB"
    assert "anchors for each object" in lines[3]
    assert len(lines) == 4  # and no warning


def test_the_plan_says_how_fast_the_backbone_learns(sample_of):
    asked = ["train.backbone_rate=auto"]
    whole = "learning rate 0.0008 (adamw, float32)"
    for changes, expected in (
        ({}, whole),  # 280 steps
        ({"epochs": 400}, f"{whole}; for the backbone 0.18 of it"),
        ({"epochs": 400, "start": "none"}, whole),
    ):
        assert make_plan(sample_of, settings=asked, **changes).to_lines()[1].endswith(expected)


def test_the_plan_says_how_epochs_differ(sample_of):
    several = make_plan(
        sample_of,
        settings=["model.input_size=300", "train.input_sizes=[256,352]"],
        repeats="120 images an epoch",
        timing=Timing(0.5, 1_000_000_000, building=600.0),
    )
    lines = several.to_lines()
    assert lines[2] == "120 images an epoch"
    sizes = "input sizes of 256, 352 px by turns"
    assert lines[3] == f"{sizes}; the last 4 epochs and all measurements at 300 px"
    # 40 x 3.7 s and 10 minutes; images cached at 1.41 x 352 px: 0.07 GB
    assert lines[4] == "about 12 min: 0.50 s a step, 32.0 images/s; memory 1.1 GB"


class Stopwatch:
    """A trainer whose steps take as long as their images are large, and the first of a size longer.

    Its clock stands still otherwise.
    """

    def __init__(self):
        self.now, self.sizes = 0.0, []

    def step(self, batch):
        size = batch.images.shape[1]
        self.now += (size / 100) ** 2 + (7.0 if size not in self.sizes else 0.0)
        self.sizes.append(size)


@pytest.fixture
def watch(monkeypatch):
    watch = Stopwatch()
    monkeypatch.setattr(plan, "snapshot", lambda _: None)
    monkeypatch.setattr(plan, "restore", lambda *_: None)
    monkeypatch.setattr(plan.time, "perf_counter", lambda: watch.now)
    return watch


def test_of_several_input_sizes_the_smallest_and_the_largest_are_timed(photos, watch):
    settings = ["model.input_size=100", "train.input_sizes=[200,150,300]", "train.epochs=10"]
    loader = Loader(photos(4), load_config("finetune", settings), augment=True)
    timing = time_steps(watch, loader)
    assert watch.sizes == [100] * 6 + [300] * 6
    # Nine epochs by turns, and one of 100 px.
    assert timing.step == pytest.approx((3 * (4 + 2.25 + 9) + 1) / 10)
    assert timing.building == pytest.approx(3 * 7)


def test_of_one_input_size_there_is_nothing_else_to_build(photos, watch):
    loader = Loader(photos(4), load_config("finetune", ["model.input_size=100"]), augment=True)
    timing = time_steps(watch, loader)
    assert (timing.step, timing.building, len(watch.sizes)) == (1.0, 0.0, 6)


SSDLITE = ["model.head=ssdlite"]


def test_the_anchors_of_ssdlite_plus_are_counted_by_their_centres(sample_of):
    lines = make_plan(sample_of).to_lines()
    assert lines[3] == "up to 13.0 anchors for each object, of those in or beside it"
    assert len(lines) == 4


def test_objects_under_a_cell_of_ssdlite_plus_are_warned_of(sample_of):
    (warning,) = make_plan(sample_of, boxes=((5, 5, 8, 7),)).warnings()
    assert warning.startswith("100% of the objects are under 8 px at the input size, and will be")
    assert make_plan(sample_of, boxes=((5, 5, 9, 9),)).warnings() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"counts": {"cell": 9, "egg": 0}}, "no object to learn of egg", id="class"),
        pytest.param({"boxes": ((5, 5, 8, 7),)}, "under 8 px at the input size", id="tiny"),
        pytest.param(
            {"boxes": ((5, 5, 9, 9),), "settings": SSDLITE},
            "under 16 px at the input size",
            id="tiny for ssdlite",
        ),
        pytest.param(
            {"boxes": ((1, 1, 199, 8),), "settings": SSDLITE},
            "no anchor fits 100% of the objects",
            id="thin",
        ),
        pytest.param({"empty": 0}, "one class, and no image without it", id="no negatives"),
        pytest.param(
            {"over_limits": ["3 images with more than 100 objects"]},
            "3 images with more than 100 objects",
            id="crowded",
        ),
        pytest.param({"epochs": 3}, "21 steps are few", id="short"),
        pytest.param({"precision": "bfloat16"}, "slower than float32 on a CPU", id="bfloat16"),
        pytest.param(
            {"trains_norm": True, "settings": [*SSDLITE, "loader.batch_size=4"]},
            "batch norm trains on batches of 4: use 8 or more, or train.freeze_norm=true",
            id="small batches",
        ),
    ],
)
def test_settings_that_will_disappoint_are_warned_of(sample_of, changes, says):
    (warning,) = make_plan(sample_of, **changes).warnings()
    assert says in warning


def test_small_batches_of_ssdlite_plus_are_warned_of_without_a_remedy_that_does_not_help(sample_of):
    settings = ["loader.batch_size=4"]
    (warning,) = make_plan(sample_of, settings=settings, trains_norm=True).warnings()
    assert warning == "batch norm trains on batches of 4: use 8 or more"


def test_of_negatives_nothing_is_said_of_several_classes_or_where_few_images_are_overfit(sample_of):
    assert make_plan(sample_of, empty=0, counts={"cell": 50, "egg": 50}).warnings() == []
    assert make_plan(sample_of, empty=None).warnings() == []


def test_bfloat16_is_no_fault_on_a_gpu(sample_of):
    assert make_plan(sample_of, precision="bfloat16", has_gpu=True).warnings() == []


def test_the_fit_of_many_images_is_of_some(sample_of):
    many = [sample_of([(10, 10, 60, 60)])] * 5000
    assert 2000 <= len(sampled_fit(many, load_config("finetune"), "test")) <= 2500


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (75, "75 s"), (600, "10 min"), (5399, "90 min"), (9000, "2.5 h")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_counts_of_anchors_are_real(sample_of):
    """One object of exactly an anchor's shape has at least that one."""
    plan = make_plan(sample_of)
    assert np.all(plan.fit.positives >= 1)
