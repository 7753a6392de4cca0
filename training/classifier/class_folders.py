"""Classification data sets: class folders (one folder of images per class), or CIFAR-10.

With `train/` and `val/` or `test/` above the class folders, those are the splits. Without, about a
fifth of each class is held out by a hash of the files' content: the same images wherever they
lie and whatever they are called, and copies of one image on one side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from configs.errors import UserError
from detector.digests import digest_of
from detector.files import reason
from detector.images import SUFFIXES, images_below, read_image
from training.classifier.cifar10 import is_cifar10, open_cifar10
from training.classifier.class_data import ClassData, Images

HELD_OUT_SHARE = 0.2
_SPLITS = {
    "train": "train", "training": "train",
    "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip


def open_class_data(path: Path) -> ClassData:
    """Open CIFAR-10, or find the classes, the images and the splits of a folder of class folders.

    No image is decoded. Hidden folders and files are left out, and so are folders without images.

    Raises:
        UserError: there is no such thing, or it is neither; there are no class folders or only one,
            a split has a class that `train` lacks, or the data cannot be read.
    """
    if not path.exists():
        raise UserError(f"no such data: {path}; name a folder of class folders, or CIFAR-10")
    if is_cifar10(path):
        return open_cifar10(path)
    if not path.is_dir():
        raise UserError(f"{path} is neither a folder of class folders nor CIFAR-10's archive")
    try:
        parts = _split_folders(path)
        if set(parts) <= {"train"}:
            return _split_by_hash(path, _classes_to_learn(parts.get("train", path)))
        train = _classes_to_learn(parts.pop("train"))
        held_out = {name: _find_images(part) for name, part in parts.items()}
        return _as_given(path, {"train": train, **held_out})
    except OSError as error:
        raise UserError(f"cannot read {error.filename}: {reason(error)}") from error


def _split_folders(root: Path) -> dict[str, Path]:
    """Folders that hold class folders, by split; none where `root` itself holds them."""
    parts: dict[str, Path] = {}
    for folder in _folders(root):
        name = _SPLITS.get(folder.name.lower())
        # Where images lie directly in it, it is a class: COCO, too, has one called "train".
        if (
            name is None
            or _holds_images(folder)
            or not any(any(_all_images(part)) for part in _folders(folder))
        ):
            continue
        if name in parts:
            raise UserError(f"{parts[name]} and {folder} are the same split; keep one of them")
        parts[name] = folder
    if parts and "train" not in parts:
        raise UserError(f"{root} has {', '.join(sorted(parts))} but no train folder beside it")
    return parts


def _find_images(folder: Path) -> dict[str, list[Path]]:
    """The images of each class, sorted by class and path."""
    found = {_checked_name(part): sorted(_all_images(part)) for part in _folders(folder)}
    return {name: paths for name, paths in found.items() if paths}


def _classes_to_learn(folder: Path) -> dict[str, list[Path]]:
    """The same, of at least two classes."""
    classes = _find_images(folder)
    if len(classes) >= 2:
        return classes
    if classes:
        raise UserError(f"{folder} holds one class only ({next(iter(classes))}); give it another")
    held = "images, but no class folders" if _holds_images(folder) else "no class folders"
    raise UserError(f"{folder} holds {held}; put each class's images into a folder of its name")


def _as_given(root: Path, parts: dict[str, dict[str, list[Path]]]) -> ClassData:
    classes = tuple(parts["train"])
    for split, found in parts.items():
        unknown = sorted(set(found) - set(classes))
        if unknown:
            raise UserError(f"{root}: {split} has a class {unknown[0]!r} that train lacks")
    notes = tuple(
        f"{split} has no images of {len(lacking)} of {len(classes)} classes ({lacking[0]} ...)"
        for split, found in parts.items()
        if (lacking := [name for name in classes if name not in found])
    )
    splits = {split: _images(classes, found) for split, found in parts.items()}
    return ClassData(str(root), "class folders", classes, splits, notes)


def _split_by_hash(root: Path, found: dict[str, list[Path]]) -> ClassData:
    train, val = {}, {}
    for name, paths in found.items():
        held_out = _held_out(paths)
        train[name] = [path for path in paths if path not in held_out]
        val[name] = [path for path in paths if path in held_out]
    classes = tuple(found)
    splits = {"train": _images(classes, train), "val": _images(classes, val)}
    counts = f"train ({len(splits['train'])}) and val ({len(splits['val'])})"
    notes = [f"{root} has no splits: made {counts}, a fifth of each class, by hash"]
    notes += [f"{name} has one image: it is not measured" for name in classes if not val[name]]
    if not len(splits["val"]):
        raise UserError(f"{root} has one image of each class; nothing can be held out")
    return ClassData(str(root), "class folders", classes, splits, tuple(notes))


def _held_out(paths: list[Path]) -> set[Path]:
    """About a fifth, at least one, but never all; copies stay together."""
    by_digest: dict[str, list[Path]] = {}
    for path in paths:
        by_digest.setdefault(_digest(path), []).append(path)
    ranked = sorted(by_digest)
    wanted = max(1, round(len(paths) * HELD_OUT_SHARE))
    chosen: set[Path] = set()
    for digest in ranked[:-1]:
        if len(chosen) >= wanted:
            break
        chosen.update(by_digest[digest])
    return chosen


def _digest(path: Path) -> str:
    try:
        return digest_of(path)
    except OSError:  # reading its pixels will say so
        return hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()


def _images(classes: tuple[str, ...], found: dict[str, list[Path]]) -> Images:
    rows = [(label, path) for label, name in enumerate(classes) for path in found.get(name, ())]
    paths = [path for _, path in rows]
    return Images(np.array([label for label, _ in rows], int), lambda i: read_image(paths[i]))


def _checked_name(folder: Path) -> str:
    try:
        folder.name.encode()
    except UnicodeEncodeError as error:
        shown = folder.name.encode(errors="replace").decode()
        raise UserError(f"the name of class folder {shown} is not UTF-8; rename it") from error
    return folder.name


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")


def _all_images(folder: Path) -> Iterator[Path]:
    return filter(Path.is_file, images_below(folder))


def _holds_images(folder: Path) -> bool:
    """Whether some lie directly in it."""
    return any(
        path.suffix.lower() in SUFFIXES and path.name[0] != "." and path.is_file()
        for path in folder.iterdir()
    )
