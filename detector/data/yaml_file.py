"""YAML files that name the classes and parts of a data set."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import yaml

from configs.errors import UserError, cut
from configs.yaml_text import compose, construct
from detector.data.dataset import SPLIT_FOLDERS
from detector.data.values import as_utf8

YAML = (".yaml", ".yml")
"""Suffixes of such files."""

_PATHS = ("path", *SPLIT_FOLDERS)
_NULL = "tag:yaml.org,2002:null"
_TEXT = "tag:yaml.org,2002:str"


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Names and paths are text as it stands there: a class may be called yes, off, 010, 1.10 or null,
    and a folder 2024.

    Raises:
        UserError: it cannot be read, is no YAML, or holds something else.
    """
    try:
        values = _load(as_utf8(path.read_bytes()))
    except RecursionError as error:
        raise UserError(f"cannot read {path}: nests too deeply") from error
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"cannot read {path}: {cut(str(error))}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping with names, train and val")
    return values


def _load(text: bytes) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        top = compose(loader)
        for key, value in top.value if isinstance(top, yaml.MappingNode) else []:
            if key.value == "names" and not isinstance(value, yaml.ScalarNode):
                for scalar in _scalars(value):
                    scalar.tag = _TEXT
            elif key.value in _PATHS and not isinstance(value, yaml.MappingNode):
                for scalar in _scalars(value):
                    scalar.tag = _NULL if scalar.tag == _NULL else _TEXT
        return construct(loader, top)
    finally:
        loader.dispose()


def _scalars(node: yaml.Node) -> list[yaml.Node]:
    """A scalar, or those in a list or a mapping; not deeper, where aliases may go in circles."""
    if isinstance(node, yaml.MappingNode):
        inner = [*itertools.chain.from_iterable(node.value)]
    else:
        inner = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return [one for one in inner if isinstance(one, yaml.ScalarNode)]


def folders_named(path: Path) -> list[Path]:
    """The folders that a YAML gives for its images, itself or by the lists that it names."""
    values = read_yaml(path)
    base = path.parent / str(values.get("path") or "")
    entries = [values.get(part) for part in SPLIT_FOLDERS]
    places = [place for one in entries for place in (one if isinstance(one, list) else [one])]
    named = [base / place for place in places if isinstance(place, str)]
    return [one if one.is_dir() else one.parent for one in (base, *named) if one.exists()]
