from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from detector.classes import ClassMap
from detector.data.class_choice import choose, class_choice
from detector.data.dataset import Dataset
from detector.data.lazy_samples import object_columns
from detector.data.open import open_dataset


@pytest.fixture
def dataset(make, obj):
    """Images of a cat, a difficult kitten and a dog; of a tomcat; of a dog; of nothing."""
    difficult = "<difficult>1</difficult>"
    contents = {
        "a": [obj("cat", 1, 1, 9, 9), obj("kitten", 1, 1, 5, 5, difficult), obj("dog", 2, 2, 9, 9)],
        "b": [obj("tomcat", 3, 3, 9, 9)],
        "c": [obj("dog", 4, 4, 9, 9)],
        "d": [],
    }
    for name, objects in contents.items():
        make.image(f"images/{name}.jpg")
        make.xml(f"annotations/{name}.xml", *objects)
    return open_dataset(make.root)


def chosen(dataset, classes=None, **merges):
    return choose(dataset, class_choice(classes, merges.items()))


def objects(dataset):
    return [[dataset.classes.names[label] for label in sample.labels] for sample in dataset]


def test_nothing_chosen_is_the_data_set_itself(dataset):
    assert chosen(dataset) is dataset


def test_some_classes_alone(dataset):
    few = chosen(dataset, ["cat", "tomcat"])
    assert few.classes == ClassMap(("cat", "tomcat"), (1, 4))
    assert objects(few) == [["cat"], ["tomcat"], [], []]
    assert few[0].boxes.tolist() == [[0, 0, 9, 9]]
    assert few.notes[-1] == (
        "only cat, tomcat: 3 objects of other classes are dropped, and 1 image without any left "
        "kept as negatives"
    )


def test_classes_under_the_name_of_one_of_them(dataset):
    merged = chosen(dataset, cat=["kitten", "tomcat"])
    assert merged.classes == ClassMap(("cat", "dog"), (1, 2))
    assert objects(merged) == [["cat", "cat", "dog"], ["cat"], ["dog"], []]
    assert merged.notes[-1] == ("class cat takes the objects of cat (1), kitten (1), tomcat (1)")


def test_classes_under_a_new_name(dataset):
    merged = chosen(dataset, young=["kitten", "tomcat"])
    assert merged.classes == ClassMap(("cat", "dog", "young"), (1, 2, 3))
    assert objects(merged)[0] == ["cat", "young", "dog"]


def test_both_together(dataset):
    both = chosen(dataset, ["pet"], pet=["cat", "dog", "kitten"])
    assert objects(both) == [["pet"] * 3, [], ["pet"], []]
    assert len(both.notes) == len(dataset.notes) + 2


def test_crowds_and_difficult_objects_keep_their_flags(dataset):
    merged = chosen(dataset, ["cat"], cat=["kitten"])
    assert merged[0].is_difficult.tolist() == [False, True]
    assert merged.object_counts() == {"cat": 1}


@pytest.mark.parametrize("classes", [None, ["cat"], ["dog", "cat"]])
def test_no_sample_need_be_made_to_count(dataset, classes):
    few = chosen(dataset, classes, cat=["tomcat"])
    found, made = few.object_columns(), object_columns(list(few))
    for name in found._fields:
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name), err_msg=name)


def test_splits_and_details_stay(make, obj):
    make.voc("a", "b", train="a", val="b")
    make.xml("Annotations/a.xml", obj("cat", 1, 1, 9, 9), obj("dog", 1, 1, 5, 5, "<pose>x</pose>"))
    few = chosen(open_dataset(make.root, details=True), ["dog"])
    assert len(few.split("train")) == len(few.split("val")) == 1
    assert few[0].details == ({"pose": "x"},)


@pytest.mark.parametrize(
    ("classes", "merges", "says"),
    [
        (["cats"], {}, "unknown class 'cats'; did you mean 'cat'"),
        (["zebra"], {}, "unknown class 'zebra'; known: cat, dog, kitten, tomcat"),
        (None, {"cat": ["kiten"]}, "unknown class 'kiten'; did you mean 'kitten'"),
        (None, {"cat": ["zebra"]}, "unknown class 'zebra'; known: cat, dog, kitten, tomcat"),
        (["kitten"], {"cat": ["kitten"]}, "'kitten' is merged into 'cat'; name that"),
        (None, {"cat": ["dog"], "pet": ["dog"]}, "--merge: 'dog' is merged into 'cat' and 'pet'"),
        (None, {"cat": ["dog"], "pet": ["cat"]}, "--merge: 'cat' is merged into 'pet' itself"),
    ],
)
def test_what_cannot_be_is_one_line(dataset, classes, merges, says):
    with pytest.raises(UserError, match=says):
        chosen(dataset, classes, **merges)


def test_merges_of_one_name_add_up():
    choice = class_choice(None, [("cat", ["kitten"]), ("cat", ["tomcat", "kitten"])])
    assert choice.merge == {"cat": ("kitten", "tomcat")}


def test_images_without_objects_are_no_trouble():
    empty = Dataset("d", Path(), ClassMap(("cat", "dog")), [])
    assert len(chosen(empty, ["cat"])) == 0
