"""Label files that lie where nobody looks for them, or bear a name that no image has."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from detector.data.dataset import Dataset
from detector.data.findings import KINDS, Finding, counted
from detector.images import SUFFIXES

_SUFFIX = {"missing-label-file": ".txt", "missing-annotation": ".xml"}
_MANY = 0.05  # of the images; what fewer lack is told by image
_NUMBERS = re.compile(rb"\s*\d+(\s+-?[\d.eE+-]+){4}")  # how a line of YOLO begins


def check_label_places(dataset: Dataset) -> list[Finding]:
    """Images without labels for which a file lies somewhere that may well hold them."""
    findings = []
    for name, suffix in _SUFFIX.items():
        bare = [finding for finding in dataset.findings if finding.kind.name == name]
        pairs = list(_pairs(dataset, bare, suffix)) if bare else []
        images = len(dataset) + (len(bare) if suffix == ".xml" else 0)
        if pairs and len(pairs) >= _MANY * images:
            files = len({file for _, file in pairs})
            message = (
                f"{len(bare):,} of {counted(images, 'image')} have no {suffix} file that is read, "
                f"but {files:,} such files bear their names: {_cause(dataset, *pairs[0])}"
            )
            first, file = pairs[0]
            kind = KINDS["unmatched-labels"]
            findings.append(Finding(kind, file, "", message, (first.path,)))
    return findings


def _pairs(
    dataset: Dataset, bare: Sequence[Finding], suffix: str
) -> Iterator[tuple[Finding, Path]]:
    """Findings of images without labels, and the files that may be their labels."""
    root = dataset.path if dataset.path.is_dir() else dataset.path.parent
    used = {sample.source for sample in dataset}
    files: dict[str, list[Path]] = defaultdict(list)
    for path in _files_below(root, suffix):
        if path not in used:
            files[_key(path)].append(path)
    for finding in bare:
        candidates = [path for path in files.get(_key(finding.path), []) if _holds_labels(path)]
        if candidates:
            yield finding, candidates[0]


def _files_below(root: Path, suffix: str) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(names):
            if name.lower().endswith(suffix) and name[0] != ".":
                yield Path(folder) / name


def _key(path: Path) -> str:
    """What a name has in common with another spelling of it."""
    stem = path.stem if path.suffix.lower() in (".txt", ".xml") else path.name
    while Path(stem).suffix.lower() in SUFFIXES:
        stem = Path(stem).stem
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFC", stem)).casefold()


def _holds_labels(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(1000)
    except OSError:
        return False
    return b"<object" in start or b"<annotation" in start or bool(_NUMBERS.match(start))


def _cause(dataset: Dataset, finding: Finding, file: Path) -> str:
    """Why a file is not read as the labels of an image, and the remedy."""
    image, expected = finding.path, _expected(dataset, finding)
    if file.name != expected.name:
        return f"{file} should be named {expected.name}, as its image is {image.name}; rename these"
    return f"{file} is looked for in {expected.parent}; move them there"


def _expected(dataset: Dataset, finding: Finding) -> Path:
    """Where the reader looked for the labels of an image: the path, or the name, that it gives."""
    given = Path(finding.message.removeprefix("there is no "))
    read = (sample.source.parent for sample in dataset if sample.source)
    return given if given.name != str(given) else next(read, finding.path.parent) / given
