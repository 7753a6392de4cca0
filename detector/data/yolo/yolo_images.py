"""Makes a data set of images with YOLO's text files, whatever says where they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from configs.errors import UserError
from detector.boxes import cxcywh_to_xyxy, scale
from detector.classes import ClassMap
from detector.data.dataset import Dataset, join
from detector.data.findings import FileFindings, Finding
from detector.data.values import shown
from detector.data.yolo.label_folders import LabelFolders
from detector.data.yolo.yolo_columns import Columns, columns_of, notes_on
from detector.data.yolo.yolo_lines import LabelLine, read_label_lines
from detector.data.yolo.yolo_names import MOST_CLASSES, Names, numbered
from detector.images import Header, read_header
from detector.types import Sample

_UNMEASURED = Header(0, 0, 1, "")  # of an image that cannot be read
_SLACK = 0.1  # a fraction may lie this far outside 0 ... 1; further out it is no fraction


class _Labelled(NamedTuple):
    """An image with the lines of its text file, as they stand there."""

    image: Path
    header: Header
    source: Path | None  # None without a text file
    lines: Sequence[LabelLine]


def read_parts(
    source: Path,
    root: Path,
    parts: Mapping[str, Sequence[Path]],
    names: Names | None,
    keypoints: tuple[int, int] | None = None,
    details: bool = False,
    as_annotated: bool = False,
) -> Dataset:
    """Read images and their text files.

    Args:
        source: the file or folder that said where they are.
        root: the folder of the data set.
        parts: images by split; those of "" are in none.
        names: of the classes; None numbers them.
        keypoints: how many there are behind each box, and of how many numbers, if it is known.
        details: keep outlines.
        as_annotated: keep images that cannot be read, as unmeasured ones.

    Raises:
        UserError: no image of a part can be read, or no line of the text files is YOLO's.
    """
    labels = LabelFolders(root)
    findings = {part: FileFindings(source) for part in parts}
    read = {
        part: list(_look_up(parts[part], labels, findings[part], as_annotated)) for part in parts
    }
    lines = [line for part in read.values() for one in part for line in one.lines]
    columns = columns_of(lines, keypoints)
    _require_lines(source, lines, columns, findings)
    names = names or _numbers(root, lines)
    classes = ClassMap(names.names)
    notes = [*names.notes, *notes_on(columns, lines), *_note_on_indices(lines, len(classes))]
    datasets = {}
    for part, images in parts.items():
        if not read[part]:
            of_part = f" of {part}" if part else ""
            raise UserError(
                f"{source}: none of its {len(images)} images{of_part} can be read, such as "
                f"{images[0]}"
            )
        report = findings[part]
        samples = [_sample(one, columns, len(classes), details, report) for one in read[part]]
        unmeasured = frozenset(one.image for one in read[part] if one.header is _UNMEASURED)
        found = tuple(report.found)
        datasets[part] = Dataset(part, source, classes, samples, {}, found, unmeasured=unmeasured)
    whole = datasets[""] if [*datasets] == [""] else join(root.name, source, datasets)
    splits = {part: rows for part, rows in whole.splits.items() if part}
    return replace(whole, name=root.name, notes=tuple(notes), splits=splits)


def _look_up(
    images: Sequence[Path], labels: LabelFolders, findings: FileFindings, as_annotated: bool
) -> Iterator[_Labelled]:
    """The images that can be read, with the lines of their text files.

    As annotated the others too, without lines, which mean nothing without their size.
    """
    for image in images:
        try:
            header = read_header(image)  # fractions mean nothing without the size
        except UserError as error:
            if as_annotated:
                yield _Labelled(image, _UNMEASURED, None, ())
                continue
            kind = "unreadable-picture" if image.exists() else "missing-picture"
            findings.add(kind, "", str(error), image)
            continue
        path, is_there = labels.file_of(image)
        if not is_there:
            findings.add("missing-label-file", "", f"there is no {path}", image)
            yield _Labelled(image, header, None, ())
            continue
        report = FileFindings(path)
        try:
            lines = read_label_lines(path, report)
        except UserError as error:
            findings.add("unreadable-annotation", "", str(error), path)
            continue
        findings.found += report.found
        yield _Labelled(image, header, path, lines)


def _require_lines(
    source: Path,
    lines: Sequence[LabelLine],
    columns: Mapping[int, Columns],
    findings: Mapping[str, FileFindings],
) -> None:
    """Refuse a data set that has lines, but none that is YOLO's."""
    if any(not columns[len(line.values)].refused for line in lines):
        return
    if refused := next((columns[len(line.values)].refused for line in lines), ""):
        text = " ".join(f"{value:g}" for value in lines[0].values)
        raise UserError(f"{source}: none of its label lines can be read, {shown(text)}: {refused}")
    bad = [one for part in findings.values() for one in part.found if _is_bad_line(one)]
    if bad:
        first = f"{bad[0].path}: {bad[0].element}: {bad[0].message}"
        raise UserError(f"{source}: none of its label lines is YOLO's; {first}")


