"""YAML files that name the classes and parts of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from configs.errors import UserError
from detector.data.dataset import SPLIT_FOLDERS

YAML = (".yaml", ".yml")
"""Suffixes of such files."""


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping.

    Raises:
        UserError: it cannot be read, is no YAML, or holds something else.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, ValueError, OSError) as error:
        raise UserError(f"cannot read {path}: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: expected a mapping with names, train and val")
    return values


def folders_named(path: Path) -> list[Path]:
    """The folders that a YAML gives for its images, itself or by the lists that it names."""
    values = read_yaml(path)
    base = path.parent / str(values.get("path") or "")
    entries = [values.get(part) for part in SPLIT_FOLDERS]
    places = [place for one in entries for place in (one if isinstance(one, list) else [one])]
    named = [base / place for place in places if isinstance(place, str)]
    return [one if one.is_dir() else one.parent for one in (base, *named) if one.exists()]
