import numpy as np
import pytest

from configs.errors import UserError
from detector.classes import ClassMap
from eval.scoring.eval_set import relabel, shared_classes, truth_of

DATA = ClassMap(("cat", "dog", "zebra"), (2, 5, 90))


@pytest.mark.parametrize(
    ("model", "chosen", "names", "ids"),
    [
        pytest.param(ClassMap(("dog", "cat")), None, ("cat", "dog"), (2, 5), id="shared"),
        pytest.param(None, None, DATA.names, DATA.category_ids, id="a file"),
        pytest.param(None, ["zebra"], ("zebra",), (90,), id="chosen"),
        pytest.param(ClassMap(("dog",)), ["cat", "dog"], ("cat", "dog"), (2, 5), id="chosen more"),
    ],
)
def test_the_classes_to_score_have_the_data_sets_order_and_ids(model, chosen, names, ids):
    classes = shared_classes(model, DATA, chosen)
    assert (classes.names, classes.category_ids) == (names, ids)


def test_no_class_in_common_is_one_line():
    with pytest.raises(UserError, match="share no class"):
        shared_classes(ClassMap(("car",)), DATA)


def test_a_chosen_class_must_exist():
    with pytest.raises(UserError, match="unknown class 'zebr'; did you mean 'zebra'"):
        shared_classes(None, DATA, ["zebr"])


def test_labels_are_carried_over_by_name():
    new = ClassMap(("zebra", "cat"))
    assert relabel(np.array([0, 1, 2, 2]), DATA, new).tolist() == [1, -1, 0, 0]


def test_truth_keeps_the_objects_of_the_scored_classes(sample_of):
    sample = sample_of(1, [[0, 0, 9, 9], [1, 1, 5, 5], [2, 2, 8, 8]], [2, 1, 0], crowd=[0])
    kept = truth_of(sample, DATA, ClassMap(("zebra", "cat")))
    assert kept.labels.tolist() == [0, 1]
    assert kept.is_crowd.tolist() == [True, False]
