import contextlib
import hashlib
import http.server
import random
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

import pytest

from configs.errors import UserError
from detector.weights import download
from detector.weights.download import RemoteFile, cache_folder, fetch

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Answers with the replies of `script` in turn, and as `ranged` does when they are used up."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = []
        self.asked = []  # the Range header of each request, or None
        self.sent = []  # the bytes of each body
        self.resume = threading.Event()  # a stalled reply waits for this

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/models/model.bin"

    def remote(self, **known):
        return RemoteFile(self.url, **{"sha256": SHA256, "size": len(CONTENT)} | known)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers["Range"])
        reply = self.server.script.pop(0) if self.server.script else ranged
        reply(self)

    def log_message(self, *args):
        pass


def answer(status, body=b"", length=None, **headers):
    """A reply whose Content-Length may lie."""
    headers["Content-Length"] = len(body) if length is None else length

    def reply(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.server.sent.append(len(body))
        handler.wfile.write(body)

    return reply


def ranged(handler):
    if handler.headers["Range"] is None:
        return whole(handler)
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    if start >= len(CONTENT):
        return answer(416)(handler)
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return answer(206, CONTENT[start:], Content_Range=span)(handler)


whole = answer(200, CONTENT)
dropped = answer(200, CONTENT[:100_000], length=len(CONTENT))


def stalled(handler):
    answer(200, CONTENT[:200_000], length=len(CONTENT))(handler)
    handler.server.resume.wait(20)
    with contextlib.suppress(OSError):  # the other side may be gone by now
        handler.wfile.write(CONTENT[200_000:])


def hung_up(handler):
    handler.close_connection = True


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(download, "_WAIT", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.resume.set()
        server.shutdown()


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def part_of(cache, content):
    """A download that an earlier run left unfinished."""
    cache.mkdir()
    part = cache / "model.bin.part"
    part.write_bytes(content)
    return part


def visible(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


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


def test_download_arrives_whole_with_its_digest_beside_it(server, cache):
    path = fetch(server.remote(), cache)
    assert path == cache / "model.bin"
    assert path.read_bytes() == CONTENT
    assert (cache / "model.bin.sha256").read_text() == f"{SHA256}  model.bin\n"
    assert visible(cache) == ["model.bin", "model.bin.sha256"]


def test_second_use_asks_nobody(server, cache):
    fetch(server.remote(), cache)
    fetch(server.remote(), cache)
    assert len(server.asked) == 1


def test_bytes_are_kept_as_served_where_an_archive_is_taken_for_an_encoding(server, cache):
    server.script = [answer(200, CONTENT, Content_Encoding="gzip")]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert len(server.asked) == 1


def test_progress_is_not_shown_for_a_moments_download(server, cache, capsys):
    fetch(server.remote(), cache)
    assert capsys.readouterr() == ("", "")


def test_progress_is_shown_on_stderr_when_it_takes_longer(server, cache, capsys):
    server.script = [stalled]
    threading.Timer(0.8, server.resume.set).start()
    fetch(server.remote(), cache)
    out, err = capsys.readouterr()
    assert out == ""
    assert "model.bin: 100%" in err


# Interruptions.


def test_part_of_an_earlier_run_is_completed_not_repeated(server, cache):
    part_of(cache, CONTENT[:120_000])
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == ["bytes=120000-"]
    assert server.sent == [len(CONTENT) - 120_000]


def test_dropped_connection_is_taken_up_where_it_broke(server, cache):
    server.script = [dropped]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert server.sent == [100_000, 200_000]


def test_server_without_ranges_starts_anew(server, cache):
    part_of(cache, b"x" * 120_000)
    server.script = [whole]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_part_that_is_whole_already_is_accepted(server, cache):
    part_of(cache, CONTENT)
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert sum(server.sent) == 0


def test_part_of_a_longer_older_file_is_dropped(server, cache):
    part_of(cache, b"x" * (len(CONTENT) + 5))
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 5}-", None]


def test_answer_to_another_range_is_not_joined_on(server, cache):
    part_of(cache, CONTENT[:120_000])
    server.script = [answer(206, CONTENT[:10], Content_Range="bytes 0-9/300000")]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == ["bytes=120000-", None]


def test_four_drops_are_borne(server, cache):
    server.script = [dropped, hung_up, answer(503), answer(429)]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_fifth_drop_ends_it_and_the_part_stays_for_the_next_run(server, cache):
    server.script = [dropped] * 5
    with pytest.raises(UserError, match="cannot download"):
        fetch(server.remote(), cache)
    assert visible(cache) == ["model.bin.part"]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"


def test_server_that_falls_silent_is_asked_again(server, cache, monkeypatch):
    monkeypatch.setattr(download, "_TIMEOUT", (5.0, 0.3))
    server.script = [stalled]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert len(server.asked) == 2


FETCH = """
import sys
from pathlib import Path
from detector.weights.download import RemoteFile, fetch
fetch(RemoteFile(sys.argv[1], sha256=sys.argv[2]), Path(sys.argv[3]))
"""


def start_fetch(server, cache):
    command = [sys.executable, "-c", FETCH, server.url, SHA256, str(cache)]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def wait_until(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_killed_process_leaves_a_part_that_the_next_completes(server, cache):
    server.script = [stalled]
    part = cache / "model.bin.part"
    with start_fetch(server, cache) as process:
        wait_until(lambda: part.exists() and part.stat().st_size > 0)
        process.kill()
    have = part.stat().st_size
    assert visible(cache) == ["model.bin.part"]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


def test_of_two_processes_one_downloads_and_the_other_waits(server, cache):
    server.script = [stalled]
    with start_fetch(server, cache) as first, start_fetch(server, cache) as second:
        wait_until(lambda: server.asked)
        time.sleep(0.5)  # long enough for the second to ask too, if it did not wait
        server.resume.set()
        assert (first.wait(20), second.wait(20)) == (0, 0)
    assert (cache / "model.bin").read_bytes() == CONTENT
    assert server.asked == [None]


# Failures that are told.


def test_no_network_names_address_place_and_alternative(cache):
    with Server() as closed:
        remote = closed.remote()
    with pytest.raises(UserError) as caught:
        fetch(remote, cache)
    message = str(caught.value)
    assert remote.url in message
    assert str(cache / "model.bin") in message
    assert "or name a model that is on disk" in message
    assert "Connection refused" in message
    assert "\n" not in message


def test_no_network_is_told_within_seconds(cache, monkeypatch):
    monkeypatch.undo()  # with the real waits
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as closed:
        remote = closed.remote()
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    with pytest.raises(UserError):
        fetch(remote, cache)
    assert 0 < sum(waits) < 5


def test_missing_file_is_told_at_once(server, cache):
    server.script = [answer(404)]
    with pytest.raises(UserError, match=f"{server.url}.*404 Not Found"):
        fetch(server.remote(), cache)
    assert len(server.asked) == 1


def test_range_error_for_a_whole_file_is_told(server, cache):
    server.script = [answer(416)]
    with pytest.raises(UserError, match="answered 416"):
        fetch(server.remote(), cache)


def test_overload_that_lasts_is_told(server, cache):
    server.script = [answer(503)] * 9
    with pytest.raises(UserError, match="503 Service Unavailable"):
        fetch(server.remote(), cache)
    assert len(server.asked) == 5


def test_wrong_content_leaves_nothing_behind(server, cache):
    with pytest.raises(UserError, match=f"expected sha256 {'0' * 64}, found {SHA256}"):
        fetch(server.remote(sha256="0" * 64), cache)
    assert visible(cache) == []


def test_wrong_size_leaves_nothing_behind(server, cache):
    with pytest.raises(UserError, match="expected 7 bytes, found 300000"):
        fetch(server.remote(size=7), cache)
    assert visible(cache) == []


def test_server_that_promises_too_little_is_found_out(server, cache):
    server.script = [answer(200, CONTENT, length=1000)]
    with pytest.raises(UserError, match="expected 300000 bytes, found 1000"):
        fetch(server.remote(), cache)
    assert visible(cache) == []


def test_server_that_promises_too_much_does_not_lose_the_file(server, cache):
    server.script = [answer(200, CONTENT, length=len(CONTENT) + 1000)]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_file_where_the_cache_should_be(server, cache):
    cache.write_text("")
    with pytest.raises(UserError, match=f"{re.escape(str(cache))}.*SSDLITE_HOME"):
        fetch(server.remote(), cache)


@contextlib.contextmanager
def no_file_over(size):
    """The system refuses to write more than so many bytes to a file: a full disk, in effect."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_full_disk(server, cache):
    complaint = f"{re.escape(str(cache))}.*SSDLITE_HOME"
    with no_file_over(1000), pytest.raises(UserError, match=complaint):
        fetch(server.remote(), cache)
    assert visible(cache) == ["model.bin.part"]


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


def test_truncated_file_put_there_by_hand_is_refused(cache):
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


def test_file_is_used_where_nothing_can_be_recorded(cache):
    by_hand(cache, CONTENT)
    with no_file_over(10):
        assert fetch(unpinned(), cache) == cache / "model.bin"
    assert visible(cache) == ["model.bin"]


# Files of unknown digest, over https.


@pytest.fixture
def https(server, tmp_path, monkeypatch):
    """The server behind a certificate of its own, which this test trusts."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl to make a certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1".split()
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    return RemoteFile(server.url.replace("http:", "https:"))


def test_digest_found_on_first_use_is_recorded(https, cache):
    assert fetch(https, cache).read_bytes() == CONTENT
    assert (cache / "model.bin.sha256").read_text().startswith(SHA256)


def test_part_of_unknown_age_is_not_built_upon(https, server, cache):
    part_of(cache, b"x" * 1000)
    assert fetch(https, cache).read_bytes() == CONTENT
    assert server.asked == [None]


def versioned(tag):
    """A server that drops the first connection, then heeds If-Range."""

    def reply(handler):
        if handler.headers["If-Range"] == tag:
            return ranged(handler)
        return answer(200, CONTENT, ETag=tag)(handler)

    return [answer(200, CONTENT[:100_000], length=len(CONTENT), ETag='"v1"'), reply, reply]


@pytest.mark.parametrize(
    ("tag", "sent"),
    [
        pytest.param('"v1"', len(CONTENT) - 100_000, id="same version: only the rest"),
        pytest.param('"v2"', len(CONTENT), id="the file has changed: all of it"),
    ],
)
def test_a_later_run_goes_on_only_in_the_same_version(https, server, cache, tag, sent, monkeypatch):
    monkeypatch.setattr(download, "_PATIENT_TRIES", 1)
    server.script = versioned(tag)
    with pytest.raises(UserError, match="cannot download"):
        fetch(https, cache)
    assert fetch(https, cache).read_bytes() == CONTENT
    assert server.sent[-1] == sent
    assert visible(cache) == ["model.bin", "model.bin.sha256"]


def test_detour_over_http_is_refused(https, server, cache):
    with Server() as plain:
        threading.Thread(target=plain.serve_forever, args=[0.01], daemon=True).start()
        server.script = [answer(302, Location=plain.url)]
        with pytest.raises(UserError, match="without https"):
            fetch(https, cache)
        plain.shutdown()
    assert visible(cache) == []


def test_unknown_certificate_is_refused(https, cache, monkeypatch):
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(UserError, match="certificate verify failed"):
        fetch(https, cache)
