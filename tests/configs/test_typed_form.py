import pytest

from configs import typed_form
from configs.typed_form import command_name, use_verbs


@pytest.fixture
def by_verb(monkeypatch):
    monkeypatch.setattr(typed_form, "_verbs", {})
    use_verbs({"training.check": "check"})


def test_a_module_is_named_as_python_runs_it():
    assert command_name("training.check") == "python -m training.check"


def test_behind_a_verb_commands_are_named_by_theirs(by_verb):
    assert command_name("training.check") == "ssdlite check"


def test_a_module_without_a_verb_keeps_its_name(by_verb):
    assert command_name("eval.voc") == "python -m eval.voc"
