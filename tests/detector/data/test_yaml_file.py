"""Names in YAML are text as they stand there, whatever YAML makes of such words elsewhere."""

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.data.write import write_dataset
from detector.data.yaml_file import read_yaml

WORDS = (
    "yes", "no", "off", "on", "y", "010", "1.10", "1e3", "null", "~", "2024-01-02", "0x1F", "1_000",
    "12:30:45", ".inf", "=", "True",
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("names: [{}]", id="a list in one line"),
        pytest.param("names:\n- {}", id="a list"),
        pytest.param("names:\n  0: {}", id="a mapping"),
        pytest.param("names: {{'0': {}}}", id="a mapping from text"),
    ],
)
@pytest.mark.parametrize("word", WORDS)
def test_a_class_may_be_called_like_a_word_of_yaml(make, text, word):
    names = read_yaml(make.text("data.yaml", text.format(word)))["names"]
    assert (list(names.values()) if isinstance(names, dict) else names) == [word]


def test_other_numbers_stay_numbers(make):
    values = read_yaml(make.text("data.yaml", "nc: 2\nkpt_shape: [17, 3]\nnames: [1, 2]"))
    assert values == {"nc": 2, "kpt_shape": [17, 3], "names": ["1", "2"]}


@pytest.mark.parametrize(("text", "wanted"), [("010", "010"), ("2024", "2024"), ("null", None)])
def test_a_folder_may_be_called_by_a_number(make, text, wanted):
    assert read_yaml(make.text("data.yaml", f"path: {text}\ntrain: [{text}]")) == {
        "path": wanted,
        "train": [wanted],
    }


def test_what_a_part_maps_is_left_to_its_reader(make):
    assert read_yaml(make.text("parts.yaml", "train: {size: 1}")) == {"train": {"size": 1}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mark_says_the_encoding(make, encoding):
    path = make.text("data.yaml", "")
    path.write_text("names: [Käse, 猫]", encoding=encoding)
    assert read_yaml(path) == {"names": ["Käse", "猫"]}


@pytest.mark.parametrize("text", ["names: &a [*a]", "names: {a: &a [*a]}", "&a {names: *a}"])
def test_aliases_in_a_circle_are_refused(make, text):
    with pytest.raises(UserError, match="an alias in it names what it stands in"):
        open_dataset(make.text("data.yaml", f"{text}\n"))


def test_such_names_come_through_a_conversion(make, tmp_path):
    make.yolo({"a": "16 0.5 0.5 0.5 0.5"}, names=WORDS)
    write_dataset(open_dataset(make.root), tmp_path / "new", "yolo")
    assert open_dataset(tmp_path / "new").classes.names == WORDS
    assert "1: 'no'" in (tmp_path / "new/data.yaml").read_text()
