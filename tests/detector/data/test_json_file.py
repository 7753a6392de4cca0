import math

import msgspec
import pytest

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


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_becomes_none(word):
    assert parse_json(f'{{"a": [1, {word}], "b":{word}}}'.encode()) == {"a": [1, None], "b": None}


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
