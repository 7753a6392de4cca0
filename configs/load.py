"""Reads a YAML configuration into its schema; errors name the key, its place and the nearest."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from configs.errors import UserError, cut, shortened
from configs.schema import Config
from configs.yaml_text import load_yaml

_FOLDER = Path(__file__).parent


def config_names() -> list[str]:
    """The names of the configurations that come with the project, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration.

    Args:
        source: a YAML file, or the name of one that comes with the project (`coco_300`). Where it
            names another as its `base`, it changes that one.
        overrides: `section.key=value` strings, applied last; a value is read as YAML.

    Raises:
        UserError: there is no such file or name, it is not YAML, a key is unknown (the message
            offers the nearest one), or a value has the wrong type or range.
    """
    path = _find(source)
    values = _with_base(_read(path))
    values.setdefault("kind", _kind_of_old(values))
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{path.name}: {_explain(error)}") from error


def dump_config(config: Config) -> str:
    """The resolved configuration as YAML; `load_config` reads it back equal."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False)


def _find(source: str | Path) -> Path:
    for path in (Path(source), _FOLDER / f"{source}.yaml"):
        try:
            if path.is_file():
                return path
        except OSError as error:  # a folder on the way may not be entered
            raise UserError(f"cannot read configuration {path}: {error.strerror}") from error
    raise UserError(f"no configuration {str(source)!r}; a YAML file or one of {config_names()}")


def _read(path: Path) -> dict[str, Any]:
    try:
        values = load_yaml(path.read_text(encoding="utf-8"))
    # ValueError: not UTF-8, or what only looks like a date (2001-99-99).
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"cannot read configuration {path}: {cut(str(error))}") from error
    if values is None:  # an empty file
        return {}
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping of sections, got {type(values).__name__}")
    return values


def _with_base(values: dict[str, Any]) -> dict[str, Any]:
    base = values.pop("base", None)
    if base is None:
        return values
    if base not in config_names():
        raise UserError(f"base: {shortened(base)} is no configuration that comes with the project")
    return _merged(_with_base(_read(_find(base))), values)


def _kind_of_old(values: Mapping[str, Any]) -> str:
    """The kind of a file that does not say it, as none did once: no other section, no detector."""
    return "classifier" if {"classifier"} <= set(values) <= {"classifier", "seed"} else "detector"


def _merged(old: dict[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(old)
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def _apply(values: dict[str, Any], override: str) -> None:
    dotted, separator, text = override.partition("=")
    if not separator:
        raise UserError(f"override {shortened(override)} is not of the form section.key=value")
    *sections, key = dotted.split(".")
    node = values
    for section in sections:
        node = node.setdefault(section, {})
        if not isinstance(node, dict):
            shown = f"{shortened(override)}: {shortened(section)}"
            raise UserError(f"override {shown} is a value, not a section")
    try:
        node[key] = load_yaml(text)
    except (yaml.YAMLError, ValueError) as error:
        shown = shortened(text)
        raise UserError(f"override {shortened(override)}: {shown} is not a YAML value") from error


def first_error(error: ValidationError) -> str:
    """What a schema says first of a file's values, with their place: "epochs: ..., got 'x'"."""
    first = error.errors(include_url=False)[0]
    place = cut(".".join(map(str, first["loc"]))) or "file"
    said = cut(first["msg"].removeprefix("Value error, "))
    # Of these, the value is all that stands around what is wrong.
    of_whole = first["type"] == "value_error" and not first["loc"]
    if of_whole or first["type"] in ("missing", "json_invalid"):
        return f"{place}: {said}"
    return f"{place}: {said}, got {shortened(first['input'])}"


def _explain(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    if first["type"] != "extra_forbidden":
        return first_error(error)
    near = difflib.get_close_matches(str(first["loc"][-1]), _keys_at(first["loc"][:-1]), n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"{cut('.'.join(map(str, first['loc'])))}: unknown key{hint}"


def _keys_at(place: Sequence[int | str]) -> list[str]:
    section: Any = Config
    for part in place:
        section = section.model_fields[str(part)].annotation
    fields: Mapping[str, Any] = section.model_fields if issubclass(section, BaseModel) else {}
    return list(fields)
