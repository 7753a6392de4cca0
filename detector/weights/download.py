"""Downloads into the cache: resumed, verified by size and SHA-256, whole or not at all.

A file grows as `NAME.part`, goes on from there after an interruption, and takes its real
name only once its size and SHA-256 are right. `NAME.sha256` beside it, as `sha256sum` writes
it, is what the file is held to on its next use.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
import requests
import tenacity
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from configs.errors import UserError
from detector.digests import digest_of
from detector.files import write_text

_TIMEOUT = (10.0, 30.0)  # seconds to connect, seconds between two pieces of the body
_WAIT = 0.5  # seconds before the second try; doubles from try to try
_PATIENT_TRIES = 5
_BYTES = 1 << 16  # read at once


def cache_folder() -> Path:
    """Where downloads are kept: `$SSDLITE_HOME`, or this system's cache folder. Not created."""
    home = os.environ.get("SSDLITE_HOME")
    return Path(home).expanduser() if home else platformdirs.user_cache_path("ssdlite")


class NotFetchedError(UserError):
    """The network does not give a file; the message says where to put it by hand."""


@dataclass(frozen=True)
class RemoteFile:
    """A file to be fetched, and what is known of it beforehand.

    Attributes:
        url: https, or http where `sha256` is given; ends in the file's name.
        size: of the file, bytes.
        sha256: of the file, 64 hexadecimal digits in lower case.

    Raises:
        ValueError: the URL names no file, is neither https nor http, or is http without a
            digest, so that anyone on the way could put another file in its place.
    """

    url: str
    size: int | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        scheme = urlsplit(self.url).scheme
        if scheme not in ("http", "https") or self.name in ("", ".", ".."):
            raise ValueError(f"not the https address of a file: {self.url}")
        if scheme == "http" and self.sha256 is None:
            raise ValueError(f"a file over http needs a sha256: {self.url}")

    @property
    def name(self) -> str:
        """The file's own name: the last segment of the URL's path."""
        return urlsplit(self.url).path.rpartition("/")[2]


