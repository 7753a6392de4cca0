"""Problems of a data set: `Finding`, and the table of their kinds with what is done about each.

Readers and `training.check` report through the same `Finding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Kind:
    """A kind of finding."""

    name: str  # its stable name, in JSON reports too
    severity: Severity  # "error" where training would lose data or learn something false
    title: str  # a few words for a heading
    action: str  # what the reader or the loader does about it


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, and where."""

    kind: Kind  # of `KINDS`
    path: Path
    element: str  # a part of the file ("object 3", "annotation 512", "line 4"); "" for all of it
    message: str  # what is wrong, with the numbers
    others: tuple[Path, ...] = ()  # more files that it concerns, as for duplicates

    def __str__(self) -> str:
        place = f"{self.path}: {self.element}" if self.element else str(self.path)
        return f"{place}: {self.message}; {self.kind.action}"


@dataclass
class FileFindings:
    """The findings about one data set, as they come; most are about one file."""

    path: Path
    found: list[Finding] = field(default_factory=list)

    def add(self, kind: str, element: str, message: str, path: Path | None = None) -> None:
        """Note one finding of a kind of `KINDS`; `path` is that of another file."""
        self.found.append(Finding(KINDS[kind], path or self.path, element, message))


def is_error(finding: Finding) -> bool:
    """Whether training would lose data or learn something false because of it."""
    return finding.kind.severity == "error"


def count_by_kind(findings: Iterable[Finding]) -> dict[str, int]:
    """How many findings of each kind, in the order of `KINDS`; kinds without any left out."""
    counts = dict.fromkeys(KINDS, 0)
    for finding in findings:
        counts[finding.kind.name] += 1
    return {name: count for name, count in counts.items() if count}


_TABLE = """
unreadable-annotation  error    annotation file that cannot be read
    its image is left out
unreadable-picture     warning  image that cannot be decoded
    training puts another image in its place, or its reader leaves it out
many-unreadable        error    many images that cannot be decoded
    training would see the others more often in their place; --fix leaves them out
missing-picture        error    annotation without an image
    the annotation is left out
missing-annotation     warning  image without an annotation
    the image is left out; give it an annotation without objects to train it as empty
missing-label-file     warning  image without a label file
    the image counts as empty, as YOLO has it
bad-object             error    object that cannot be read
    the object is left out
unknown-class          error    object of an unknown class
    the object is left out
suspect-class-name     warning  class name that looks misspelt
    it counts as a class of its own
unmatched-labels       error    label files that no image is matched with
    their images count as empty (YOLO) or are left out (VOC)
id-collision           error    two images or two categories with one id
    the first one counts
annotation-id-collision warning annotations with one id
    all are trained on; --fix numbers them anew
category-name-collision warning categories with one name
    they are one class
listed-twice           error    one image under several ids
    each is trained on with its own objects alone; --fix joins them
shared-annotation      warning  images of one name that share an annotation file
    give each image a name and an annotation of its own
dangling-id            error    annotation of an image that is not listed
    the annotation is left out
split-overlap          error    image in more than one split
    it stays in each of them, so figures on the other split come out too good
missing-from-split     error    split that lists an image without annotation
    the entry is skipped
wrong-extension        warning  extension that does not match the content
    the content decides, not the name
size-mismatch          warning  size in the annotation is not the image's
    the image's own size counts; boxes are taken as its pixels
filename-mismatch      warning  file name in the annotation is not the image's
    the image with the annotation's own name is taken
exif-rotation          warning  boxes drawn on an image that EXIF turns
    the boxes are turned with the image
exif-ambiguous         warning  image that EXIF turns or mirrors without changing its size
    the image is turned, its boxes are taken as drawn on the turned one
box-form               error    boxes of another form than the file's
    they are read as the file's form says, so training would learn other places
resized-images         error    images resized without their boxes
    boxes are taken as pixels of the image, so training would learn other places
inverted-box           error    box whose corners are the wrong way round
    the object is left out
zero-area-box          error    box without area (a side of 1 px or less)
    the object is left out
outside-box            error    box wholly outside the image
    the object is left out
clipped-box            warning  box that reaches outside the image
    the box is clipped
tiny-box               warning  box too small to be found
    it is trained on, but will hardly be found: use a larger input size
duplicate-box          warning  object annotated twice
    both are trained on
conflicting-box        warning  box with two classes
    both are trained on
duplicate-picture      warning  the same image twice in one split
    both are trained on
near-duplicate         warning  images that look alike in one split
    all are trained on
leak                   error    the same or a similar image in two splits
    both stay, so figures on the other split come out too good
nothing-to-learn       error    no object that can be learnt
    training refuses to begin
unlearnable-class      error    class whose objects are all ignored
    it takes a place in the model, and is never learnt
supercategory-class    warning  class that only groups others
    it takes a place in the model; --fix drops it
class-imbalance        warning  class with few objects
    it is trained on as it is; expect a low AP
class-without-objects  warning  class without objects
    it keeps its label, and its AP is not averaged in
class-missing-in-split warning  class that one split lacks
    it cannot be learnt, or not be measured, there
unreached-box          warning  boxes that no anchor reaches at IoU 0.5
    each is trained on through its best anchor alone
dark-images            warning  images of 16 bits that are read nearly black
    white is 65535 in training and in use, whatever the images show
crowded-images         warning  images with more objects than a limit lets through
    the limit of the configuration counts, unless train --set raises it
small-after-resize     warning  many boxes smaller than a cell of the finest map
    they are trained on, but hardly found: use a larger input size, or --slice for large images
"""  # name, severity and title; what the reader or the loader does about it


def _read_table() -> Iterator[Kind]:
    lines = _TABLE.strip().splitlines()
    for heading, action in zip(lines[::2], lines[1::2], strict=True):
        name, severity, title = heading.split(maxsplit=2)
        yield Kind(name, cast(Severity, severity), title, action.strip())


KINDS: dict[str, Kind] = {kind.name: kind for kind in _read_table()}


def counted(count: int, noun: str) -> str:
    """A count with its noun in the right number: "1 class", "2,000 classes", "3 boxes"."""
    plural = f"{noun}es" if noun.endswith(("s", "x")) else f"{noun}s"
    return f"{count:,} {noun if count == 1 else plural}"
