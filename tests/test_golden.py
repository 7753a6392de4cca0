"""What the commands took and gave before the code was laid out anew, they take and give still.

`tests/golden/` was written by `tests/tools/record_golden.py` in the tree of before (dc527bb). What
is new may stand beside it. On purpose changed? Record again, and say so in CHANGELOG.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
GOLDEN = {file.stem: file for file in (ROOT / "tests/golden").glob("*.json")}
LIVE = {"live", "events"}  # of the built-in clip, which plays where there is no camera
HAS_CAMERA = sys.platform != "linux" or any(Path("/dev").glob("video*"))

pytestmark = pytest.mark.timeout(1800)  # half a minute, and much longer on a busy machine


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Path:
    """Files like those of `tests/golden/`, of the present tree."""
    folder = tmp_path_factory.mktemp("golden")
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "SSDLITE_TEST_DATA"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    result = subprocess.run(
        [sys.executable, "-m", "tests.tools.record_golden", str(folder)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


@pytest.mark.parametrize("topic", sorted(GOLDEN))
def test_everything_recorded_is_still_so(topic, recorded):
    before, now = (
        json.loads(file.read_text()) for file in (GOLDEN[topic], recorded / f"{topic}.json")
    )
    if topic == "detection" and HAS_CAMERA:
        before = {name: one for name, one in before.items() if name not in LIVE}
    assert list(differences(before, now, topic)) == []


def differences(before: Any, now: Any, place: str) -> Iterator[str]:
    """What is missing or of another value; keys may be added, floats be 1e-4 apart."""
    if isinstance(before, dict) and isinstance(now, dict):
        for key, value in before.items():
            if key in now:
                yield from differences(value, now[key], f"{place}.{key}")
            else:
                yield f"{place}.{key}: is gone"
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, pair in enumerate(zip(before, now, strict=True)):
            yield from differences(*pair, f"{place}[{index}]")
    elif not same(before, now):
        yield f"{place}: was {before}, is {now}"


def same(before: Any, now: Any) -> bool:
    if isinstance(before, float) and isinstance(now, int | float):
        return math.isclose(before, now, rel_tol=1e-4, abs_tol=1e-4)
    return type(before) is type(now) and before == now


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, [], id="a key is added"),
        pytest.param({"a": {"b": 1}}, {"a": {}}, ["x.a.b: is gone"], id="a key is gone"),
        pytest.param([1.0], [1.00005], [], id="noise"),
        pytest.param([1.0], [1.001], ["x[0]: was 1.0, is 1.001"], id="another figure"),
        pytest.param([1], [1, 2], ["x: was [1], is [1, 2]"], id="one entry more"),
        pytest.param({"a": 1}, {"a": "1"}, ["x.a: was 1, is 1"], id="another type"),
    ],
)
def test_differences_are_named(before, now, expected):
    assert list(differences(before, now, "x")) == expected
