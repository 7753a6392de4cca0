"""Writes Pascal VOC: one XML per image, and a list of images per split."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from detector.data.dataset import Dataset
from detector.data.values import plain, shortest
from detector.data.voc.voc_file import CORNERS, from_voc_corners, to_voc_corners
from detector.files import atomic_path, write_text
from detector.types import Sample

_TAG = re.compile(r"[A-Za-z_][\w.-]*")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")  # XML 1.0, 2.2
_ELSEWHERE = frozenset(
    "segmentation id bndbox name difficult object filename size".split()
)  # written by themselves, or not at all


def write_voc(
    folder: Path, dataset: Dataset, samples: Sequence[Sample], splits: Mapping[str, Sequence[int]]
) -> None:
    """Write `Annotations/*.xml` and `ImageSets/Main/SPLIT.txt`.

    How a file begins is a mark: by it `voc_file.py` knows that corners count from 1 here.
    """
    annotations = folder / "Annotations"
    annotations.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        root = _annotation(sample, dataset.classes.names)
        indent(root, "\t")
        with atomic_path(annotations / f"{sample.path.stem}.xml") as temporary:
            ElementTree(root).write(temporary, encoding="utf-8")
    for split, indices in splits.items():
        lines = "".join(f"{samples[index].path.stem}\n" for index in indices)
        write_text(folder / "ImageSets" / "Main" / f"{split}.txt", lines)


def _annotation(sample: Sample, names: Sequence[str]) -> Element:
    root = Element("annotation")
    _add(root, "filename", sample.path.name)
    _add(root, "size", {"width": sample.width, "height": sample.height, "depth": 3})
    _add_all(root, sample.about)
    corners = shortest(sample.boxes, to_voc_corners, from_voc_corners)
    for row in range(len(sample)):
        node = SubElement(root, "object")
        _add(node, "name", names[sample.labels[row]])
        _add_all(node, sample.details[row] if sample.details else {})
        _add(node, "difficult", int(sample.is_difficult[row] | sample.is_crowd[row]))
        edges = map(plain, corners[row].tolist())
        _add(node, "bndbox", dict(zip(CORNERS, edges, strict=True)))
    return root


def _add_all(node: Element, values: Mapping[str, Any]) -> None:
    for tag, value in values.items():
        if tag not in _ELSEWHERE:
            _add(node, tag, value)


def _add(node: Element, tag: str, value: Any) -> None:
    """Add text, a mapping as an element with children, a list as elements of one name."""
    if not _TAG.fullmatch(str(tag)):
        return
    for one in value if isinstance(value, list) else [value]:
        child = SubElement(node, tag)
        if isinstance(one, Mapping):
            for inner, nested in one.items():
                _add(child, inner, nested)
        else:
            child.text = _NO_TEXT.sub(" ", str(one))
