import json
import re
import socket

import numpy as np
import pytest
import requests

from configs.errors import UserError
from demo.view.web_page import Page


@pytest.fixture
def post(timeout_s, page):
    """Sends the page a change: `post(page, body, kind, **headers)`."""

    def send(page, body, kind="application/json", **headers):
        data = body if isinstance(body, bytes) else json.dumps(body)
        headers["Content-Type"] = kind
        return requests.post(page.url + "controls", data=data, headers=headers, timeout=timeout_s)

    return send


# What is served


def test_the_page_loads_nothing_from_elsewhere(page, get):
    html = get(page).text
    own = {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert set(re.findall(r"(?:https?:)?//[\w.]+\.[a-z]+/[\w/]*", html)) <= own
    assert {"status.json", "stream.mjpg", "snapshot.jpg", "controls"} <= set(
        re.findall(r"[\"']([\w.]+)[\"']", html)
    )


def test_a_frame_keeps_its_colours(page, pixels, get):
    page.show(np.full((48, 64, 3), (250, 10, 10), np.uint8), {})
    bgr = pixels(get(page, "snapshot.jpg").content)
    np.testing.assert_allclose(bgr.mean(axis=(0, 1)), (10, 10, 250), atol=4)


def test_a_snapshot_is_the_newest_frame_as_a_download(page, get, grey, pixels):
    page.show(grey(10), {})
    page.show(grey(90), {})
    response = get(page, "snapshot.jpg")
    assert re.fullmatch(
        r'attachment; filename="snapshot-\d{8}-\d{6}\.jpg"', response.headers["Content-Disposition"]
    )
    assert round(pixels(response.content).mean()) == 90


def test_before_the_first_frame_there_is_a_status_but_no_stream(page, get):
    assert get(page, "status.json").json()["frame"] is None
    for path in ("stream.mjpg", "snapshot.jpg"):
        response = get(page, path)
        assert (response.status_code, response.text) == (503, "there is no frame yet\n")


@pytest.mark.parametrize("path", ["", "status.json", "snapshot.jpg", "nowhere"])
def test_every_answer_forbids_guesses_frames_and_caches(page, path, get):
    headers = get(page, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    assert headers["Content-Security-Policy"] == policy
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert not [name for name in headers if name.startswith("Access-Control")]


# What it may change


def test_a_change_is_carried_out_and_answered_with_all_controls(page, controls, post):
    response = post(page, {"score": 0.6, "labels": [0], "tracks": True})
    assert (controls.score, controls.labels, controls.tracks) == (0.6, (0,), True)
    assert response.json() == {**controls.state(), "labels": [0]}


def test_a_snapshot_can_be_asked_for(page, controls, post):
    post(page, {"snapshot": True})
    assert controls.take_snapshot()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({"score": 2}, "score: must be a number from 0.05 to 0.95, got 2", id="range"),
        pytest.param({"labels": [9]}, "labels: must be null or a list", id="no such class"),
        pytest.param({"quit": True}, "'quit' cannot be changed", id="unknown"),
        pytest.param([1], r"a change must be an object, got \[1\]", id="no object"),
        pytest.param(b"", "Expecting value: line 1", id="empty"),
        pytest.param(b"{", "Expecting property name", id="cut short"),
        pytest.param(b'{"score": NaN}', "score: must be a number", id="NaN"),
        pytest.param(b"\xff\xfe\xfa", "codec can't decode", id="no text"),
        pytest.param(b"[" * 9000, "recursion", id="deep"),
        pytest.param(b'{"labels": [' + b"1" * 5000 + b"]}", "integer string", id="long number"),
        pytest.param(b'{"a\\nb": 1}', "cannot be changed", id="line break"),
    ],
)
def test_a_bad_change_is_refused_in_one_line(page, controls, body, message, post):
    before = controls.state()
    response = post(page, body)
    assert response.status_code == 400
    assert re.search(message, response.text)
    assert response.text.startswith("bad change: ")
    assert response.text.count("\n") == 1
    assert response.headers["Content-Type"].startswith("text/plain")
    assert controls.state() == before


def test_a_huge_change_is_refused(page, post):
    assert post(page, b" " * 1_000_000).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_cannot_change_anything(page, controls, kind, post):
    assert post(page, {"paused": True}, kind).status_code == 415
    assert not controls.paused


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://127.0.0.1:1"]
)
def test_a_script_of_another_site_cannot_change_anything(page, controls, origin, post):
    assert post(page, {"paused": True}, Origin=origin).status_code == 403
    assert not controls.paused


def test_the_page_itself_can(page, controls, post):
    assert post(page, {"paused": True}, Origin=page.url.rstrip("/")).status_code == 200
    assert controls.paused


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8000", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1", 200),
        ("[::1]:9", 200),
        ("evil.example", 400),
        ("evil.example:8000", 400),
        ("127.0.0.1.evil.example", 400),
        ("192.168.1.7", 400),
        ("a b", 400),
        ("[::::]", 400),
    ],
)
def test_on_loopback_only_names_of_loopback_are_answered(page, host, status, get):
    assert get(page, "status.json", Host=host).status_code == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *(
            (name, 200)
            for name in ("board", "board.local", "pi.lan", "192.168.1.7:8000", "[fe80::1]")
        ),
        (socket.gethostname().upper(), 200),
        ("evil.example", 400),
        ("192.168.1.7.evil.example", 400),
    ],
)
def test_when_opened_up_it_answers_to_the_names_of_a_network(
    controls, address_of, get, host, status
):
    with Page(controls, "0.0.0.0", 0, with_token=False) as page:
        page.url = f"http://127.0.0.1:{address_of(page)[1]}/"  # it gives that of another device
        assert get(page, "status.json", Host=host).status_code == status


def test_its_own_name_may_have_capitals(controls):
    with Page(controls, "127.0.0.1", 0) as page:
        page._server.host = "DESKTOP-AB12"
        assert page._server.knows("desktop-ab12:8000")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "controls", 405), ("POST", "", 405), ("GET", "etc/passwd", 404), ("HEAD", "", 200)],
)
def test_other_paths_and_methods(page, method, path, status, timeout_s):
    response = requests.request(method, page.url + path, timeout=timeout_s)
    assert response.status_code == status
    assert "<html" not in response.text


def test_it_says_nothing_of_requests(page, capfd, get, address_of):
    get(page, "nowhere")
    with socket.create_connection(address_of(page)) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        raw.recv(1000)
    assert capfd.readouterr() == ("", "")


# Where it is served


def test_a_port_that_is_taken(controls, page, address_of):
    port = address_of(page)[1]
    with pytest.raises(UserError, match=f"port {port} .* in use; try another --port"):
        Page(controls, "127.0.0.1", port)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param("192.0.2.1", 0, id="of another machine"),
        pytest.param("a..b", 0, id="no name"),
        pytest.param("x" * 80, 0, id="too long for a name"),
        pytest.param("unix:///tmp/x", 0, id="a file"),
        pytest.param("127.0.0.1", 70000, id="no port"),
    ],
)
def test_a_host_or_port_that_cannot_be(controls, host, port):
    with pytest.raises(UserError, match=r"cannot serve .*; try another --port or --host"):
        Page(controls, host, port)


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_it_is_served_over_ipv6(controls, get):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with Page(controls, "::1", 0) as page:
        assert page.url.startswith("http://[::1]:")
        assert get(page).status_code == 200