def _is_bad_line(finding: Finding) -> bool:
    return finding.kind.name == "bad-object"


def _numbers(root: Path, lines: Sequence[LabelLine]) -> Names:
    """Numbers for names, as many as the highest index needs."""
    indices = (line.values[0] for line in lines)
    highest = max((index for index in indices if index < MOST_CLASSES), default=0)
    note = (
        f"{root} has no class names (data.yaml, classes.txt): they are called class_0, class_1, ..."
    )
    return Names(numbered(max(0, int(highest)) + 1), (note,))


def _note_on_indices(lines: Sequence[LabelLine], num_classes: int) -> list[str]:
    """What to say where class indices run from 1 to their count."""
    indices = {line.values[0] for line in lines}
    if num_classes not in indices or 0 in indices:
        return []
    return [
        f"no object has the class index 0, but some have {num_classes}: if classes are counted "
        "from 1 there, every object here has the class after its own; put a name for 0 in front"
    ]


def _sample(
    one: _Labelled,
    columns: Mapping[int, Columns],
    num_classes: int,
    details: bool,
    findings: FileFindings,
) -> Sample:
    report = FileFindings(one.source or one.image)
    rows = [row for line in one.lines if (row := _row(line, columns, num_classes, report))]
    findings.found += report.found
    height, width = one.header.height, one.header.width
    fractions = np.array([row.cxcywh for row in rows], np.float64).reshape(-1, 4)
    nobody = np.zeros(len(rows), bool)
    outlines = [np.reshape(row.outline, (-1, 2)) * (width, height) for row in rows] * details
    return Sample(
        one.image.stem,
        one.image,
        height,
        width,
        scale(cxcywh_to_xyxy(fractions), height, width).astype(np.float32),
        np.array([row.label for row in rows], np.int64),
        nobody,
        nobody,
        source=one.source,
        elements=tuple(row.element for row in rows),
        details=tuple({"segmentation": [o.ravel().tolist()]} if len(o) else {} for o in outlines),
    )


class _Row(NamedTuple):
    element: str
    label: int
    cxcywh: Sequence[float]
    outline: Sequence[float]  # x, y, x, y, ... in fractions; empty for a plain box


def _row(
    line: LabelLine, columns: Mapping[int, Columns], num_classes: int, report: FileFindings
) -> _Row | None:
    element = f"line {line.line}"
    meaning = columns[len(line.values)]
    if meaning.refused:
        report.add("bad-object", element, meaning.refused)
        return None
    index = line.values[0]
    if index not in range(num_classes):
        message = f"class index {index:g} is not one of 0 ... {num_classes - 1}"
        report.add("unknown-class", element, message)
        return None
    edges = line.values[1 : len(line.values) - meaning.rest]
    if min(edges) < -_SLACK or max(edges) > 1 + _SLACK:
        text = " ".join(f"{value:g}" for value in line.values)
        message = f"{shown(text)} holds pixels or per cent, not fractions of 0 ... 1"
        report.add("bad-object", element, message)
        return None
    if meaning.is_box:
        return _Row(element, int(index), edges, ())
    xs, ys = edges[::2], edges[1::2]
    size = (max(xs) - min(xs), max(ys) - min(ys))
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    return _Row(element, int(index), (*middle, *size), edges)
