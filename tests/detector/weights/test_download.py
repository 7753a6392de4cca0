import hashlib
import random
import threading

import pytest

from configs.errors import UserError
from detector.weights.download import RemoteFile, cache_folder, fetch

pytestmark = pytest.mark.usefixtures("impatient")

CONTENT = random.Random(0).randbytes(300_000)  # as the server has it
SHA256 = hashlib.sha256(CONTENT).hexdigest()


# The cache folder and the description of a file.


def test_cache_folder_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    assert not cache_folder().exists()


def test_cache_folder_is_the_systems_otherwise(monkeypatch):
    monkeypatch.delenv("SSDLITE_HOME", raising=False)
    assert cache_folder().is_absolute()
    assert "ssdlite" in cache_folder().parts


def test_name_is_the_last_segment_of_the_address():
    assert RemoteFile("https://example.org/a/b.tar.gz?download=1").name == "b.tar.gz"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        pytest.param("http://example.org/a.bin", "needs a sha256", id="http, unverified"),
        pytest.param("ftp://example.org/a.bin", "not the https address", id="other scheme"),
        pytest.param("https://example.org/a/", "not the https address", id="no name"),
        pytest.param("https://example.org/a/..", "not the https address", id="parent folder"),
    ],
)
def test_address_that_cannot_be_trusted_is_refused(url, complaint):
    with pytest.raises(ValueError, match=complaint):
        RemoteFile(url)


# A download that goes well.


def test_download_arrives_whole_with_its_digest_beside_it(server, cache, visible):
    path = fetch(server.remote(), cache)
    assert path == cache / "model.bin"
    assert path.read_bytes() == CONTENT
    assert (cache / "model.bin.sha256").read_text() == f"{SHA256}  model.bin\n"
    assert visible(cache) == ["model.bin", "model.bin.sha256"]


def test_second_use_asks_nobody(server, cache):
    fetch(server.remote(), cache)
    fetch(server.remote(), cache)
    assert len(server.asked) == 1


def test_bytes_are_kept_as_served_where_an_archive_is_taken_for_an_encoding(server, cache, answer):
    server.script = [answer(200, CONTENT, Content_Encoding="gzip")]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_progress_is_not_shown_for_a_moments_download(server, cache, capsys):
    fetch(server.remote(), cache)
    assert capsys.readouterr() == ("", "")


@pytest.mark.slow
def test_progress_is_shown_on_stderr_when_it_takes_longer(server, cache, capsys, stalled):
    server.script = [stalled]
    threading.Timer(0.8, server.resume.set).start()
    fetch(server.remote(), cache)
    out, err = capsys.readouterr()
    assert out == ""
    assert "model.bin: 100%" in err


# Files that are there already.


def by_hand(cache, content):
    cache.mkdir()
    (cache / "model.bin").write_bytes(content)


def unpinned(**known):
    """A file of unknown digest; nothing listens at its address."""
    return RemoteFile("https://127.0.0.1:9/model.bin", **known)


def test_file_put_there_by_hand_is_used_and_recorded(cache):
    by_hand(cache, CONTENT)
    assert fetch(unpinned(size=len(CONTENT)), cache).read_bytes() == CONTENT
    assert (cache / "model.bin.sha256").read_text() == f"{SHA256}  model.bin\n"


def test_truncated_file_put_there_by_hand_is_refused(cache, visible):
    by_hand(cache, CONTENT[:-1])
    with pytest.raises(UserError, match="expected 300000 bytes, found 299999; delete it"):
        fetch(unpinned(size=len(CONTENT)), cache)
    assert visible(cache) == ["model.bin"]


def test_wrong_file_put_there_by_hand_is_refused(cache):
    by_hand(cache, b"other")
    found = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(
        UserError, match=f"model.bin .*{SHA256}, found {found}; delete it and run again"
    ):
        fetch(unpinned(sha256=SHA256), cache)


def test_file_altered_after_it_was_recorded_is_refused(server, cache):
    path = fetch(server.remote(), cache)
    assert fetch(unpinned(), cache) == path
    path.write_bytes(b"x" + CONTENT[1:])
    with pytest.raises(UserError, match=f"expected sha256 {SHA256}"):
        fetch(unpinned(), cache)


def test_deleting_a_refused_file_is_enough(server, cache):
    by_hand(cache, b"old")
    fetch(unpinned(), cache)
    (cache / "model.bin").unlink()
    fetch(server.remote(), cache)
    assert fetch(unpinned(), cache).read_bytes() == CONTENT


def test_file_is_used_where_nothing_can_be_recorded(cache, visible, no_file_over):
    by_hand(cache, CONTENT)
    with no_file_over(10):
        assert fetch(unpinned(), cache) == cache / "model.bin"
    assert visible(cache) == ["model.bin"]
