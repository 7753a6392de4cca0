"""Where the data set of a run is now: a run is not tied to a place, nor to a current folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from configs.errors import UserError, cut
from training.run.run_folder import RunFolder, RunSettings


def at(settings: RunSettings, folder: RunFolder) -> RunSettings:
    """Settings that are given in the current folder, for a run in a folder."""
    place = str(folder.path.absolute())
    return replace(settings, begun_in=os.getcwd(), run_folder=place)  # noqa: PTH109, text


def found_again(
    settings: RunSettings, folder: RunFolder, told: Mapping[str, str | None]
) -> tuple[RunSettings, list[str]]:
    """The settings of a run with its data set where it is now, and notes on what was moved.

    Args:
        settings: as the run's folder has them.
        folder: of the run.
        told: where they are now, by the names of those settings that are paths; None where that
            is not told.

    Raises:
        UserError: it is neither where it was, nor where it would be if it had been moved together
            with the run.
    """
    notes = []
    for option, new in told.items():
        before = getattr(settings, option)
        now = new or (before and _found(before, settings, folder, option))
        was = before and _whole(before, settings.begun_in)
        if now and was and _whole(now) != was:
            notes.append(f"the {option} of this run, once {cut(was)}, are now {now}")
        settings = replace(settings, **{option: now})
    return settings, notes


def _found(given: str, settings: RunSettings, folder: RunFolder, option: str) -> str:
    if there := next(filter(_exists, _places(given, settings, folder)), None):
        return there
    was = cut(_whole(given, settings.begun_in))
    raise UserError(
        f"the {option} of {folder.path} are gone from {was}; add --{option} NEW, where they are now"
    )


def _places(given: str, settings: RunSettings, folder: RunFolder) -> Iterator[str]:
    """Where it was; as it is named, from here; and where it is if the run went along."""
    was = _whole(given, settings.begun_in)
    yield given if was == _whole(given) else was
    yield given
    if settings.run_folder:
        try:
            beside = os.path.relpath(was, settings.run_folder)
        except ValueError:  # on another drive of Windows
            return
        yield os.path.normpath(folder.path / beside)


def _whole(path: str, begun_in: str | None = None) -> str:
    return os.path.normpath(Path(begun_in or Path.cwd()) / path)


def _exists(data: str) -> bool:
    """Whether a path is there, of DATA:SPLIT that of the data set."""
    before, _, split = data.rpartition(":")
    is_split = bool(before) and "/" not in split and "\\" not in split
    try:
        return Path(data).exists() or (is_split and Path(before).exists())
    except (OSError, ValueError):  # too long a name, or with a zero byte
        return False
