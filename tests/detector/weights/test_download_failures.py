import hashlib
import random
import re
import subprocess
import sys
import time

import pytest

from configs.errors import UserError
from detector.weights import download
from detector.weights.download import fetch

pytestmark = [pytest.mark.usefixtures("impatient"), pytest.mark.slow]  # servers, and waits

CONTENT = random.Random(0).randbytes(300_000)  # as the server has it
SHA256 = hashlib.sha256(CONTENT).hexdigest()


# Interruptions.


def test_part_of_an_earlier_run_is_completed_not_repeated(server, cache, part_of):
    part_of(cache, CONTENT[:120_000])
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == ["bytes=120000-"]
    assert server.sent == [len(CONTENT) - 120_000]


def test_dropped_connection_is_taken_up_where_it_broke(server, cache, dropped):
    server.script = [dropped]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=100000-"]
    assert server.sent == [100_000, 200_000]


def test_server_without_ranges_starts_anew(server, cache, whole, part_of):
    part_of(cache, b"x" * 120_000)
    server.script = [whole]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_part_that_is_whole_already_is_accepted(server, cache, part_of):
    part_of(cache, CONTENT)
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert sum(server.sent) == 0


def test_part_of_a_longer_older_file_is_dropped(server, cache, part_of):
    part_of(cache, b"x" * (len(CONTENT) + 5))
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 5}-", None]


def test_answer_to_another_range_is_not_joined_on(server, cache, answer, part_of):
    part_of(cache, CONTENT[:120_000])
    server.script = [answer(206, CONTENT[:10], Content_Range="bytes 0-9/300000")]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == ["bytes=120000-", None]


def test_four_drops_are_borne(server, cache, answer, dropped, hung_up):
    server.script = [dropped, hung_up, answer(503), answer(429)]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_fifth_drop_ends_it_and_the_part_stays_for_the_next_run(server, cache, dropped, visible):
    server.script = [dropped] * 5
    with pytest.raises(UserError, match="cannot download"):
        fetch(server.remote(), cache)
    assert visible(cache) == ["model.bin.part"]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked[-1] == "bytes=100000-"


def test_server_that_falls_silent_is_asked_again(server, cache, monkeypatch, stalled):
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


def test_killed_process_leaves_a_part_that_the_next_completes(server, cache, stalled, visible):
    server.script = [stalled]
    part = cache / "model.bin.part"
    with start_fetch(server, cache) as process:
        wait_until(lambda: part.exists() and part.stat().st_size > 0)
        process.kill()
    have = part.stat().st_size
    assert visible(cache) == ["model.bin.part"]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT
    assert server.asked == [None, f"bytes={have}-"]


@pytest.mark.slow
def test_of_two_processes_one_downloads_and_the_other_waits(server, cache, stalled):
    server.script = [stalled]
    with start_fetch(server, cache) as first, start_fetch(server, cache) as second:
        wait_until(lambda: server.asked)
        time.sleep(0.5)  # long enough for the second to ask too, if it did not wait
        server.resume.set()
        assert (first.wait(20), second.wait(20)) == (0, 0)
    assert (cache / "model.bin").read_bytes() == CONTENT
    assert server.asked == [None]


# Failures that are told.


def test_no_network_names_address_and_place(cache, new_server):
    with new_server() as closed:
        remote = closed.remote()
    with pytest.raises(UserError) as caught:
        fetch(remote, cache)
    message = str(caught.value)
    assert remote.url in message
    assert str(cache / "model.bin") in message
    assert "put the file at" in message
    assert "Connection refused" in message
    assert "\n" not in message


def test_no_network_is_told_within_seconds(cache, monkeypatch, new_server):
    monkeypatch.undo()  # with the real waits
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with new_server() as closed:
        remote = closed.remote()
    waits = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    with pytest.raises(UserError):
        fetch(remote, cache)
    assert 0 < sum(waits) < 5


def test_missing_file_is_told_at_once(server, cache, answer):
    server.script = [answer(404)]
    with pytest.raises(UserError, match=f"{server.url}.*404 Not Found"):
        fetch(server.remote(), cache)
    assert len(server.asked) == 1


def test_range_error_for_a_whole_file_is_told(server, cache, answer):
    server.script = [answer(416)]
    with pytest.raises(UserError, match="answered 416"):
        fetch(server.remote(), cache)


def test_overload_that_lasts_is_told(server, cache, answer):
    server.script = [answer(503)] * 9
    with pytest.raises(UserError, match="503 Service Unavailable"):
        fetch(server.remote(), cache)
    assert len(server.asked) == 5


def test_wrong_content_leaves_nothing_behind(server, cache, visible):
    with pytest.raises(UserError, match=f"expected sha256 {'0' * 64}, found {SHA256}"):
        fetch(server.remote(sha256="0" * 64), cache)
    assert visible(cache) == []


def test_wrong_size_leaves_nothing_behind(server, cache, visible):
    with pytest.raises(UserError, match="expected 7 bytes, found 300000"):
        fetch(server.remote(size=7), cache)
    assert visible(cache) == []


def test_server_that_promises_too_little_is_found_out(server, cache, answer, visible):
    server.script = [answer(200, CONTENT, length=1000)]
    with pytest.raises(UserError, match="expected 300000 bytes, found 1000"):
        fetch(server.remote(), cache)
    assert visible(cache) == []


def test_server_that_promises_too_much_does_not_lose_the_file(server, cache, answer):
    server.script = [answer(200, CONTENT, length=len(CONTENT) + 1000)]
    assert fetch(server.remote(), cache).read_bytes() == CONTENT


def test_file_where_the_cache_should_be(server, cache):
    cache.write_text("")
    with pytest.raises(UserError, match=f"{re.escape(str(cache))}.*SSDLITE_HOME"):
        fetch(server.remote(), cache)


def test_full_disk(server, cache, visible, no_file_over):
    complaint = f"{re.escape(str(cache))}.*SSDLITE_HOME"
    with no_file_over(1000), pytest.raises(UserError, match=complaint):
        fetch(server.remote(), cache)
    assert visible(cache) == ["model.bin.part"]
