"""Single files out of an archive that is not trusted."""

import contextlib
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from configs.errors import UserError
from detector.files import atomic_path, make_folder

_BYTES = 1 << 16  # read at once


def extract_files(archive: Path, names: Sequence[str], folder: Path) -> list[Path]:
    """Take single files out of a .tar.gz, all of them or none.

    Args:
        archive: the .tar.gz file; it is read to its end, so that damage anywhere is noticed.
        names: `b/c.txt` stands for the one member whose path is that or ends in `/b/c.txt`.
        folder: where each is written under its base name; no path in the archive is followed.

    Returns:
        The files written, in the order of `names`.

    Raises:
        UserError: the archive cannot be read, is truncated or is none; a name is missing in it,
            is there twice, or is no regular file; the folder cannot be written to.
    """
    make_folder(folder)
    targets = {name: folder / PurePosixPath(name).name for name in names}
    missing = set(names)
    # The files take their real names when the stack closes, after the last check.
    with contextlib.ExitStack() as stack:
        with _open_archive(archive) as tar:
            for member in tar:
                name = next((n for n in names if f"/{member.name}".endswith(f"/{n}")), None)
                if name is None:
                    continue
                if name not in missing:
                    raise UserError(f"{archive} holds more than one {name}")
                missing.remove(name)
                _copy_member(tar, member, stack.enter_context(atomic_path(targets[name])))
        if missing:
            raise UserError(f"{archive} holds no {', '.join(sorted(missing))}")
    return list(targets.values())


@contextlib.contextmanager
def _open_archive(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        stream = gzip.open(archive)  # noqa: SIM115
    except OSError as error:
        raise UserError(f"cannot read archive {archive}: {error.strerror}") from error
    try:
        with stream, tarfile.open(archive, "r|", stream) as tar:
            yield tar
            while stream.read(_BYTES):  # damage at the end shows only when it is read
                pass
    except (gzip.BadGzipFile, tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"{archive} is damaged or no .tar.gz archive: {error}") from error


def _copy_member(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member) if member.isreg() else None
    if source is None:
        raise UserError(f"{tar.name}: {member.name!r} is a link or folder, not a regular file")
    with target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
