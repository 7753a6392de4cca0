import json

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset


def line(name, boxes, categories, key="categories", **more):
    return json.dumps({"file_name": name, "objects": {"bbox": boxes, key: categories, **more}})


@pytest.fixture
def folder(make):
    """Writes `metadata.jsonl` and the images that its lines name."""

    def write(*lines, name="metadata.jsonl"):
        for text in lines:
            above = name.rpartition("/")[0]
            make.image(f"{above}/{json.loads(text)['file_name']}".lstrip("/"))
        return make.text(name, "\n".join(lines))

    return write


@pytest.mark.parametrize("key", ["categories", "category", "label", "labels"])
def test_names_as_classes(make, folder, key):
    path = folder(
        line("a.jpg", [[1, 2, 10, 20], [5, 5, 6.5, 7]], ["cell", "bin"], key),
        line("b.jpg", [], [], key),
    )
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert dataset.form == "Hugging Face image folder"
        assert dataset.classes.names == ("bin", "cell")
        assert dataset[0].boxes.tolist() == [[1, 2, 11, 22], [5, 5, 11.5, 12]]
        assert dataset[0].labels.tolist() == [1, 0]
        assert len(dataset[1]) == 0
        assert not dataset.findings


def test_numbers_without_names(make, folder):
    folder(line("a.jpg", [[1, 2, 10, 20], [5, 5, 6, 7]], [3, 0]))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("class_0", "class_3")
    assert dataset[0].labels.tolist() == [1, 0]
    assert "numbers its classes, and no README.md names them" in dataset.notes[0]


CARDS = {
    "a struct": """
  features:
  - name: objects
    struct:
    - name: categories
      list:
        class_label:
          names:
            '0': cell
            '1': dust bin""",
    "a sequence": """
  features:
  - name: objects
    sequence:
    - name: category
      dtype:
        class_label:
          names: {'0': cell, '1': dust bin}""",
    "a list of names": """
  features:
  - name: label
    dtype:
      class_label:
        names: [cell, dust bin]""",
    "several configurations": """
  - config_name: default
    features:
    - name: category
      dtype:
        class_label:
          names: {0: cell, 1: dust bin}""",
}


@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS)
@pytest.mark.parametrize("where", ["", "train/"])
def test_the_card_names_the_numbers(make, folder, card, where):
    make.text("README.md", f"---\nlicense: mit\ndataset_info:{card}\n---\n# Cells\n")
    folder(line("a.jpg", [[1, 2, 10, 20]], [1]), name=f"{where}metadata.jsonl")
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("cell", "dust bin")
    assert dataset[0].labels.tolist() == [1]
    assert not dataset.notes


def test_a_damaged_card_names_nothing(make, folder):
    make.text("README.md", "---\na: [\n---\n")
    folder(line("a.jpg", [[1, 2, 10, 20]], [0]))
    assert open_dataset(make.root).classes.names == ("class_0",)


def test_a_folder_for_each_split(make, folder):
    folder(line("a.jpg", [[1, 2, 10, 20]], [0]), name="train/metadata.jsonl")
    folder(line("b.jpg", [[1, 2, 10, 20]], [1]), name="validation/metadata.jsonl")
    dataset = open_dataset(make.root)
    assert list(dataset.splits) == ["train", "validation"]
    assert dataset.classes.names == ("class_0", "class_1")


def test_one_file_with_folders_in_its_names(make, folder):
    folder(line("train/a.jpg", [[1, 2, 3, 4]], ["x"]), line("test/a.jpg", [[5, 6, 3, 4]], ["x"]))
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "train": [0],
        "test": [1],
    }
    assert dataset[1].boxes.tolist() == [[5, 6, 8, 10]]


@pytest.mark.parametrize(
    "objects",
    [
        {"objects": [{"bbox": [1, 2, 10, 20], "category": "cell"}]},
        {"bbox": [[1, 2, 10, 20]], "label": ["cell"]},
        {"objects": {"bboxes": [[1, 2, 10, 20]], "name": ["cell"]}},
    ],
)
def test_other_ways_to_write_objects(make, objects):
    make.image("a.jpg")
    make.text("metadata.jsonl", json.dumps({"file_name": "a.jpg", **objects}))
    assert open_dataset(make.root)[0].boxes.tolist() == [[1, 2, 11, 22]]


def test_a_csv(make):
    make.image("a.jpg")
    objects = json.dumps({"bbox": [[1, 2, 10, 20]], "categories": ["cell"]}).replace('"', '""')
    path = make.text("metadata.csv", f'file_name,objects\na.jpg,"{objects}"\n')
    for data in (path, make.root):
        assert open_dataset(data)[0].boxes.tolist() == [[1, 2, 11, 22]]


def test_crowds_and_whatever_else_is_said(make, folder):
    folder(line("a.jpg", [[1, 2, 10, 20]], ["cell"], iscrowd=[1], area=[150.5]))
    sample = open_dataset(make.root, details=True)[0]
    assert sample.is_crowd.tolist() == [True]
    assert sample.details == ({"area": 150.5},)


@pytest.mark.parametrize(
    ("boxes", "categories", "says"),
    [
        ([[1, 2, 3, 4], [1, 2, 3]], ["c", "c"], "its bbox is [1, 2, 3], not x, y, width"),
        ([[1, 2, 3, 4], [1, 2, 3, "x"]], ["c", "c"], "its bbox is 'x', not a number"),
        ([[1, 2, 3, 4], [1, 2, 3, 4]], ["c"], "has no class"),
        ([[1, 2, 3, 4]], ["c", "c"], "its bbox is None"),
    ],
)
def test_what_is_no_object_is_left_out_and_told(make, folder, kinds, boxes, categories, says):
    folder(line("a.jpg", boxes, categories))
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


@pytest.mark.parametrize("wrong", ["{", "[1, 2]", '{"file_name": 3}', '{"objects": {"bbox": 3}}'])
def test_a_line_that_says_nothing_is_told(make, folder, kinds, wrong):
    path = folder(line("a.jpg", [[1, 2, 3, 4]], ["cell"]))
    path.write_text(f"{path.read_text()}\n{wrong}\n")
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert len(kinds(dataset)) == 1
    assert dataset.findings[0].element == "line 2"


@pytest.mark.parametrize("text", ['{"file_name": "a.jpg", "text": "a cat"}', "", "{"])
def test_without_boxes_it_says_what_is_needed(make, text):
    make.image("a.jpg")
    make.text("metadata.jsonl", text)
    with pytest.raises(UserError, match="holds no boxes; each line needs file_name and objects"):
        open_dataset(make.root)


def test_a_class_below_zero_is_none(make):
    make.image("a.jpg")
    objects = {"bbox": [[1, 1, 5, 5], [2, 2, 6, 6]], "categories": [-1, 0]}
    make.text("metadata.jsonl", json.dumps({"file_name": "a.jpg", "objects": objects}))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("class_0",)
    assert "its class is -1" in dataset.findings[0].message
