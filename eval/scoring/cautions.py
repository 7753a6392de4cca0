"""What to know beside the figures of an evaluation: sentences made from its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from eval.scoring.most_detections import cap_lines
from eval.scoring.scored_part import part_lines

MARKS = ("warnings", "difficult", "ignore", "hint")
"""Settings that are sentences themselves."""


def cautions(settings: Mapping[str, Any]) -> Iterator[str]:
    """What is not as the bare figures suggest, a sentence each; none where nothing is.

    Args:
        settings: of an `EvalSet` or a `Report`.
    """
    yield from part_lines(settings)
    yield from cap_lines(settings)
    for key in MARKS:
        if said := settings.get(key):
            yield f"{key}: {said}"