def fetch(remote: RemoteFile, folder: Path) -> Path:
    """`folder / remote.name`: downloaded if it is not there, verified in either case.

    A file put there by hand is as good as a downloaded one. Where its digest is not known
    beforehand, the one found on first use is recorded, and later uses are held to that.

    Raises:
        NotFetchedError: the network does not give the file.
        UserError: its content is wrong, or the folder cannot be written to.
    """
    path = folder / remote.name
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder):
                if not path.exists():  # another process may have brought it meanwhile
                    _download(remote, path)
        _verify(remote, path)
    except OSError as error:
        raise UserError(
            f"cannot use cache folder {folder}: {error.strerror or error}; "
            "make room there, or set SSDLITE_HOME to a folder that can be written to"
        ) from error
    return path


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes from downloading into a folder; the lock dies with its process."""
    with (folder / ".lock").open("ab") as stream:
        taken = tenacity.retry_if_exception_type((BlockingIOError, PermissionError))
        tenacity.Retrying(retry=taken, wait=tenacity.wait_fixed(0.2))(_lock, stream.fileno())
        yield


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _download(remote: RemoteFile, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    path.with_name(f"{path.name}.sha256").unlink(missing_ok=True)
    transfer = _Transfer(remote, part)
    if remote.sha256 is None and not transfer.version:
        # Nothing would show that an older file's beginning was joined to a newer one's end.
        part.unlink(missing_ok=True)
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_PassingError),
        wait=tenacity.wait_exponential(multiplier=_WAIT),
        stop=transfer.gives_up,
        reraise=True,
    )
    try:
        retrying(transfer.attempt)
    except _TransferError as error:
        raise NotFetchedError(
            f"cannot download {remote.url} ({error}); put the file at {path} yourself"
        ) from error
    if fault := _fault(part, remote.sha256, remote.size):
        part.unlink()
        transfer.version_file.unlink(missing_ok=True)
        raise UserError(f"{remote.url} sent a wrong file, not kept: {fault}; run again later")
    part.replace(path)
    transfer.version_file.unlink(missing_ok=True)


def _verify(remote: RemoteFile, path: Path) -> None:
    record = path.with_name(f"{path.name}.sha256")
    recorded = record.read_text("utf-8", "replace").partition(" ")[0] if record.exists() else None
    if fault := _fault(path, remote.sha256 or recorded, remote.size):
        raise UserError(f"{path} is not the file it should be: {fault}; delete it and run again")
    if recorded is None:
        with contextlib.suppress(UserError):  # a shared cache may be read-only
            write_text(record, f"{digest_of(path)}  {path.name}\n")


def _fault(path: Path, sha256: str | None, size: int | None) -> str | None:
    if size is not None and (length := path.stat().st_size) != size:
        return f"expected {size} bytes, found {length}"
    if sha256 is not None and (found := digest_of(path)) != sha256:
        return f"expected sha256 {sha256}, found {found}"
    return None


class _TransferError(Exception):
    """Why a file could not be had; asking again would not help."""


class _PassingError(_TransferError):
    """The network failed, or the server is overloaded: worth another try."""


@dataclass
class _Transfer:
    """One file on its way, over several tries; `answered` once the server has been heard."""

    remote: RemoteFile
    part: Path
    answered: bool = False

    @property
    def version_file(self) -> Path:
        """Keeps the server's name for the version of the file that `part` began with."""
        return self.part.with_name(f"{self.part.name}.etag")

    @property
    def version(self) -> str:
        """That name, or an empty text."""
        return self.version_file.read_text("utf-8") if self.version_file.exists() else ""

    def gives_up(self, state: tenacity.RetryCallState) -> bool:
        """Whether enough has been tried."""
        if self.answered:
            return state.attempt_number >= _PATIENT_TRIES
        # Most likely there is no network, and a person waits to be told.
        return state.attempt_number >= 3 or (state.seconds_since_start or 0.0) >= 5.0

    def attempt(self) -> None:
        """Ask once for what is missing; on a _TransferError, what has come stays."""
        have = self.part.stat().st_size if self.part.exists() else 0
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
            if self.version:  # the server sends all of the file if it has changed since
                headers["If-Range"] = self.version
        url = self.remote.url
        try:
            with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
                self.answered = True
                self._receive(response, have)
        except (requests.RequestException, HTTPError) as error:
            raise _PassingError(_root_cause(error)) from error

    def _receive(self, response: requests.Response, have: int) -> None:
        hops = (*response.history, response)
        if self.remote.sha256 is None and any(urlsplit(hop.url).scheme != "https" for hop in hops):
            raise _TransferError("it leads to an address without https")
        status = response.status_code
        if status == 200:
            self.version_file.unlink(missing_ok=True)
            tag = response.headers.get("ETag", "")
            # With a sha256 it is not needed, and a weak one does not vouch for every byte.
            if self.remote.sha256 is None and tag and not tag.startswith("W/"):
                self.version_file.write_text(tag, "utf-8")
            self._save(response, 0)
        elif status == 206:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
                self.part.unlink(missing_ok=True)
                raise _PassingError("the server went on from another place than asked")
            self._save(response, have)
        elif status == 416 and have:
            # Either the part is whole already, or it is of another, longer file.
            if self.remote.sha256 is None or _fault(self.part, self.remote.sha256, None):
                self.part.unlink(missing_ok=True)
                raise _PassingError("the server has less of the file than is here")
        else:
            kind = _PassingError if status == 429 or status >= 500 else _TransferError
            raise kind(f"the server answered {status} {response.reason}")

    def _save(self, response: requests.Response, start: int) -> None:
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else self.remote.size
        name = self.remote.name
        bar = tqdm(None, name, total, initial=start, unit="B", unit_scale=True, delay=0.5)
        with bar, self.part.open("ab" if start else "wb") as sink:
            # The bytes as they are served: some servers take a .tar.gz for an encoding.
            for piece in response.raw.stream(_BYTES, decode_content=False):
                sink.write(piece)
                bar.update(len(piece))


def _root_cause(error: BaseException) -> str:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__
