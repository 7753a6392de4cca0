from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from configs.load import load_config
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from training.run.splits import fingerprint, overfit_settings, to_overfit, train_val


def dataset(samples, *names, name="data:train") -> Dataset:
    return Dataset(name, Path("data"), ClassMap(names), samples)


def test_validation_is_brought_into_the_labels_of_training(sample_of):
    boxes = [(0, 0, 9, 9)] * 2
    training = dataset([sample_of(boxes, [0, 1])], "cat", "dog")
    validation = dataset([sample_of(boxes, [0, 1])], "dog", "cat", name="data:val")
    _, relabelled = train_val(training, validation)
    np.testing.assert_array_equal(relabelled[0].labels, [1, 0])
    assert relabelled.name == "data:val"
    assert relabelled.classes == training.classes


def test_nothing_is_made_of_samples_that_nobody_asked_for(sample_of):
    """Of a large data set, samples are made one by one while training."""
    training = dataset([sample_of([(0, 0, 9, 9)])], "cat")
    assert train_val(training, training) == (training, training)


def test_data_without_objects_are_refused(sample_of):
    full, empty = [sample_of([(0, 0, 9, 9)])], [sample_of([])]
    with pytest.raises(UserError, match="data:train holds no object to learn"):
        train_val(dataset(empty, "cat"), dataset(full, "cat"))
    with pytest.raises(UserError, match="data:val holds no object to measure by"):
        train_val(dataset(full, "cat"), dataset(empty, "cat", name="data:val"))


def test_crowds_and_difficult_objects_are_not_learnt(sample_of):
    ignored = [sample_of([(0, 0, 9, 9)] * 2, [0, 0], crowd=[0], difficult=[1])]
    with pytest.raises(UserError, match="data:train holds no object to learn"):
        train_val(dataset(ignored, "cat"), dataset(ignored, "cat"))


@pytest.mark.parametrize("names", [("cat", "dgo"), ("cat", "dog")])
def test_classes_that_training_never_sees_are_refused(sample_of, names):
    training = dataset([sample_of([(0, 0, 9, 9)], [0])], "cat", "dog")
    validation = dataset([sample_of([(0, 0, 9, 9)] * 2, [0, 1])], *names, name="data:val")
    with pytest.raises(UserError, match=rf"data:val has classes of which .*: {names[1]}; check"):
        train_val(training, validation)


def test_the_fingerprint_is_of_all_that_is_learnt(sample_of):
    def digest(*boxes, label=0):
        samples = [sample_of(boxes, [label] * len(boxes))]
        return fingerprint(dataset(samples, "cat", "dog"), dataset(samples, "cat", "dog"))

    assert digest((0, 0, 9, 9)) == digest((0, 0, 9, 9))
    others = [digest((0, 0, 9, 8)), digest((0, 0, 9, 9), label=1)]
    assert digest((0, 0, 9, 9)) not in others


def test_the_fingerprint_is_that_of_version_0_1(sample_of):
    """Runs that were begun with it can be resumed."""
    samples = [sample_of([(0, 0, 9, 9), (1.5, 2, 30, 40)], [0, 1], crowd=[1]), sample_of([])]
    part = dataset(samples, "cat", "dog")
    assert fingerprint(part, part) == "42575b9e8ce7723c"


def test_overfitting_measures_what_it_learns(sample_of):
    samples = [sample_of([]), *[sample_of([(0, 0, 9, 9)])] * 5]
    training, validation = to_overfit(dataset(samples, "cat"), 3)
    assert len(training) == 3
    assert list(validation) == list(training)
    assert training.object_counts() == {"cat": 3}  # an image without objects would teach nothing


def test_overfitting_takes_400_steps():
    finetune = load_config("finetune")
    config = load_config("finetune", overfit_settings(finetune, 3))
    assert (config.loader.batch_size, config.train.epochs) == (3, 400)
    in_batches = load_config("finetune", overfit_settings(finetune, 40))
    assert (in_batches.loader.batch_size, in_batches.train.epochs) == (16, 134)  # of 3 steps


def test_overfitting_takes_all_images_as_they_are_at_one_size_once_an_epoch():
    mosaics = "augment.mosaic_probability=0.5"
    asked = [mosaics, "train.input_sizes=[320]", "loader.repeat_threshold=0.5"]
    config = load_config("finetune", overfit_settings(load_config("finetune", asked), 3))
    assert (config.train.input_sizes, config.loader.repeat_threshold) == ((), 0)
    assert config.augment.mosaic_probability == 0
