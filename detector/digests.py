"""Digests of a model's files, by which a damaged or exchanged one is refused."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from configs.errors import UserError
from detector.files import reason


def digest_of(path: Path) -> str:
    """Of a file, 64 hexadecimal digits in lower case.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def with_weights(names: Iterable[str]) -> list[str]:
    """Names of a model's files, and of those that hold the weights of some (OpenVINO's)."""
    return [
        file
        for name in names
        for file in (name, *([f"{Path(name).stem}.bin"] if name.endswith(".xml") else []))
    ]


def require_undamaged(path: Path, digests: Mapping[str, str], description: str) -> None:
    """Show that a model file, and the one with its weights, are those that were saved.

    Args:
        path: the file; where it is missing, whoever opens it says so.
        digests: SHA-256 by the name of the file; one that is not there is not compared.
        description: name of the file that they stand in, for the message.

    Raises:
        UserError: a file has another digest, or cannot be read.
    """
    for file in (path.with_name(name) for name in with_weights([path.name])):
        if file.name not in digests or not file.is_file():
            continue
        try:
            found = digest_of(file)
        except OSError as error:
            raise UserError(f"cannot read {file}: {reason(error)}") from error
        if found != digests[file.name]:
            raise UserError(
                f"{file} is damaged, or not the file that {description} describes (its sha256 "
                "differs): put a sound copy back, or delete it and train or export anew; if it was "
                f"changed on purpose, take its line out of the digests in {description}"
            )
