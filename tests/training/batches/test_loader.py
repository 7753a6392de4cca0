import itertools
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import fields, replace

import numpy as np
import pytest

from configs.errors import UserError
from configs.schema import Config, ModelConfig
from detector.data.open import open_dataset
from detector.images import read_image
from detector.preprocess import resize
from training.batches.loader import Batch, Loader, cache_bytes

SIZE = 96


def config(mosaic=0.0, seed=0, until=1.0, sizes=(), **loader):
    return Config.model_validate(
        {
            "seed": seed,
            "model": {"input_size": SIZE},
            "train": {"input_sizes": sizes},
            "augment": {"mosaic_probability": mosaic, "mosaic_until": until},
            "loader": {"batch_size": 4, "max_objects": 5, "workers": 2, **loader},
        }
    )


def load(samples, augment=True, report=None, cache_folder=None, epochs=None, **settings):
    return Loader(
        samples,
        config(**settings),
        augment=augment,
        epochs=epochs,
        report=report,
        cache_folder=cache_folder,
    )


def load_one(loader, index, epoch) -> Batch:
    """A batch of one sample."""
    batch = Batch.empty(1, SIZE, loader.max_objects)
    loader.load(batch, 0, index, epoch)
    return batch


def labels_of(loader, index, epoch=0) -> list[int]:
    labels = load_one(loader, index, epoch).labels
    return labels[labels >= 0].tolist()


def assert_same(batches, others):
    batches, others = list(batches), list(others)
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        for field in fields(batch):
            np.testing.assert_array_equal(getattr(batch, field.name), getattr(other, field.name))


def test_a_batch_has_fixed_shapes_and_is_padded(photos, sample_of):
    samples = photos(4)
    flags = np.array([True, False]), np.array([False, False])
    samples[2] = replace(samples[2], is_crowd=flags[0], is_difficult=flags[1])
    samples[1] = samples[1].objects(np.array([True, False]))
    (batch,) = load(samples, augment=False).batches(0)
    assert batch.images.shape == (4, SIZE, SIZE, 3) and batch.images.dtype == np.uint8
    assert batch.boxes_fraction.shape == (4, 2, 4) and batch.boxes_fraction.dtype == np.float32
    assert batch.labels.shape == (4, 2) and batch.labels.dtype == np.int64
    assert batch.is_ignored.shape == (4, 2) and batch.is_ignored.dtype == bool
    assert sorted(batch.indices.tolist()) == [0, 1, 2, 3] and batch.indices.dtype == np.int64
    for row, index in enumerate(batch.indices.tolist()):
        sample, count = samples[index], len(samples[index])
        np.testing.assert_array_equal(batch.images[row], resize(read_image(sample.path), SIZE))
        size = np.array([sample.width, sample.height] * 2, np.float32)
        np.testing.assert_allclose(
            batch.boxes_fraction[row, :count], sample.boxes / size, rtol=1e-6
        )
        assert batch.labels[row].tolist() == [index, -1 if index == 1 else index + 100]
        assert batch.is_ignored[row].tolist() == [index == 2, False]
        assert not batch.boxes_fraction[row, count:].any()


def test_there_are_rows_for_the_objects_there_can_be(photos):
    """Two in each image here, four times as many in a mosaic, and never more than is set."""
    samples = photos(4)
    assert load(samples).max_objects == 2
    assert load(samples, mosaic=0.5, max_objects=50).max_objects == 8
    assert load(samples, mosaic=0.5, max_objects=5).max_objects == 5


def test_what_does_not_fit_in_memory_is_not_kept_there(photos):
    said = []
    large = config(cache="memory").model_copy(update={"model": ModelConfig(input_size=2048)})
    Loader(photos(1) * 500_000, large, augment=True, report=said.append)  # 14 TB
    assert len(said) == 1
    assert "do not fit in memory, and are read from their files; loader.cache=disk" in said[0]


def test_cached_images_are_large_enough_for_crops():
    """By default a crop may be of a tenth of the image; half as large again is kept at most."""
    assert cache_bytes(10, config(cache="memory")) == 10 * 3 * 144**2
    assert cache_bytes(10, config(cache="none")) == 0


def test_cached_images_are_large_enough_for_the_largest_input():
    assert cache_bytes(10, config(cache="memory", sizes=[128, 160])) == 10 * 3 * 240**2
    assert cache_bytes(10, config(cache="memory", sizes=[96])) == 10 * 3 * 144**2


