import gzip
import io
import random
import tarfile

import pytest

from configs.errors import UserError
from detector.weights.archive import extract_files

CONTENT = random.Random(0).randbytes(300_000)


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
    return make_archive(
        tmp_path / "model.tar.gz",
        ("./net/model.ckpt.index", b"index"),
        ("net/notes.txt", b"unasked"),
        ("net/model.ckpt.data-00000-of-00001", CONTENT),
    )


def test_wanted_members_are_written_flat_in_the_order_asked(archive, tmp_path):
    names = ["model.ckpt.data-00000-of-00001", "net/model.ckpt.index"]
    data, index = extract_files(archive, names, tmp_path / "out")
    assert (data.read_bytes(), index.read_bytes()) == (CONTENT, b"index")
    assert data == tmp_path / "out/model.ckpt.data-00000-of-00001"
    assert visible(tmp_path / "out") == ["model.ckpt.data-00000-of-00001", "model.ckpt.index"]


def test_name_is_matched_by_whole_segments(archive, tmp_path):
    with pytest.raises(UserError, match=r"model.tar.gz holds no ckpt.index"):
        extract_files(archive, ["ckpt.index"], tmp_path / "out")


@pytest.mark.parametrize("name", ["../../evil.txt", "/evil.txt", "a/../../../evil.txt"])
def test_member_cannot_leave_the_folder(name, tmp_path):
    archive = make_archive(tmp_path / "evil.tar.gz", (name, b"x"))
    assert extract_files(archive, ["evil.txt"], tmp_path / "a/b") == [tmp_path / "a/b/evil.txt"]
    written = [path for path in tmp_path.rglob("evil.txt") if path.is_file()]
    assert written == [tmp_path / "a/b/evil.txt"]


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(tarfile.SYMTYPE, id="symbolic link"),
        pytest.param(tarfile.LNKTYPE, id="hard link"),
        pytest.param(tarfile.CHRTYPE, id="device"),
        pytest.param(tarfile.DIRTYPE, id="folder"),
    ],
)
def test_wanted_name_must_be_a_regular_file(kind, tmp_path):
    archive = make_archive(tmp_path / "links.tar.gz", link_member("net/model.index", kind))
    with pytest.raises(
        UserError, match=r"links.tar.gz: 'net/model.index' is .* not a regular file"
    ):
        extract_files(archive, ["model.index"], tmp_path / "out")
    assert visible(tmp_path / "out") == []


def test_missing_name_takes_the_others_back(archive, tmp_path):
    with pytest.raises(UserError, match=r"holds no absent.txt$"):
        extract_files(archive, ["model.ckpt.index", "absent.txt"], tmp_path / "out")
    assert visible(tmp_path / "out") == []


def test_name_found_twice_is_refused(tmp_path):
    archive = make_archive(tmp_path / "two.tar.gz", ("a/x.txt", b"1"), ("b/x.txt", b"2"))
    with pytest.raises(UserError, match=r"holds more than one x.txt"):
        extract_files(archive, ["x.txt"], tmp_path / "out")
    assert visible(tmp_path / "out") == []


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
def test_damaged_archive_gives_nothing(damage, archive, tmp_path):
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"model.tar.gz is damaged or no .tar.gz archive"):
        extract_files(archive, ["model.ckpt.index"], tmp_path / "out")
    assert not (tmp_path / "out/model.ckpt.index").exists()


def test_absent_archive_is_named(tmp_path):
    with pytest.raises(UserError, match=r"absent.tar.gz: No such file"):
        extract_files(tmp_path / "absent.tar.gz", ["a"], tmp_path)


def test_folder_that_cannot_be_written_to_is_named(archive, tmp_path):
    with pytest.raises(UserError, match="cannot write"):
        extract_files(archive, ["model.ckpt.index"], archive)
