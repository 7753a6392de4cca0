import pytest

from configs.errors import cut, shortened


@pytest.mark.parametrize(
    ("value", "expected"),
    [(5, "5"), ("a'b", '"a\'b"'), ([1, 2], "[1, 2]"), (None, "None"), ({"a": 1}, "{'a': 1}")],
)
def test_a_short_value_is_shown_as_it_is(value, expected):
    assert shortened(value) == expected


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def doubled(times: int) -> list:
    """2 ** times values, in few objects."""
    value: list = ["lol"]
    for _ in range(times):
        value = [value, value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("x" * 100_000, id="text"),
        pytest.param(b"x" * 100_000, id="bytes"),
        pytest.param(10**4200, id="number"),
        pytest.param(10**5000, id="number that Python does not write"),
        pytest.param(list(range(100_000)), id="list"),
        pytest.param({str(key): "y" * 500 for key in range(1000)}, id="mapping"),
        pytest.param(nested(100_000), id="deep"),
        pytest.param(doubled(60), id="shared"),
        pytest.param("line\n" * 1000, id="lines"),
    ],
)
def test_a_large_value_is_one_line_of_200_characters_at_most(value):
    assert len(shortened(value)) <= 200
    assert "\n" not in shortened(value)


def test_a_text_is_cut_on_one_line():
    assert cut("a\n b") == "a b"
    assert cut("x" * 300) == "x" * 197 + "..."