def test_every_sample_is_seen_once_an_epoch_and_a_short_batch_is_filled_up(photos):
    loader = load(photos(10))
    order = loader.order(0)
    assert loader.steps == 3 and sorted(order[:10].tolist()) == list(range(10))
    assert order[10:].tolist() == order[:2].tolist()
    seen = np.concatenate([batch.indices for batch in loader.batches(0)])
    np.testing.assert_array_equal(seen, order)


def test_an_epoch_has_images_of_its_size(photos):
    loader = load(photos(4), sizes=[128, 160], epochs=3)
    (first,), (second,), (last,) = (loader.batches(epoch) for epoch in range(3))
    assert {len(first.images[0]), len(second.images[0])} == {128, 160}
    assert last.images.shape == (4, SIZE, SIZE, 3)
    assert {batch.boxes_fraction.shape for batch in (first, second, last)} == {(4, 2, 4)}


def test_of_another_size_only_the_pixels_differ_where_nothing_is_augmented(photos):
    samples = photos(4)
    for batch in load(samples, augment=False, sizes=[160], epochs=2).batches(0):
        for row, index in enumerate(batch.indices.tolist()):
            expected = resize(read_image(samples[index].path), 160)
            np.testing.assert_array_equal(batch.images[row], expected)
    alone = load(samples, augment=False).batches(0)
    for one, other in zip(load(samples, augment=False, sizes=[160]).batches(0), alone, strict=True):
        np.testing.assert_array_equal(one.boxes_fraction, other.boxes_fraction)


def test_at_one_size_a_loader_is_as_one_for_that_size_alone(photos):
    samples = photos(4)
    (batch,) = load(samples, sizes=[128, 160], epochs=40).at_size(160).batches(7)
    assert len(batch.images[0]) == 160
    (own,) = load(samples, sizes=[128, 160], epochs=40).at_size(SIZE).batches(7)
    assert_same([own], load(samples).batches(7))


def test_rare_classes_are_shown_more_often_and_each_time_otherwise(photos):
    """Ten images of classes of their own, in a tenth of the images each: twice as often."""
    loader = load(photos(10), repeat_threshold=0.4)
    assert loader.steps == 5
    assert np.bincount(loader.order(0)).tolist() == [2] * 10
    seen = [
        (index, batch.images[row].tobytes())
        for batch in loader.batches(0)
        for row, index in enumerate(batch.indices.tolist())
    ]
    assert len(set(seen)) == 20


def test_all_epochs_with_repetitions_have_as_many_steps(photos):
    samples = photos(8)
    samples[7:] = [replace(samples[7], labels=np.array([50, 50]))] * 8
    loader = load(samples, repeat_threshold=0.3)
    orders = [loader.order(epoch) for epoch in range(30)]
    assert {len(order) for order in orders} == {4 * loader.steps}
    assert all(set(order.tolist()) == set(range(15)) for order in orders)
    counts = np.mean([np.bincount(order, minlength=15) for order in orders], axis=0)
    assert counts[:7].min() > 1.5 and counts[7:].max() < 1.4  # but for what fills the last batch


def test_mosaics_show_rare_classes_more_often_too(photos):
    """Of one rare image in sixteen: a fifth of the others where it is repeated four times."""
    common, rare = photos(2)
    samples, shares = [*[replace(common, labels=np.array([1, 1]))] * 15, rare], []
    for threshold in (0.0, 1.0):
        loader = load(samples, mosaic=1.0, max_objects=50, repeat_threshold=threshold)
        found = [labels_of(loader, *pair) for pair in itertools.product(range(15), range(12))]
        shares.append(np.mean(np.concatenate(found) != 1))
    assert 2 * shares[0] < shares[1]


def test_a_set_smaller_than_a_batch_fills_one(photos):
    (batch,) = load(photos(3), batch_size=8).batches(0)
    assert sorted(np.bincount(batch.indices).tolist()) == [2, 3, 3]


def test_the_order_depends_on_seed_and_epoch_alone(photos):
    samples = photos(30)
    order = load(samples).order(3)
    np.testing.assert_array_equal(load(samples, augment=False, workers=1).order(3), order)
    assert (load(samples).order(4) != order).any()
    assert (load(samples, seed=1).order(3) != order).any()


def test_a_sample_depends_on_seed_epoch_and_index_alone(photos):
    samples = photos(6)
    loader, other = load(samples), load(samples)
    list(loader.batches(0))
    for index, epoch in itertools.product((4, 1), (0, 7)):
        assert_same([load_one(loader, index, epoch)], [load_one(other, index, epoch)])
    images = [
        load_one(load(samples, seed=seed), 2, epoch).images
        for seed, epoch in ((0, 0), (0, 1), (1, 0))
    ]
    assert len({image.tobytes() for image in images}) == 3


