import re
import subprocess
import sys

import pytest

from detector.cli import VERBS

pytestmark = pytest.mark.slow  # dozens of processes

WITHOUT_VERB = ("eval.voc", "docs.draw_figures", "tests.bench.torch_step", "tests.tools.bundle")


def ssdlite(*arguments: str) -> subprocess.CompletedProcess:
    code = "from detector.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_verb():
    text = ssdlite("--help").stdout
    assert all(verb in text for verb in VERBS)


def python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, check=False
    )


def named(text: str) -> set[str]:
    """The commands that a help names, without their arguments."""
    return set(re.findall(r"python -m [\w.]+\w|ssdlite [a-z]+", text))


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_names_verbs_alone_and_shows_an_example(verb):
    result = ssdlite(verb, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: ssdlite {verb} ")
    assert "examples:\n  ssdlite" in result.stdout
    assert named(result.stdout) <= {f"ssdlite {one}" for one in VERBS}


@pytest.mark.parametrize("module", [*(module for module, _ in VERBS.values()), *WITHOUT_VERB])
def test_help_of_a_module_names_modules_alone_and_shows_an_example(module):
    result = python(module, "--help")
    assert result.returncode == 0
    assert result.stdout.startswith(f"usage: python -m {module} ")
    assert "examples:\n" in result.stdout
    assert not any(one.startswith("ssdlite") for one in named(result.stdout))
    assert "exit code: 0" in result.stdout


@pytest.mark.parametrize("action", ["train", "evaluate", "predict"])
def test_an_action_of_a_verb_is_named_behind_it(action):
    shown = ssdlite("classify", action, "--help").stdout
    assert shown.startswith(f"usage: ssdlite classify {action} ")


def test_a_wrong_option_is_told_in_the_form_that_was_typed():
    assert "\nssdlite shapes: error: " in ssdlite("shapes", "--fly").stderr
    assert "\npython -m training.shapes: error: " in python("training.shapes", "--fly").stderr


def test_a_hint_names_the_form_that_was_typed(tmp_path):
    assert "see `ssdlite check --help` for" in ssdlite("check", str(tmp_path)).stderr
    said = python("training.check", str(tmp_path)).stderr
    assert "see `python -m training.check --help` for" in said


def test_a_command_behind_a_command_names_the_same_form(tmp_path):
    planned = ssdlite("quickstart", "--output", str(tmp_path / "new"), "--dry-run").stdout
    assert planned.startswith("would run ssdlite shapes ")
    code = (
        "from configs.typed_form import use_verbs; from detector.command import run_child; "
        "use_verbs({'training.shapes': 'shapes'}); run_child(['training.shapes', '--help'])"
    )
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert child.stdout.startswith("usage: ssdlite shapes ")


def test_an_exit_code_is_handed_on():
    assert ssdlite("summary", "no_such_network").returncode == 2


def test_an_unknown_verb_is_refused():
    result = ssdlite("fly")
    assert result.returncode == 2
    assert "invalid choice" in result.stderr
