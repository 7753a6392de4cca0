"""Samples that are made when asked for say what they hold without being made."""

from pathlib import Path

import numpy as np
import pytest

from detector.classes import ClassMap
from detector.data.dataset import Dataset, join
from detector.data.lazy_samples import Selection, object_columns
from detector.data.open import open_dataset
from detector.types import Sample


def sample_of(labels, crowd=(), difficult=()) -> Sample:
    rows = np.arange(len(labels))
    boxes = np.tile(np.array([[0, 0, 9, 9]], np.float32), (len(labels), 1))
    flags = np.isin(rows, crowd), np.isin(rows, difficult)
    return Sample("a", Path("a.jpg"), 100, 200, boxes, np.array(labels, np.int64), *flags)


def assert_as_made(lazy) -> None:
    """The columns are those of the samples, each of which is made here."""
    found, made = object_columns(lazy), object_columns(list(lazy))
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name), err_msg=name)


@pytest.fixture
def samples():
    return [sample_of([0, 1, 1], crowd=[0]), sample_of([]), sample_of([1, 0], difficult=[1])]


@pytest.mark.parametrize("chosen", [[0, 1, 2], [2, 0], [1], []])
def test_a_selection_has_the_objects_of_the_samples_chosen(samples, chosen):
    selection = Selection(samples, np.array(chosen, int))
    assert_as_made(selection)
    assert object_columns(selection).lengths.tolist() == [len(samples[i]) for i in chosen]


def test_joined_parts_have_the_objects_of_all_in_the_new_labels(samples):
    parts = {
        name: Dataset(name, Path(), ClassMap(classes), samples)
        for name, classes in (("train", ("dog", "cat")), ("val", ("cat", "dog")))
    }
    joined = join("both", Path(), parts)
    assert_as_made(joined.samples)
    assert_as_made(joined.split("val"))
    assert joined.object_counts() == {"cat": 3, "dog": 3}


def test_objects_are_counted_without_crowds_and_difficult_ones(samples):
    dataset = Dataset("d", Path(), ClassMap(("cat", "dog")), samples)
    assert dataset.object_counts() == {"cat": 0, "dog": 3}
    assert Dataset("d", Path(), ClassMap(("cat",)), []).object_counts() == {"cat": 0}


def test_a_coco_file_tells_its_objects_from_its_arrays(test_data):
    for split in ("train", "val"):
        part = open_dataset(test_data / "data/coco").split(split)
        assert_as_made(part)


def test_labels_of_the_same_classes_are_left_as_they_are(samples):
    dataset = Dataset("d", Path(), ClassMap(("cat", "dog")), samples)
    assert dataset.in_classes(dataset.classes) is dataset
    longer = ClassMap(("ant", "dog", "cat"))
    assert dataset.in_classes(longer)[0].labels.tolist() == [2, 1, 1]
