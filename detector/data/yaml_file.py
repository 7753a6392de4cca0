"""YAML files that name the classes and parts of a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from configs.errors import UserError

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
