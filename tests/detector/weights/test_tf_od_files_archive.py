import gzip
import io
import random
import tarfile

import pytest

from configs.errors import UserError
from detector.weights.tf_od_files import extract_checkpoint

pytestmark = pytest.mark.keras

CONTENT = random.Random(0).randbytes(300_000)
INDEX, DATA = "model.ckpt.index", "model.ckpt.data-00000-of-00001"
MEMBERS = ((f"./net/{INDEX}", b"index"), ("net/notes.txt", b"unasked"), (f"net/{DATA}", CONTENT))


def visible(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def make_archive(path, *members):
    """A .tar.gz of (name, content) files and ready-made TarInfos."""
    with tarfile.open(path, "w:gz") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
                continue
            name, content = member
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def link_member(name, kind):
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = "/etc/hostname"
    return entry


@pytest.fixture
def archive(tmp_path):
    return make_archive(tmp_path / "model.tar.gz", *MEMBERS)


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "a/b"
    folder.mkdir(parents=True)
    return folder


def test_the_two_files_are_written_flat_and_nothing_else(archive, out):
    extract_checkpoint(archive, out)
    assert (out / DATA).read_bytes() == CONTENT
    assert (out / INDEX).read_bytes() == b"index"
    assert visible(out) == [DATA, INDEX]


@pytest.mark.parametrize("folder", ["../../", "/", "a/../../../"])
def test_member_cannot_leave_the_folder(folder, tmp_path, out):
    evil = (f"{folder}{INDEX}", b"x")
    extract_checkpoint(make_archive(tmp_path / "evil.tar.gz", evil, *MEMBERS[1:]), out)
    written = [path for path in tmp_path.rglob(INDEX) if path.is_file()]
    assert written == [out / INDEX]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(tarfile.SYMTYPE, id="symbolic link"),
        pytest.param(tarfile.LNKTYPE, id="hard link"),
        pytest.param(tarfile.CHRTYPE, id="device"),
        pytest.param(tarfile.DIRTYPE, id="folder"),
    ],
)
def test_a_wanted_name_must_be_a_regular_file(kind, tmp_path, out):
    archive = make_archive(tmp_path / "links.tar.gz", link_member(f"net/{INDEX}", kind))
    with pytest.raises(UserError, match=f"links.tar.gz: 'net/{INDEX}' is not a regular file"):
        extract_checkpoint(archive, out)
    assert visible(out) == []


def test_a_missing_file_is_named(tmp_path, out):
    with pytest.raises(UserError, match=f"holds no {DATA}$"):
        extract_checkpoint(make_archive(tmp_path / "half.tar.gz", *MEMBERS[:2]), out)


def test_a_file_found_twice_is_refused(tmp_path, out):
    archive = make_archive(tmp_path / "two.tar.gz", *MEMBERS, (f"b/{INDEX}", b"2"))
    with pytest.raises(UserError, match=f"holds more than one {INDEX}"):
        extract_checkpoint(archive, out)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda data: data[: len(data) // 2], id="half is missing"),
        pytest.param(lambda data: data[:-4], id="the last bytes are missing"),
        pytest.param(lambda data: data[:-8] + bytes(8), id="wrong checksum"),
        pytest.param(lambda data: data[:5000] + bytes(50) + data[5050:], id="damage inside"),
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"<html>not found</html>", id="a web page"),
        pytest.param(lambda _: gzip.compress(b"x" * 2000), id="compressed, but no tar"),
        pytest.param(gzip.decompress, id="tar, but not compressed"),
    ],
)
def test_damaged_archive_is_refused(damage, archive, out):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"model.tar.gz is damaged or no .tar.gz archive"):
        extract_checkpoint(archive, out)


def test_absent_archive_is_named(out):
    with pytest.raises(UserError, match=r"absent.tar.gz to .*: No such file"):
        extract_checkpoint(out / "absent.tar.gz", out)


def test_folder_that_cannot_be_written_to_is_named(archive):
    with pytest.raises(UserError, match=r"cannot unpack .* Not a directory"):
        extract_checkpoint(archive, archive)
