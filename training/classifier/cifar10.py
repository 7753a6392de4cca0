"""Reader of CIFAR-10 in the form its authors serve: Python or binary version, archive or folder.

The Python version is a set of pickles, and a pickle can run any code. Here it runs none: the
three names that NumPy's arrays need become objects that only keep what they are given, and any
other name is refused.

Source: Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from configs.errors import UserError
from detector.files import reason
from training.classifier.class_data import ClassData, Images

CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = "test_batch"
_FILES = frozenset(f"{name}{suffix}" for name in (*_TRAIN, _TEST) for suffix in ("", ".bin"))
_FOLDERS = ("", "cifar-10-batches-py", "cifar-10-batches-bin")
_ARCHIVES = (".tar.gz", ".tgz", ".tar")
_PIXELS = 3 * 32 * 32  # of one image: a red, a green and a blue plane
_MOST_BYTES = 100_000_000  # of a file; the real ones have 31 MB


_Batch = tuple[np.ndarray, np.ndarray]  # images, uint8 (N, 32, 32, 3); labels, int64 (N,)


def is_cifar10(path: Path) -> bool:
    """Whether a path looks like CIFAR-10: an archive, or a folder with one of its files."""
    if path.is_dir():
        return any(_files_in(path / folder) for folder in _FOLDERS)
    return path.name.lower().endswith(_ARCHIVES)


def open_cifar10(path: Path) -> ClassData:
    """Read CIFAR-10.

    Args:
        path: `cifar-10-python.tar.gz` or `cifar-10-binary.tar.gz`, the folder that one of them
            unpacks to, or the folder above that.

    Returns:
        splits "train" and "test" of 32x32 images.

    Raises:
        UserError: a file is missing, damaged, or holds something else.
    """
    batches: dict[str, _Batch] = {}
    for name, content in _contents(path):
        read = _read_binary if name.endswith(".bin") else _read_python
        batches[name.removesuffix(".bin")] = read(content, f"{path}: {name}")
    missing = [name for name in (*_TRAIN, _TEST) if name not in batches]
    if len(missing) > len(_TRAIN):
        raise UserError(f"{path} is not CIFAR-10: it holds none of its files")
    if missing:
        raise UserError(f"{path} lacks {missing[0]}; download and unpack it again")
    splits = {
        "train": _images([batches[name] for name in _TRAIN]),
        "test": _images([batches[_TEST]]),
    }
    return ClassData(str(path), "CIFAR-10", CLASSES, splits)


def _images(batches: list[_Batch]) -> Images:
    images, labels = map(np.concatenate, zip(*batches, strict=True))
    return Images(labels, images.__getitem__)


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """The name and content of each file of CIFAR-10 that is there."""
    try:
        yield from _in_folders(path) if path.is_dir() else _in_archive(path)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"cannot read {path}: damaged, or not a tar archive") from error
    except OSError as error:  # gzip's, too
        raise UserError(f"cannot read {path}: {reason(error)}") from error


def _in_folders(path: Path) -> Iterator[tuple[str, bytes]]:
    for folder in _FOLDERS:
        found = _files_in(path / folder)
        for file in found:
            _require_size(file.stat().st_size, str(file))
            yield file.name, file.read_bytes()
        if found:
            return


def _files_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(file for file in folder.iterdir() if file.name in _FILES and file.is_file())


def _in_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name in _FILES and (file := archive.extractfile(member)):
                _require_size(member.size, f"{path}: {name}")
                yield name, file.read()


def _require_size(size: int, where: str) -> None:
    if size > _MOST_BYTES:
        raise UserError(f"{where} is not CIFAR-10: {size / 1e6:.0f} MB where 31 are expected")


def _read_binary(content: bytes, where: str) -> _Batch:
    """Rows of one byte for the label and 3,072 for the pixels."""
    if not content or len(content) % (1 + _PIXELS):
        raise UserError(f"{where} is damaged: {len(content)} bytes are not rows of {1 + _PIXELS}")
    rows = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    return _checked(rows[:, 1:], rows[:, 0].astype(int), where)


def _read_python(content: bytes, where: str) -> _Batch:
    """A pickled dict with the array `data` `(N, 3072)` and the list `labels`."""
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        return _checked(batch[b"data"].array(), np.array(batch[b"labels"], np.int64), where)
    except UserError:
        raise
    # Damage makes pickle raise almost anything, and an ill-willed file names what it likes.
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{where} is damaged or no batch of CIFAR-10: {said}") from error


def _checked(pixels: np.ndarray, labels: np.ndarray, where: str) -> _Batch:
    if pixels.shape != (len(labels), _PIXELS) or not len(labels):
        raise UserError(f"{where}: {len(labels)} labels for pixels of shape {pixels.shape}")
    if labels.ndim != 1 or labels.min() < 0 or labels.max() >= len(CLASSES):
        raise UserError(f"{where}: labels are {labels.min()} ... {labels.max()}, not 0 ... 9")
    planes = pixels.reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


class _Kept:
    """In the place of NumPy's arrays and types: keeps what it is made of, and its state."""

    def __init__(self, *made_of: object) -> None:
        self.made_of = made_of
        self.state: Any = None

    def __setstate__(self, state: object) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """Of an array: uint8, of the shape that was stored.

        Raises:
            ValueError: it is of another type, or bytes and shape do not agree.
        """
        _, shape, dtype, is_fortran, content = self.state
        if not isinstance(dtype, _Kept) or dtype.made_of[:1] not in ((b"u1",), ("u1",)):
            raise ValueError("its array is not of bytes")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if is_fortran else "C")


_STOOD_IN = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),  # written by NumPy 2
}


class _Unpickler(pickle.Unpickler):
    """Builds plain containers and NumPy's arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name of NumPy's; any other is refused."""
        if (module, name) in _STOOD_IN:
            return _Kept
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, refused")
