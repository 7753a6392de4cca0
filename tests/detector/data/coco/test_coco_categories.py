import json

import pytest

from configs.errors import UserError
from detector.data.coco.coco_categories import read_categories
from detector.data.coco.read_coco import read_coco
from detector.data.findings import FileFindings
from detector.data.open import open_dataset
from detector.data.write import write_dataset


@pytest.fixture
def read(tmp_path):
    """The categories of a file whose annotations have some ids, and what was found."""

    def _read(given, used=()):
        findings = FileFindings(tmp_path / "x.json")
        found = read_categories(given, lambda: list(used), findings)
        return found, [f"{one.kind.name} {one.element}" for one in findings.found]

    return _read


@pytest.mark.parametrize(
    "given",
    [
        [{"id": 9, "name": "dog"}, {"id": 2, "name": "cat"}],
        [{"id": "9", "name": "dog"}, {"id": "2", "name": "cat"}],
        [{"id": 9.0, "name": " dog "}, {"id": 2.0, "name": "cat"}],
        {"9": "dog", "2": "cat"},
        {"9": {"name": "dog"}, "2": {"name": "cat", "supercategory": "pet"}},
        {"a": {"id": 9, "name": "dog"}, "b": {"id": "2", "name": "cat"}},
    ],
)
def test_ids_are_numbers_however_they_are_written(read, given):
    found, findings = read(given)
    assert found.classes.names == ("cat", "dog")
    assert found.classes.category_ids == (2, 9)
    assert [entry["id"] for entry in found.entries] == [9, 2]
    assert (findings, found.notes) == ([], ())


@pytest.mark.parametrize(
    "given",
    [
        [{"id": "n02", "name": "dog"}, {"id": "n01", "name": "cat"}],
        [{"id": 1, "name": "dog"}, {"id": "1", "name": "cat"}],
        [{"id": 1, "name": "dog"}, {"id": "007", "name": "cat"}],
        {"dog": "dog", "cat": "cat"},
    ],
)
def test_ids_that_are_no_numbers_are_counted_in_their_order(read, given):
    found, findings = read(given)
    assert found.classes.names == ("dog", "cat")
    assert found.classes.category_ids == (1, 2)
    assert findings == []
    assert "are no numbers: counted from 1" in found.notes[0]


@pytest.mark.parametrize(("used", "ids"), [([0, 1], (0, 1)), ([2], (1, 2)), (["2"], (1, 2))])
def test_names_alone_are_counted_as_the_annotations_do(read, used, ids):
    found, _ = read(["cat", "dog"], used)
    assert found.classes.category_ids == ids
    assert found.notes == (f"x.json: its categories have no ids: counted from {ids[0]}",)


@pytest.mark.parametrize("used", [[], [1], [0, 2], ["cat"]])
def test_names_alone_are_refused_where_nothing_tells_their_ids(read, used):
    with pytest.raises(UserError, match=r"x\.json: its categories are names without ids"):
        read(["cat", "dog"], used)


def test_a_name_that_is_a_number_is_text(read):
    assert read([{"id": 1, "name": 7}, {"id": 2, "name": "8"}])[0].classes.names == ("7", "8")


@pytest.mark.parametrize(
    "broken", [{"id": 3}, {"name": "x"}, {"id": "", "name": "x"}, {"id": 3, "name": " "}, 3, None]
)
def test_a_category_without_id_or_name_is_told(read, broken):
    found, findings = read([{"id": 1, "name": "cat"}, broken])
    assert found.classes.names == ("cat",)
    assert findings == ["unknown-class categories[1]"]


def test_ids_and_names_that_stand_twice_are_told(read):
    entries = [{"id": 1, "name": "cat"}, {"id": 1, "name": "dog"}, {"id": "2", "name": "cat"}]
    found, findings = read(entries)
    assert found.classes.names == ("cat",)
    assert found.label_of == {1: 0, "2": 0}
    assert findings == ["id-collision categories[1]", "category-name-collision category 2"]


@pytest.mark.parametrize("given", [[], {}])
def test_none_at_all_is_refused(read, given):
    with pytest.raises(UserError, match="names no category"):
        read(given)


@pytest.mark.parametrize(
    ("categories", "category_id"),
    [
        ([{"id": "1", "name": "cat"}], 1),
        ([{"id": 1, "name": "cat"}], "1"),
        ([{"id": "n01", "name": "cat"}], "n01"),
        ({"1": "cat"}, 1),
        (["cat"], 0),
    ],
)
def test_a_conversion_writes_ids_as_numbers(make, ann, categories, category_id):
    path = make.coco(annotations=[ann(1, category_id=category_id)], categories=categories)
    dataset = open_dataset(path, details=True)
    assert dataset.object_counts() == {"cat": 1}
    write_dataset(dataset, make.root / "out", "coco")
    written = make.root / "out" / "annotations" / "instances.json"
    (entry,) = json.loads(written.read_text())["categories"]
    assert (type(entry["id"]), entry["name"]) == (int, "cat")
    assert read_coco(written).object_counts() == {"cat": 1}
