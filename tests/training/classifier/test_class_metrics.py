import numpy as np
import pytest

from training.classifier.class_metrics import measure, to_lines

NAMES = ("cat", "dog", "fox")


def test_figures_by_hand():
    labels = np.array([0, 0, 1, 1, 1])
    probabilities = np.array(
        [[0.8, 0.2, 0], [0.4, 0.6, 0], [0.1, 0.9, 0], [0.3, 0.7, 0], [0.5, 0.3, 0.2]]
    )
    figures = measure(labels, probabilities, NAMES)
    cat, dog, fox = figures.classes
    assert (figures.images, figures.accuracy) == (5, 0.6)
    assert (cat.images, cat.recall) == (2, 0.5)
    assert (dog.images, dog.recall) == (3, pytest.approx(2 / 3))
    # Of the 6 pairs of a cat and another, one is in the wrong order: 0.4 below 0.5.
    assert cat.auc == pytest.approx(5 / 6)
    # 0.2 lies below all dogs, 0.6 above one of them.
    assert dog.auc == pytest.approx(5 / 6)
    assert (fox.images, fox.recall, fox.auc) == (0, None, None)
    assert figures.macro_recall == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert figures.macro_auc == pytest.approx(5 / 6)


def test_equal_scores_are_worth_half():
    figures = measure(np.array([0, 1]), np.full((2, 2), 0.5), NAMES[:2])
    assert figures.macro_auc == 0.5


def test_of_one_class_alone_there_is_no_auc():
    figures = measure(np.array([1, 1]), np.array([[0.1, 0.9], [0.2, 0.8]]), NAMES[:2])
    assert (figures.accuracy, figures.macro_recall, figures.macro_auc) == (1.0, 1.0, None)


def test_the_table_begins_with_the_worst_class():
    probabilities = np.array([[0.9, 0.1, 0], [0.9, 0.1, 0], [0.2, 0.8, 0]])
    lines = to_lines(measure(np.array([0, 1, 1]), probabilities, NAMES))
    assert lines[0] == "accuracy 0.6667 on 3 images"
    assert [line.split()[0] for line in lines[3:]] == ["dog", "cat", "fox", "all"]
    assert lines[5].split() == ["fox", "0", "-", "-"]
