import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import UserError
from detector.data.json_file import parse_json, read_json

TEXT = '{"ä": "Ö"}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(tmp_path, encoding):
    (tmp_path / "a.json").write_text(TEXT, encoding=encoding)
    assert read_json(tmp_path / "a.json").decode() == TEXT


def test_half_a_letter_is_damage(tmp_path):
    (tmp_path / "a.json").write_bytes(TEXT.encode("utf-16")[:-1])
    with pytest.raises(UserError, match=r"a\.json: damaged JSON"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        pytest.param(rb'["a\udcff"]', "a\\udcff", id="a byte of a name"),
        pytest.param(rb'["\uD83D\ude00 \uD83D"]', "\N{GRINNING FACE} \\uD83D", id="beside a pair"),
        pytest.param(rb'["\ude00\ud83d"]', "\\ude00\\ud83d", id="the wrong way round"),
        pytest.param(rb'["\\udcff \"\udcff"]', '\\udcff "\\udcff', id="beside other escapes"),
    ],
)
def test_half_a_letter_becomes_its_number(tmp_path, text, read):
    """Python writes file names that are not UTF-8 so, and strict readers refuse the whole file."""
    (tmp_path / "a.json").write_bytes(text)
    assert parse_json(read_json(tmp_path / "a.json")) == [read]


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_becomes_none(word):
    assert parse_json(f'{{"a": [1, {word}], "b":{word}}}'.encode()) == {"a": [1, None], "b": None}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _without_nan(value):
    if isinstance(value, list):
        return [_without_nan(one) for one in value]
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


@given(VALUES, st.booleans())
def test_whatever_python_writes_is_read_as_it_was_but_for_nan(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii).encode()
    assert parse_json(text) == _without_nan(value)


def test_text_stays_as_it_is():
    assert parse_json(b'["NaN", "a \\" NaN, Infinity", NaN]') == ["NaN", 'a " NaN, Infinity', None]


@pytest.mark.parametrize("text", [b"[NaNo]", b"[1, NaN", b"[Nan]", b"[+Infinity]", b""])
def test_other_damage_is_damage(text):
    with pytest.raises(msgspec.DecodeError):
        parse_json(text)


def test_the_form_still_counts():
    with pytest.raises(msgspec.ValidationError):
        parse_json(b"[NaN, {}]", list[float | None])
    assert parse_json(b"[NaN, 2.5]", list[float | None]) == [None, 2.5]
    assert not math.isnan(parse_json(b"[1.5, NaN]")[0])
