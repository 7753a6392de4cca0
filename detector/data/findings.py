"""What can be wrong with a data set: one table of kinds, with what the loader does about each.

Readers and the data doctor (`training.check`) report through the same `Finding`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Kind:
    """A kind of finding.

    Attributes:
        name: its stable name, in JSON reports too.
        severity: "error" where training would lose data or learn something false.
        title: a few words for a heading.
        action: what the reader or the loader does about it.
    """

    name: str
    severity: Severity
    title: str
    action: str


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where.

    Attributes:
        kind: of `KINDS`.
        path: the file.
        element: the part of it ("object 3", "annotation 512", "line 4"); "" for the whole file.
        message: what is wrong, with the numbers.
        others: more files that it concerns, as for duplicates.
    """

    kind: Kind
    path: Path
    element: str
    message: str
    others: tuple[Path, ...] = ()

    def __str__(self) -> str:
        place = f"{self.path}: {self.element}" if self.element else str(self.path)
        return f"{place}: {self.message}; {self.kind.action}"


@dataclass
class FileFindings:
    """The findings about one file, as they come."""

    path: Path
    found: list[Finding] = field(default_factory=list)

    def add(self, kind: str, element: str, message: str) -> None:
        """Note one finding of a kind of `KINDS`."""
        self.found.append(Finding(KINDS[kind], self.path, element, message))


def is_error(finding: Finding) -> bool:
    """Whether training would lose data or learn something false because of it."""
    return finding.kind.severity == "error"


def count_by_kind(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each kind, in the order of `KINDS`; kinds without any left out."""
    counts = dict.fromkeys(KINDS, 0)
    for finding in findings:
        counts[finding.kind.name] += 1
    return {name: count for name, count in counts.items() if count}


def _kind(name: str, severity: Severity, title: str, action: str) -> Kind:
    return Kind(name, severity, title, action)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(
            "unreadable-annotation",
            "error",
            "annotation file that cannot be read",
            "its image is left out",
        ),
        _kind(
            "unreadable-picture",
            "error",
            "image that cannot be decoded",
            "training puts another image in its place and counts it",
        ),
        _kind(
            "missing-picture",
            "error",
            "annotation without an image",
            "the annotation is left out",
        ),
        _kind(
            "missing-annotation",
            "warning",
            "image without an annotation",
            "the image is left out; give it an annotation without objects to train it as empty",
        ),
        _kind(
            "missing-label-file",
            "warning",
            "image without a label file",
            "the image counts as empty, as YOLO has it",
        ),
        _kind(
            "bad-object",
            "error",
            "object that cannot be read",
            "the object is left out",
        ),
        _kind(
            "unknown-class",
            "error",
            "object of an unknown class",
            "the object is left out",
        ),
        _kind(
            "suspect-class-name",
            "warning",
            "class name that looks misspelt",
            "it counts as a class of its own",
        ),
        _kind(
            "id-collision",
            "error",
            "id that stands twice",
            "the first one counts",
        ),
        _kind(
            "dangling-id",
            "error",
            "annotation of an image that is not listed",
            "the annotation is left out",
        ),
        _kind(
            "split-overlap",
            "error",
            "image in more than one split",
            "it stays in each of them, so figures on the other split come out too good",
        ),
        _kind(
            "missing-from-split",
            "error",
            "split that lists an image without annotation",
            "the entry is skipped",
        ),
        _kind(
            "wrong-extension",
            "warning",
            "extension that lies",
            "the content decides, not the name",
        ),
        _kind(
            "size-mismatch",
            "warning",
            "size in the annotation is not the image's",
            "the image's own size counts; boxes are taken as its pixels",
        ),
        _kind(
            "filename-mismatch",
            "warning",
            "file name in the annotation is not the image's",
            "the image with the annotation's own name is taken",
        ),
        _kind(
            "exif-rotation",
            "warning",
            "boxes drawn on an image that EXIF turns",
            "the boxes are turned with the image",
        ),
        _kind(
            "exif-ambiguous",
            "warning",
            "image that EXIF turns or mirrors without changing its size",
            "the image is turned, its boxes are taken as drawn on the turned one",
        ),
        _kind(
            "inverted-box",
            "error",
            "box whose corners are the wrong way round",
            "the object is left out",
        ),
        _kind(
            "zero-area-box",
            "error",
            "box without area (a side of 1 px or less)",
            "the object is left out",
        ),
        _kind(
            "outside-box",
            "error",
            "box wholly outside the image",
            "the object is left out",
        ),
        _kind(
            "clipped-box",
            "warning",
            "box that reaches outside the image",
            "the box is clipped",
        ),
        _kind(
            "tiny-box",
            "warning",
            "box too small to be found",
            "it is trained on, but will hardly be found: use a larger input size",
        ),
        _kind(
            "duplicate-box",
            "warning",
            "object annotated twice",
            "both are trained on",
        ),
        _kind(
            "conflicting-box",
            "warning",
            "box with two classes",
            "both are trained on",
        ),
        _kind(
            "duplicate-picture",
            "warning",
            "the same image twice in one split",
            "both are trained on",
        ),
        _kind(
            "near-duplicate",
            "warning",
            "images that look alike in one split",
            "all are trained on",
        ),
        _kind(
            "leak",
            "error",
            "the same or a similar image in two splits",
            "both stay, so figures on the other split come out too good",
        ),
        _kind(
            "class-imbalance",
            "warning",
            "class with few objects",
            "it is trained on as it is; expect a low AP",
        ),
        _kind(
            "class-without-objects",
            "warning",
            "class without objects",
            "it keeps its label, and its AP is not averaged in",
        ),
        _kind(
            "class-missing-in-split",
            "warning",
            "class that one split lacks",
            "it cannot be learnt, or not be measured, there",
        ),
        _kind(
            "unreached-box",
            "warning",
            "boxes that no anchor reaches at IoU 0.5",
            "each is trained on through its best anchor alone",
        ),
        _kind(
            "small-after-resize",
            "warning",
            "many boxes under 16 px at the input size",
            "they are trained on, but hardly found: use a larger input size",
        ),
    )
}


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number: "1 class", "2,000 classes"."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
