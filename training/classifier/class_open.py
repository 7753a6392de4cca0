"""What stands behind a classifier's `--data`."""

from __future__ import annotations

from pathlib import Path

from configs.errors import UserError
from training.classifier.class_data import ClassData


def open_class_data(path: Path) -> ClassData:
    """Open CIFAR-10, or a folder of class folders.

    Raises:
        UserError: there is no such thing, or it is neither.
    """
    from training.classifier.cifar10 import is_cifar10, open_cifar10
    from training.classifier.class_folders import open_class_folders

    if not path.exists():
        raise UserError(f"no such data: {path}; name a folder of class folders, or CIFAR-10")
    if is_cifar10(path):
        return open_cifar10(path)
    if not path.is_dir():
        raise UserError(f"{path} is neither a folder of class folders nor CIFAR-10's archive")
    return open_class_folders(path)
