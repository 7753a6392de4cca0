"""What a command asks of a run: its configuration, and whether a run to go on with is that one."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import cut
from detector.slicing.tiling import AUTO

if TYPE_CHECKING:
    from pydantic import BaseModel

    from configs.schema import Config
    from detector.classes import ClassChoice
    from training.run.run_folder import RunFolder, RunSettings

DEFAULT_CONFIG = "finetune"


def seconds(text: str) -> float:
    """An argparse type: a time such as 90s, 30m or 2h, in seconds."""
    matched = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    if not matched or not float(matched[1]):
        raise argparse.ArgumentTypeError(f"must be like 90s, 30m or 2h, got {text}")
    return float(matched[1]) * {"s": 1, "m": 60, "h": 3600}[matched[2]]


def asked_config(
    args: argparse.Namespace, overfit: int | None, default: str | Path = DEFAULT_CONFIG
) -> Config:
    """The configuration that a command asks for, of a detector.

    Raises:
        UserError: there is no such recipe, or a setting is wrong.
    """
    from configs.load import load_config
    from training.run.splits import overfit_settings

    source = args.config or default
    # A run trains a detector, whatever its recipe is of, and its config.yaml says so.
    asked = [*args.set, *([f"train.freeze={args.freeze}"] if args.freeze else []), "kind=detector"]
    config = load_config(source, asked)
    return load_config(source, [*overfit_settings(config, overfit), *asked]) if overfit else config


def otherwise(
    args: argparse.Namespace, folder: RunFolder, config: Config, settings: RunSettings
) -> list[str]:
    """What a command says of a run, and the run's folder otherwise: "--time: None -> 300.0"."""
    from detector.data.class_choice import class_choice

    choice = class_choice(args.classes, args.merge)
    # Where images without objects are now may be told; that there are any may not.
    added = str(args.negatives) if args.negatives and not settings.negatives else None
    pairs = (
        ("--negatives", added, settings.negatives),
        ("--voc-origin", args.voc_origin, settings.voc_origin),
        ("--start", _normal(args.start), _normal(settings.start)),
        ("--time", args.time, settings.seconds),
        ("--overfit", args.overfit, settings.overfit),
        ("--slice", args.slice if args.slice != AUTO else settings.slice or AUTO, settings.slice),
        ("--classes", _names(choice.classes), _names(settings.class_choice.classes)),
        ("--merge", _merges(choice), _merges(settings.class_choice)),
    )
    changed = [_arrow(name, old, new) for name, new, old in pairs if new not in (None, old)]
    if args.config or args.set or args.freeze:
        changed += differences(config, asked_config(args, settings.overfit, folder.config))
    return changed


def differences(before: Config, now: Config) -> list[str]:
    """The settings that differ, such as "train.epochs: 40 -> 60"."""
    old, new = _flat(before), _flat(now)
    return [_arrow(key, old[key], new[key]) for key in old if old[key] != new[key]]


def _arrow(name: str, old: object, new: object) -> str:
    return f"{name}: {cut(str(old))} -> {cut(str(new))}"


def _flat(section: BaseModel, prefix: str = "") -> dict[str, Any]:
    """All settings by name, those too that files leave out at their default."""
    flat: dict[str, Any] = {}
    for key in type(section).model_fields:
        value = getattr(section, key)
        if hasattr(value, "model_fields_set"):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = list(value) if isinstance(value, tuple) else value
    return flat


def _names(names: Iterable[str]) -> str | None:
    return ",".join(sorted(names)) or None


def _merges(choice: ClassChoice) -> str | None:
    each = sorted(f"{target}={_names(names)}" for target, names in choice.merge.items())
    return " --merge ".join(each) or None


def _normal(name: str | None) -> str | None:
    """A name without what makes no difference: `data/` is `data`."""
    return name and os.path.normpath(name)
