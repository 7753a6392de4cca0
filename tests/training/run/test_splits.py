from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from configs.load import load_config
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from training.run.splits import Task, by_heart


def dataset(samples, *names, name="data:train") -> Dataset:
    return Dataset(name, Path("data"), ClassMap(names), samples)


def test_validation_is_brought_into_the_labels_of_training(sample_of):
    training = dataset([sample_of([(0, 0, 9, 9)] * 2, [0, 1])], "cat", "dog")
    validation = dataset([sample_of([(0, 0, 9, 9)] * 2, [0, 1])], "dog", "cat", name="data:val")
    task = Task.of(training, validation)
    assert task.counts == {"cat": 1, "dog": 1}
    np.testing.assert_array_equal(task.validation[0].labels, [1, 0])
    assert task.data == "data:val"


def test_crowds_and_difficult_objects_are_not_learnt(sample_of):
    samples = [sample_of([(0, 0, 9, 9)] * 3, [0, 0, 0], crowd=[0], difficult=[1])]
    assert Task.of(dataset(samples, "cat"), dataset(samples, "cat")).counts == {"cat": 1}


def test_data_without_objects_are_refused(sample_of):
    full, empty = [sample_of([(0, 0, 9, 9)])], [sample_of([])]
    with pytest.raises(UserError, match="data:train holds no object to learn"):
        Task.of(dataset(empty, "cat"), dataset(full, "cat"))
    with pytest.raises(UserError, match="data:val holds no object to measure by"):
        Task.of(dataset(full, "cat"), dataset(empty, "cat", name="data:val"))


@pytest.mark.parametrize("names", [("cat", "dgo"), ("cat", "dog")])
def test_classes_that_training_never_sees_are_refused(sample_of, names):
    training = dataset([sample_of([(0, 0, 9, 9)], [0])], "cat", "dog")
    validation = dataset([sample_of([(0, 0, 9, 9)] * 2, [0, 1])], *names, name="data:val")
    with pytest.raises(UserError, match=rf"data:val has classes of which .*: {names[1]}; check"):
        Task.of(training, validation)


def test_the_fingerprint_is_of_all_that_is_learnt(sample_of):
    def fingerprint(*boxes, label=0):
        samples = [sample_of(boxes, [label] * len(boxes))]
        return Task.of(dataset(samples, "cat", "dog"), dataset(samples, "cat", "dog")).fingerprint

    assert fingerprint((0, 0, 9, 9)) == fingerprint((0, 0, 9, 9))
    others = [fingerprint((0, 0, 9, 8)), fingerprint((0, 0, 9, 9), label=1)]
    assert fingerprint((0, 0, 9, 9)) not in others


def test_learning_by_heart_measures_what_it_learns(sample_of):
    samples = [sample_of([]), *[sample_of([(0, 0, 9, 9)])] * 5]
    task = Task.of(dataset(samples, "cat"), dataset(samples, "cat")).overfitting(3)
    assert len(task.training) == 3
    assert task.validation == task.training
    assert task.counts == {"cat": 3}  # an image without objects would teach nothing


def test_learning_by_heart_takes_400_steps():
    finetune = load_config("finetune")
    config = load_config("finetune", by_heart(finetune, 3))
    assert (config.loader.batch_size, config.train.epochs) == (3, 400)
    in_batches = load_config("finetune", by_heart(finetune, 40))
    assert (in_batches.loader.batch_size, in_batches.train.epochs) == (16, 134)  # of 3 steps