@pytest.mark.parametrize("mosaic", [0.0, 0.5], ids=["plain", "mosaic"])
@pytest.mark.parametrize("workers", [2, 5, 16])
def test_any_number_of_workers_gives_the_same_batches(photos, workers, mosaic):
    samples = photos(10)
    for epoch in (0, 1):
        alone = load(samples, workers=1, mosaic=mosaic).batches(epoch)
        assert_same(load(samples, workers=workers, mosaic=mosaic).batches(epoch), alone)


@pytest.mark.parametrize("start", [0, 1, 2, 3, 4])
def test_a_run_goes_on_in_the_middle_of_an_epoch_as_if_it_had_never_stopped(photos, start):
    samples = photos(10)
    whole = itertools.chain.from_iterable(load(samples).batches(epoch) for epoch in (0, 1))
    later = load(samples)
    assert_same(later.batches(1, start), list(whole)[3 + start :])


@pytest.mark.parametrize("epoch", range(3))
def test_so_it_does_where_epochs_differ(photos, epoch):
    samples = photos(6)
    differ = {"mosaic": 0.5, "until": 0.7, "sizes": [128, 160], "repeat_threshold": 0.3}
    whole = [list(load(samples, epochs=3, **differ).batches(one)) for one in range(3)]
    for start in range(load(samples, **differ).steps):
        later = load(samples, epochs=3, workers=1, **differ).batches(epoch, start)
        assert_same(later, whole[epoch][start:])


def test_behind_the_end_of_mosaics_images_are_those_of_a_run_without(photos):
    samples = photos(8)
    without = load(samples, max_objects=2)
    with_end = load(samples, mosaic=1.0, until=0.5, epochs=4, max_objects=2)
    for epoch in (2, 3):
        assert_same(with_end.batches(epoch), without.batches(epoch))
    assert any(len({label % 100 for label in labels_of(with_end, i, 1)}) > 1 for i in range(8))


def test_mosaics_are_made_of_four_images(photos):
    samples = photos(8)
    plain, mosaic = load(samples), load(samples, mosaic=1.0, max_objects=50)
    assert max(len({label % 100 for label in labels_of(mosaic, i)}) for i in range(8)) == 4
    assert all({label % 100 for label in labels_of(plain, i)} <= {i} for i in range(8))


@pytest.mark.parametrize("kind", ["memory", "disk"])
def test_a_cache_gives_what_the_file_gives(photos, tmp_path, kind):
    samples = photos(6)
    plain = load(samples, augment=False)
    cached = load(samples, augment=False, cache=kind, cache_folder=tmp_path / "cache")
    for epoch in (0, 1, 1):
        assert_same(cached.batches(epoch), plain.batches(epoch))


def test_augmentation_works_on_cached_images_alike_in_memory_and_on_disk(photos, tmp_path):
    samples = photos(6)
    memory = load(samples, cache="memory")
    disk = load(samples, cache="disk", cache_folder=tmp_path / "cache")
    for epoch in (0, 1):
        assert_same(memory.batches(epoch), disk.batches(epoch))


def test_a_broken_image_is_told_once_counted_and_replaced_by_the_next(photos):
    samples = photos(9)
    samples[4].path.write_bytes(samples[4].path.read_bytes()[:300])
    samples[5].path.unlink()
    said = []
    loader = load(samples, augment=False, report=said.append)
    batches = [batch for epoch in range(3) for batch in loader.batches(epoch)]
    assert len(batches) == 9
    seen = np.concatenate([batch.indices for batch in loader.batches(0)])
    expected = [6 if index in (4, 5) else index for index in loader.order(0).tolist()]
    assert seen.tolist() == expected
    assert len(said) == 2 and sorted(loader.failed) == [4, 5]
    assert all("\n" not in line and "puts another image in its place" in line for line in said)
    assert any("4.jpg" in line for line in said) and any("5.jpg" in line for line in said)


def test_an_image_of_several_samples_is_told_once(photos):
    tile, *others = photos(3)
    tile.path.unlink()
    said = []
    loader = load([tile, tile, *others], augment=False, report=said.append)
    assert set(load_one(loader, 0, 0).indices.tolist()) == {2}
    assert len(said) == len(loader.unreadable) == 1
    assert sorted(loader.failed) == [0, 1]


