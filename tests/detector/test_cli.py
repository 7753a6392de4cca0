import subprocess
import sys

import pytest

from detector.cli import VERBS


def ssdlite(*arguments: str) -> subprocess.CompletedProcess:
    code = "from detector.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_verb():
    text = ssdlite("--help").stdout
    assert all(verb in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_shows_its_own_help_with_an_example(verb):
    result = ssdlite(verb, "--help")
    assert result.returncode == 0
    assert VERBS[verb][0] in result.stdout
    assert "example" in result.stdout


def test_an_exit_code_is_handed_on():
    assert ssdlite("summary", "no_such_network").returncode == 2


def test_an_unknown_verb_is_refused():
    result = ssdlite("fly")
    assert result.returncode == 2
    assert "invalid choice" in result.stderr
