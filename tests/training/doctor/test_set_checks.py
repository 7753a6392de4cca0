import pytest

from configs.schema import Config
from detector.classes import ClassMap
from detector.data.dataset import Dataset
from detector.data.open import open_dataset
from training.doctor.set_checks import (
    check_anchors,
    check_balance,
    check_limits,
    check_splits,
    parts,
)
from training.model.anchor_coverage import measure_anchor_coverage

CAT = ("cat", 10, 10, 50, 50)


def test_an_image_listed_in_two_splits(voc):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "b", "c")
    voc.split("trainval", "a", "b", "c")
    (finding,) = check_splits(open_dataset(voc.root))
    assert (finding.kind.name, finding.path.name) == ("split-overlap", "b.jpg")
    assert finding.message == "stands in train and val"


@pytest.mark.parametrize("union", ["trainval", "all", "default"])
def test_a_list_of_others_taken_together_shares_its_images_rightly(voc, union):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a", "c")
    voc.split("val", "b")
    voc.split(union, "a", "b", "c")
    assert check_splits(open_dataset(voc.root)) == []


def test_a_trainval_that_is_no_exact_union_still_joins_them(voc):
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("train", "a")
    voc.split("val", "b")
    voc.split("trainval", "a", "b", "c")
    assert list(parts(open_dataset(voc.root))) == ["train", "val"]


def test_a_trainval_alone_beside_test_is_a_split(voc):
    """As VOC2007 comes."""
    for stem in "abc":
        voc.add(stem, CAT)
    voc.split("trainval", "a", "b")
    voc.split("test", "b", "c")
    (finding,) = check_splits(open_dataset(voc.root))
    assert finding.message == "stands in test and trainval"


def test_training_on_all_that_is_measured_on_is_no_such_list(voc):
    for stem in "ab":
        voc.add(stem, CAT)
    voc.split("train", "a", "b")
    voc.split("val", "a")
    voc.split("test", "b")
    assert [one.message for one in check_splits(open_dataset(voc.root))] == [
        "stands in test and train",
        "stands in train and val",
    ]


def balance(voc) -> list[str]:
    findings = check_balance(open_dataset(voc.root))
    return [f"{finding.kind.name}: {finding.element} {finding.message}" for finding in findings]


def test_a_class_with_few_objects(voc):
    voc.add("a", *[CAT] * 40, *[("dog", 10, 10, 50, 50)] * 9)
    assert balance(voc) == [
        "class-imbalance: class 'dog' has 9 objects, where the most frequent class has 40"
    ]


def test_a_class_a_hundred_times_rarer_than_another(voc):
    voc.add("a", *[CAT] * 2000, *[("dog", 10, 10, 50, 50)] * 19, *[("cow", 9, 9, 50, 50)] * 20)
    assert [line.split(" has")[0] for line in balance(voc)] == ["class-imbalance: class 'dog'"]


def test_a_class_that_a_split_lacks(voc):
    voc.add("a", *[CAT] * 10, *[("dog", 10, 10, 50, 50)] * 10)
    voc.add("b", *[CAT] * 10)
    voc.split("train", "a")
    voc.split("val", "b")
    assert balance(voc) == ["class-missing-in-split: class 'dog' has no object in val, 10 in all"]


def test_a_class_without_objects(voc):
    voc.add("a", *[CAT] * 10)
    dataset = open_dataset(voc.root, classes=["cat", "unicorn"])
    (finding,) = check_balance(dataset)
    assert (finding.kind.name, finding.element) == ("class-without-objects", "class 'unicorn'")


OFFICIAL, PLUS = Config(), Config(model={"head": "ssdlite_plus"})


def reach(*samples, config=OFFICIAL) -> dict[str, str]:
    """Findings about the anchors of coco_300, by kind."""
    dataset = Dataset("d", samples[0].path, ClassMap(("cat",)), samples)
    coverage = measure_anchor_coverage(samples, config, "coco_300")
    return {f.kind.name: f.message for f in check_anchors(dataset, coverage)}


def test_a_small_object_is_out_of_the_anchors_reach(sample_of):
    assert reach(sample_of([[100, 50, 106, 53]])) == {  # 9x9 px at 300
        "unreached-box": "1 of 1 objects (100.0%): 1 are under 16 px, "
        "0 are over 3 times as long as wide",
        "small-after-resize": "1 of 1 objects (100%) are under 16 px",
    }


def test_ssdlite_plus_reaches_every_object_and_calls_small_what_is_under_its_finer_cell(sample_of):
    nine, six = [[100, 50, 106, 53]], [[100, 50, 104, 52]]  # 9x9 and 6x6 px at 300
    assert reach(sample_of(nine), config=PLUS) == {}
    assert reach(sample_of(six), config=PLUS) == {
        "small-after-resize": "1 of 1 objects (100%) are under 8 px"
    }


def test_large_objects_and_none_are_no_finding(sample_of):
    assert reach(sample_of([[20, 10, 180, 90]])) == {}
    assert reach(sample_of([])) == {}


def test_an_image_with_more_objects_than_limits_let_through(sample_of):
    samples = [sample_of([[20, 10, 180, 90]] * count) for count in (144, 100, 3)]
    dataset = Dataset("d", samples[0].path, ClassMap(("cat",)), samples)
    found = check_limits(dataset, Config(), "coco_300")
    assert {finding.kind.name for finding in found} == {"crowded-images"}
    given, learnt = [finding.message for finding in found]
    assert given == (
        "1 image with more than 100 objects, up to 144: the model gives no more; "
        "set postprocess.max_detections=200"
    )
    assert learnt.endswith("training learns the largest alone; set loader.max_objects=200")
