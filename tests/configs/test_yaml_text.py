import random

import pytest
import yaml

from configs.errors import UserError
from configs.load import load_config
from configs.yaml_text import load_yaml
from detector.data.yaml_file import read_yaml


def lists(levels: int, width: int, key: str) -> str:
    """Lists of aliases of lists: width ** levels values in a few lines."""
    lines = ["x0: &x0 lol"]
    for level in range(1, levels + 1):
        lines.append(f"x{level}: &x{level} [{', '.join([f'*x{level - 1}'] * width)}]")
    return "\n".join([*lines, f"{key}: *x{levels}"])


def merges(levels: int, width: int, key: str) -> str:
    """The same by `<<`, which PyYAML writes out itself."""
    lines = ["x0: &x0 {a: 1}"]
    for level in range(1, levels + 1):
        lines.append(f"x{level}: &x{level}")
        lines.append(f"  <<: [{', '.join([f'*x{level - 1}'] * width)}]")
    return "\n".join([*lines, f"{key}: *x{levels}"])


BOMBS = [
    pytest.param(lists(10, 10, "model"), "larger than it is written", id="lists"),
    pytest.param(lists(10, 10, "names"), "larger than it is written", id="names"),
    pytest.param(merges(10, 10, "train"), "larger than it is written", id="merges"),
    pytest.param("names: &a [*a]", "names what it stands in", id="circle"),
    pytest.param("model: " + "[" * 2000, "nests too deeply", id="deep flow"),
    pytest.param(
        "\n".join(" " * depth + "a:" for depth in range(1200)), "nests too deeply", id="deep block"
    ),
]


@pytest.mark.parametrize(("text", "says"), BOMBS)
@pytest.mark.parametrize("read", [load_config, read_yaml])
def test_a_bomb_is_refused_in_one_short_line(tmp_path, read, text, says):
    (tmp_path / "small.yaml").write_text(text)
    with pytest.raises(UserError, match=f"cannot read .*: .*{says}$") as caught:
        read(tmp_path / "small.yaml")
    assert len(str(caught.value)) < len(str(tmp_path)) + 200


def test_a_bomb_in_a_setting_is_refused():
    with pytest.raises(UserError, match="is not a YAML value"):
        load_config("finetune", [f"model=[&a [1, 1], {', '.join(['*a'] * 2000)}]"])


@pytest.mark.parametrize("value", ["!!int", "!!float ''", "!!bool maybe", "!!timestamp soon"])
@pytest.mark.parametrize("read", [load_config, read_yaml])
def test_a_value_that_is_none_of_its_tag_is_one_line(tmp_path, read, value):
    (tmp_path / "c.yaml").write_text(f"seed: {value}")
    with pytest.raises(UserError, match=r"cannot read .*c\.yaml: .*tag names"):
        read(tmp_path / "c.yaml")


def test_ordinary_aliases_are_read():
    text = "base: &base {a: 1, b: [1, 2]}\nhere: {<<: *base, a: 2}\nthere: *base"
    expected = {"base": {"a": 1, "b": [1, 2]}, "here": {"a": 2, "b": [1, 2]}}
    assert load_yaml(text) == expected | {"there": expected["base"]}


@pytest.mark.parametrize("text", ["", "# nothing", b"names: [a, b]", "a: 1.5", "[1, {b: c}]"])
def test_what_is_no_bomb_is_read_as_pyyaml_does(text):
    assert load_yaml(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("model: " + "x" * 100_000, id="a long text"),
        pytest.param("seed: " + "9" * 4000, id="a large number"),
        pytest.param(f"augment: {{crop_min_ious: [{'2, ' * 5000}2]}}", id="a long list"),
        pytest.param(f"? {'k' * 50_000}\n: 1", id="a long key"),
        pytest.param(f"model: !{'t' * 50_000} 1", id="a long tag"),
        pytest.param("model: {anchors: {finest: {a: {b: {c: {d: [1]}}}}}}", id="a deep value"),
    ],
)
def test_a_large_value_is_cut_in_the_message(tmp_path, text):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        load_config(tmp_path / "c.yaml")
    message = str(caught.value).replace(str(tmp_path), "")
    assert len(message) < 500  # what is said, and a value of 200
    assert "\n" not in message


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_file_holds_it_is_read_or_refused_in_one_short_line(tmp_path, seed):
    """Pieces of YAML in any order; `make proofs` tries many more."""
    rng = random.Random(seed)
    pieces = [
        "a: ",
        "&a ",
        "*a",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "  ",
        "<<: ",
        "- ",
        "!x ",
        "9" * 99,
    ]
    pieces += [
        "model: ",
        "train: ",
        "names: ",
        "'",
        '"',
        "? ",
        "| ",
        "2001-99-99",
        ".inf",
        "~",
        "\0",
    ]
    for _ in range(20):
        text = "".join(rng.choices(pieces, k=rng.randrange(1, 40)))
        (tmp_path / "c.yaml").write_text(text)
        for read in (load_config, read_yaml):
            try:
                read(tmp_path / "c.yaml")
            except UserError as error:
                assert len(str(error)) < len(str(tmp_path)) + 500
                assert "\n" not in str(error)
