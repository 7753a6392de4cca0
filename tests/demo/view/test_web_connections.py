import contextlib
import socket
import sys
import threading
import time

import pytest
import requests

from demo.view import web_connections
from demo.view.web_page import Page

has_many_addresses = pytest.mark.skipif(
    sys.platform != "linux", reason="127.0.0.2 and so on are this machine on Linux"
)


@pytest.fixture
def connect(page, address_of, timeout_s):
    """Opens a connection to the page and sends what it is given: `connect(data, from_address)`."""
    with contextlib.ExitStack() as stack:

        def open_one(data=b"", source="127.0.0.1"):
            raw = socket.create_connection(address_of(page), timeout_s, (source, 0))
            stack.enter_context(raw)
            raw.sendall(data)
            return raw

        yield open_one


def answer(raw) -> bytes:
    """All that comes until the other side closes; nothing of what is still open."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(4096):
            received += data
    return received


def is_open(raw) -> bool:
    """Whether it was neither answered nor closed."""
    raw.setblocking(False)
    with contextlib.suppress(ConnectionResetError):
        try:
            raw.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def stream(page, connect, grey):
    """A viewer: gives how many frames have come until a new one is there."""
    page.show(grey(0), {})
    raw = connect(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")

    def next_frame(level):
        page.show(grey(level), {})
        received = b""
        while b"Content-Length" not in received:
            data = raw.recv(65536)
            assert data, "the viewer was cut off"
            received += data

    next_frame(1)
    return next_frame


HALF = [
    pytest.param(b"", id="silent"),
    pytest.param(b"GET / HT", id="half a line"),
    pytest.param(b"GET / HTTP/1.1\r\nHost: localhost\r\n", id="half a head"),
    pytest.param(
        b"POST /controls HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{",
        id="half a body",
    ),
]


@pytest.mark.parametrize("half", HALF)
def test_two_hundred_half_open_connections_shut_nobody_out(page, connect, stream, get, half):
    before = threading.active_count()
    waiting = [connect(half) for _ in range(200)]
    assert get(page, "status.json").status_code == 200
    stream(50)
    assert threading.active_count() <= before + web_connections._MOST_OF_ONE
    still_open = [raw for raw in waiting if is_open(raw)]
    assert 0 < len(still_open) < web_connections._MOST_OF_ONE
    assert get(page, "snapshot.jpg").status_code == 200  # while those are still there


def test_the_oldest_is_refused_at_once_and_told_why(connect, monkeypatch):
    monkeypatch.setattr(web_connections, "_MOST_OF_ONE", 3)
    first, *others = [connect(b"GET") for _ in range(4)]
    refused = answer(first)
    assert refused.startswith(b"HTTP/1.0 503 ") and refused.endswith(b"; try again\n")
    assert all(is_open(raw) for raw in others)


@has_many_addresses
def test_an_address_has_its_share_and_leaves_the_rest_to_others(connect, monkeypatch):
    monkeypatch.setattr(web_connections, "_MOST_OF_ONE", 3)
    other = connect(b"GET", "127.0.0.2")
    waiting = [connect(b"GET") for _ in range(9)]
    assert [answer(raw)[:12] for raw in waiting[:6]] == [b"HTTP/1.0 503"] * 6
    assert all(is_open(raw) for raw in (other, *waiting[6:]))


@has_many_addresses
def test_of_many_addresses_there_are_so_many_in_all(connect, monkeypatch):
    monkeypatch.setattr(web_connections, "_MOST", 3)
    waiting = [connect(b"GET", f"127.0.0.{number}") for number in range(2, 8)]
    assert [answer(raw)[:12] for raw in waiting[:3]] == [b"HTTP/1.0 503"] * 3
    assert all(is_open(raw) for raw in waiting[3:])


def test_viewers_make_no_room_for_others(page, stream, get, monkeypatch, wait_until):
    monkeypatch.setattr(web_connections, "_MOST_OF_ONE", 1)
    for level in (20, 40):
        refused = get(page, "status.json")
        assert (refused.status_code, refused.headers["Connection"]) == (503, "close")
        stream(level)


def test_one_that_has_ended_leaves_its_place(page, get, monkeypatch, wait_until):
    monkeypatch.setattr(web_connections, "_MOST_OF_ONE", 1)
    wait_until(lambda: get(page, "status.json").status_code == 200)
    wait_until(lambda: get(page, "status.json").status_code == 200)


@pytest.mark.parametrize(
    ("begun", "byte"),
    [
        pytest.param(b"", b"G", id="line"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"X", id="head"),
        pytest.param(b"GET / HTTP/1.1\r\n", b"X: 1\r\n", id="line by line"),
        pytest.param(HALF[3].values[0], b" ", id="body"),
    ],
)
def test_a_request_that_trickles_in_is_ended(connect, monkeypatch, timeout_s, begun, byte):
    monkeypatch.setattr(web_connections, "_REQUEST_S", 0.4)
    raw = connect(begun)
    raw.settimeout(0.05)
    received, until = b"", time.monotonic() + timeout_s
    while not received:
        assert time.monotonic() < until
        with contextlib.suppress(TimeoutError):
            raw.sendall(byte)
            received = raw.recv(100)
    assert received.startswith(b"HTTP/1.0 408 ")


def test_an_answer_may_take_longer_than_a_request(page, stream, monkeypatch):
    monkeypatch.setattr(web_connections, "_REQUEST_S", 0.1)
    for level in range(10, 60, 10):
        stream(level)
        time.sleep(0.1)


@pytest.mark.parametrize("half", HALF)
def test_it_ends_at_once_with_half_open_connections(controls, address_of, timeout_s, half):
    with Page(controls, "127.0.0.1", 0) as page, contextlib.ExitStack() as stack:
        for _ in range(100):
            raw = stack.enter_context(socket.create_connection(address_of(page), timeout_s))
            raw.sendall(half)
        assert requests.get(page.url, timeout=timeout_s).status_code == 200
        begun = stack.pop_all()
    begun.close()
    assert not [thread for thread in threading.enumerate() if "process_request" in thread.name]
