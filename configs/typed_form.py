"""Names of commands in help and hints: `ssdlite VERB` or `python -m MODULE`, as the user typed."""

from collections.abc import Mapping

_verbs: dict[str, str] = {}  # by module; empty until `ssdlite` says what its verbs are


def use_verbs(verbs: Mapping[str, str]) -> None:
    """From now on, name commands by their verbs: the user typed one.

    Args:
        verbs: by module, such as {"training.check": "check"}.
    """
    _verbs.update(verbs)


def verb_of(module: str) -> str | None:
    """The verb that names a module here; None where it is named by `python -m`."""
    return _verbs.get(module)


def command_name(module: str) -> str:
    """What to type for the command of a module: "ssdlite check" or "python -m training.check"."""
    verb = verb_of(module)
    return f"ssdlite {verb}" if verb else f"python -m {module}"