def test_the_last_image_is_replaced_by_the_first(photos):
    samples = photos(3)
    samples[2].path.unlink()
    assert load_one(load(samples, report=[].append), 2, 0).indices == [0]


def test_replacing_an_image_does_not_depend_on_the_workers(photos):
    samples = photos(10)
    for broken in (3, 4, 9):
        samples[broken].path.write_bytes(b"")
    alone = load(samples, workers=1, report=[].append)
    many = load(samples, workers=4, report=[].append)
    assert_same(many.batches(0), alone.batches(0))


def test_by_default_a_broken_image_is_told_on_stderr(photos, capsys):
    samples = photos(2)
    samples[0].path.write_bytes(b"")
    load_one(load(samples), 0, 0)
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "0.jpg: not an image" in said


@pytest.mark.filterwarnings("error")
def test_if_no_image_can_be_read_the_run_ends_with_one_line(photos):
    samples = photos(3)
    for sample in samples:
        sample.path.unlink()
    loader = load(samples, report=[].append)
    with pytest.raises(UserError, match="none of the 3 images can be read: no such image"):
        next(loader.batches(0))
    assert len(loader.failed) == 3


def test_an_empty_data_set_is_refused():
    with pytest.raises(UserError, match="no images to load"):
        load([])


def test_objects_that_are_no_boxes_are_left_out(photos):
    samples = photos(2)
    boxes = np.array([[5, 10, 5, 50], [20, 4, 55, 500]], np.float32)
    samples[1] = replace(samples[1], boxes=boxes)
    loader = load(samples, augment=False)
    assert labels_of(loader, 1) == [101]
    assert load_one(loader, 1, 0).boxes_fraction[0, 0, 3] == 1.0


def test_of_too_many_objects_the_largest_are_kept_in_their_order(photos):
    (sample,) = photos(1)
    sides = np.array([10, 30, 20, 40, 15], np.float32)
    boxes = np.stack([0 * sides, 0 * sides, sides, sides], axis=1)
    none = np.zeros(5, bool)
    given = {
        "labels": np.arange(5),
        "is_crowd": none,
        "is_difficult": none,
        "is_ignore": none,
        "areas": sides.astype(float),
    }
    many = replace(sample, boxes=boxes, **given)
    loader = load([many], augment=False, max_objects=3)
    assert labels_of(loader, 0) == [1, 2, 3]


def test_an_image_without_objects_is_a_negative(photos):
    (sample,) = photos(1)
    (batch,) = load([sample.objects(np.zeros(2, bool))], batch_size=1).batches(0)
    assert (batch.labels == -1).all() and not batch.boxes_fraction.any()


def test_stopping_early_leaves_no_thread_behind(photos):
    batches = load(photos(20), batch_size=2).batches(0)
    next(batches)
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_memory_is_flat_over_three_epochs(photos):
    settings = Config.model_validate({"loader": {"batch_size": 4, "workers": 2}})
    loader = Loader(photos(40), settings, augment=True)
    peaks = []
    list(loader.batches(0))  # imports
    tracemalloc.start()
    try:
        for epoch in range(1, 4):
            tracemalloc.reset_peak()
            for _ in loader.batches(epoch):
                pass
            peaks.append(tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    images = np.array(peaks) / (300 * 300 * 3)
    assert images.max() < 30 and np.ptp(images) < 8, images  # of 40 in an epoch


def test_the_loader_needs_neither_keras_nor_albumentations_to_be_imported():
    code = (
        "import sys, training.batches.loader; "
        "heavy = {'tensorflow', 'keras', 'albumentations'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "coco/annotations/instances_val2017.json",
        "VOCdevkit/VOC2012",
        "bccd",
        "raccoon",
    ],
)
def test_real_data_sets_load_without_a_word(test_data, name):
    said = []
    dataset = open_dataset(test_data / "data" / name)
    loader = Loader(
        dataset[:48], Config(loader={"batch_size": 24}), augment=True, report=said.append
    )
    batches = list(loader.batches(0))
    assert len(batches) == 2 and not said
    for batch in batches:
        is_object = batch.labels >= 0
        assert is_object.any() and batch.labels.max() < len(dataset.classes)
        boxes = batch.boxes_fraction[is_object]
        assert ((boxes >= 0) & (boxes <= 1)).all() and (boxes[:, 2:] > boxes[:, :2]).all()
        assert not batch.boxes_fraction[~is_object].any()
