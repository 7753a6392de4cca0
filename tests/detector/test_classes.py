import json

import pytest

from configs.errors import UserError
from detector.classes import COCO_CATEGORY_IDS, COCO_NAMES, ClassMap, coco_classes


def test_coco_has_80_names_and_ids_up_to_90_with_gaps():
    gaps = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    assert tuple(n for n in range(1, 91) if n not in gaps) == COCO_CATEGORY_IDS
    assert len(COCO_NAMES) == len(set(COCO_NAMES)) == len(COCO_CATEGORY_IDS) == 80


@pytest.mark.parametrize(
    ("category_id", "name"),
    [
        (1, "person"),
        (11, "fire hydrant"),
        (13, "stop sign"),
        (25, "giraffe"),
        (27, "backpack"),
        (31, "handbag"),
        (44, "bottle"),
        (46, "wine glass"),
        (65, "bed"),
        (67, "dining table"),
        (70, "toilet"),
        (72, "tv"),
        (82, "refrigerator"),
        (84, "book"),
        (90, "toothbrush"),
    ],
)
def test_the_names_on_both_sides_of_each_gap(category_id, name):
    assert coco_classes([category_id]) == ClassMap((name,), (category_id,))


def test_coco_equals_the_categories_of_the_real_annotations(test_data):
    path = test_data / "data" / "coco" / "annotations" / "instances_val2017.json"
    if not path.is_file():
        pytest.skip(f"no {path}")
    categories = json.loads(path.read_text())["categories"]
    expected = ClassMap(
        tuple(category["name"] for category in categories),
        tuple(category["id"] for category in categories),
    )
    assert coco_classes() == expected


def test_some_of_coco_in_the_order_given():
    assert coco_classes([90, 1]) == ClassMap(("toothbrush", "person"), (90, 1))


@pytest.mark.parametrize("category_id", [0, 12, 91, -1])
def test_an_id_that_coco_lacks_is_refused(category_id):
    with pytest.raises(ValueError, match=f"not a COCO category id: {category_id}"):
        coco_classes([1, category_id])


def test_category_ids_are_1_to_c_by_default():
    classes = ClassMap(("cat", "dog", "cow"))
    assert classes.category_ids == (1, 2, 3) and len(classes) == 3


@pytest.mark.parametrize(
    ("names", "ids", "says"),
    [
        pytest.param((), (), "at least one class", id="none"),
        pytest.param(("a", "b", "a"), (), "class name 'a' stands twice", id="name twice"),
        pytest.param(("a", "b"), (7, 7), "category id 7 stands twice", id="id twice"),
        pytest.param(("a", "b"), (7,), "2 class names, but 1 category ids", id="lengths"),
    ],
)
def test_a_table_at_odds_with_itself_is_refused(names, ids, says):
    with pytest.raises(ValueError, match=says):
        ClassMap(names, ids)


def test_names_become_labels_in_the_order_given():
    assert coco_classes().labels_of(["bicycle", "person", "toothbrush"]) == [1, 0, 79]


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("persn", "person"),
        ("Person", "person"),
        ("PERSON", "person"),
        ("TV", "tv"),
        ("Traffic-Light", "traffic light"),
    ],
)
def test_an_unknown_name_is_offered_the_nearest(name, nearest):
    with pytest.raises(UserError) as caught:
        coco_classes().labels_of([name])
    assert str(caught.value) == f"unknown class {name!r}; did you mean {nearest!r}?"


def test_the_offer_is_spelt_as_in_the_table():
    with pytest.raises(UserError, match=r"did you mean 'RBC'\?"):
        ClassMap(("WBC", "RBC", "Platelets")).labels_of(["rbc"])


def test_names_that_differ_in_case_only_are_different():
    assert ClassMap(("Cat", "cat")).labels_of(["cat", "Cat"]) == [1, 0]


def test_a_name_near_to_none_gets_the_whole_list():
    with pytest.raises(UserError, match=r"unknown class 'xyz'; known: cat, dog$"):
        ClassMap(("cat", "dog")).labels_of(["xyz"])
