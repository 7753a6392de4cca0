import hashlib
import random
import shutil
import ssl
import subprocess
import threading

import pytest

from configs.errors import UserError
from detector.weights import download
from detector.weights.download import RemoteFile, fetch

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow]  # servers, and waits

CONTENT = random.Random(0).randbytes(300_000)  # as the server has it
SHA256 = hashlib.sha256(CONTENT).hexdigest()


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


def test_part_of_unknown_age_is_not_built_upon(https, server, cache, part_of):
    part_of(cache, b"x" * 1000)
    assert fetch(https, cache).read_bytes() == CONTENT
    assert server.asked == [None]


@pytest.fixture
def versioned(answer, ranged):
    """A server that drops the first connection, then heeds If-Range: `versioned(tag)`."""

    def replies(tag):
        def reply(handler):
            if handler.headers["If-Range"] == tag:
                return ranged(handler)
            return answer(200, CONTENT, ETag=tag)(handler)

        return [answer(200, CONTENT[:100_000], length=len(CONTENT), ETag='"v1"'), reply, reply]

    return replies


@pytest.mark.parametrize(
    ("tag", "sent"),
    [
        pytest.param('"v1"', len(CONTENT) - 100_000, id="same version: only the rest"),
        pytest.param('"v2"', len(CONTENT), id="the file has changed: all of it"),
    ],
)
def test_a_later_run_goes_on_only_in_the_same_version(
    https, server, cache, tag, sent, monkeypatch, visible, versioned
):
    monkeypatch.setattr(download, "_PATIENT_TRIES", 1)
    server.script = versioned(tag)
    with pytest.raises(UserError, match="cannot download"):
        fetch(https, cache)
    assert fetch(https, cache).read_bytes() == CONTENT
    assert server.sent[-1] == sent
    assert visible(cache) == ["model.bin", "model.bin.sha256"]


def test_detour_over_http_is_refused(https, server, cache, answer, new_server, visible):
    with new_server() as plain:
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
