import contextlib
import gc
import json
import os
import re
import shutil
import socket
import sys
import threading
import time
from urllib.parse import urlsplit

import cv2
import numpy as np
import psutil
import pytest
import requests

from configs.errors import UserError
from demo.controls import Controls
from demo.page import Page
from detector.draw import class_colour

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 10


@pytest.fixture
def controls():
    return Controls(("cat", "dog", "bird"))


@pytest.fixture
def page(controls):
    with Page(controls, "127.0.0.1", 0) as page:
        yield page


def grey(level, height=48, width=64):
    return np.full((height, width, 3), level, np.uint8)


def noise(seed):
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), np.uint8)


def get(page, path="", **headers):
    return requests.get(page.url + path, headers=headers, timeout=TIMEOUT_S)


def post(page, body, kind="application/json", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body)
    headers["Content-Type"] = kind
    return requests.post(page.url + "controls", data=data, headers=headers, timeout=TIMEOUT_S)


def address_of(page):
    parts = urlsplit(page.url)
    return parts.hostname, parts.port


def pixels(jpeg):
    """BGR, as OpenCV decodes it."""
    return cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)


def wait_until(condition, seconds=TIMEOUT_S):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.01)


class Viewer:
    """An open stream, read picture by picture."""

    def __init__(self, page):
        self.response = requests.get(page.url + "stream.mjpg", stream=True, timeout=TIMEOUT_S)
        self.headers = self.response.headers
        assert self._line() == b"--frame"

    def read(self) -> int:
        """The grey level of the next picture."""
        assert self._line() == b"Content-Type: image/jpeg"
        length = int(self._line().removeprefix(b"Content-Length: "))
        assert self._line() == b""
        picture = pixels(self.response.raw.read(length))
        assert (self._line(), self._line()) == (b"", b"--frame")
        return round(float(picture.mean()))

    def read_until(self, level):
        while self.read() != level:
            pass

    def _line(self) -> bytes:
        return self.response.raw.readline().removesuffix(b"\r\n")

    def close(self):
        self.response.close()


@pytest.fixture
def watch(page):
    with contextlib.ExitStack() as stack:

        def open_viewer():
            viewer = Viewer(page)
            stack.callback(viewer.close)
            return viewer

        yield open_viewer


@pytest.fixture
def encodings(monkeypatch):
    """Counts what is encoded: one entry for each JPEG."""
    counted, encode = [], cv2.imencode

    def count(*args):
        counted.append(args[0])
        return encode(*args)

    monkeypatch.setattr(cv2, "imencode", count)
    return counted


# What is served


def test_the_page_loads_nothing_from_elsewhere(page):
    html = get(page).text
    own = {"http://www.w3.org/2000/svg"}  # a name, not an address
    assert set(re.findall(r"(?:https?:)?//[\w.]+\.[a-z]+/[\w/]*", html)) <= own
    assert {"status.json", "stream.mjpg", "snapshot.jpg", "controls"} <= set(
        re.findall(r"[\"']([\w.]+)[\"']", html)
    )


def test_the_stream_gives_each_picture_that_is_shown(page, watch):
    page.show(grey(10), {})
    viewer = watch()
    assert viewer.read() == 10
    page.show(grey(200), {})
    assert viewer.read() == 200
    assert viewer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"


def test_a_picture_keeps_its_colours(page):
    page.show(np.full((48, 64, 3), (250, 10, 10), np.uint8), {})
    bgr = pixels(get(page, "snapshot.jpg").content)
    np.testing.assert_allclose(bgr.mean(axis=(0, 1)), (10, 10, 250), atol=4)


def test_the_status_is_what_was_shown_with_controls_and_classes(page, controls, watch):
    page.show(grey(0), {"fps": 12.5, "detections": [{"name": "dog", "score": 0.9}]})
    controls.labels = (1,)
    watch().read()
    status = get(page, "status.json").json()
    assert status["status"] == {"fps": 12.5, "detections": [{"name": "dog", "score": 0.9}]}
    assert status["controls"]["labels"] == [1]
    assert (status["frame"], status["viewers"]) == (1, 1)
    assert [one["name"] for one in status["classes"]] == ["cat", "dog", "bird"]
    assert status["classes"][1]["colour"] == "#{:02x}{:02x}{:02x}".format(*class_colour(1))


def test_a_snapshot_is_the_newest_picture_as_a_download(page):
    page.show(grey(10), {})
    page.show(grey(90), {})
    response = get(page, "snapshot.jpg")
    assert re.fullmatch(
        r'attachment; filename="snapshot-\d{8}-\d{6}\.jpg"', response.headers["Content-Disposition"]
    )
    assert round(pixels(response.content).mean()) == 90


def test_before_the_first_picture_there_is_a_status_but_no_stream(page):
    assert get(page, "status.json").json()["frame"] is None
    for path in ("stream.mjpg", "snapshot.jpg"):
        response = get(page, path)
        assert (response.status_code, response.text) == (503, "there is no picture yet\n")


@pytest.mark.parametrize("path", ["", "status.json", "snapshot.jpg", "nowhere"])
def test_every_answer_forbids_guesses_frames_and_caches(page, path):
    headers = get(page, path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    policy = "default-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
    assert headers["Content-Security-Policy"] == policy
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert not [name for name in headers if name.startswith("Access-Control")]


# What it may change


def test_a_change_is_carried_out_and_answered_with_all_controls(page, controls):
    response = post(page, {"score": 0.6, "labels": [0], "tracks": True})
    assert (controls.score, controls.labels, controls.tracks) == (0.6, (0,), True)
    assert response.json() == {**controls.state(), "labels": [0]}


def test_a_snapshot_can_be_asked_for(page, controls):
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
def test_a_bad_change_is_refused_in_one_line(page, controls, body, message):
    before = controls.state()
    response = post(page, body)
    assert response.status_code == 400
    assert re.search(message, response.text)
    assert response.text.startswith("bad change: ")
    assert response.text.count("\n") == 1
    assert response.headers["Content-Type"].startswith("text/plain")
    assert controls.state() == before


def test_a_huge_change_is_refused(page):
    assert post(page, b" " * 1_000_000).status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_form_of_another_site_cannot_change_anything(page, controls, kind):
    assert post(page, {"paused": True}, kind).status_code == 415
    assert not controls.paused


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://[", "http://127.0.0.1:1"]
)
def test_a_script_of_another_site_cannot_change_anything(page, controls, origin):
    assert post(page, {"paused": True}, Origin=origin).status_code == 403
    assert not controls.paused


def test_the_page_itself_can(page, controls):
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
def test_on_loopback_only_names_of_loopback_are_answered(page, host, status):
    assert get(page, "status.json", Host=host).status_code == status


def test_when_opened_up_it_answers_to_any_name(controls):
    with Page(controls, "0.0.0.0", 0) as page:
        page.url = f"http://127.0.0.1:{address_of(page)[1]}/"  # it gives that of another device
        for host in ("board.local", "192.168.1.7"):
            assert get(page, "status.json", Host=host).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "controls", 405), ("POST", "", 405), ("GET", "etc/passwd", 404), ("HEAD", "", 200)],
)
def test_other_paths_and_methods(page, method, path, status):
    response = requests.request(method, page.url + path, timeout=TIMEOUT_S)
    assert response.status_code == status
    assert "<html" not in response.text


def test_it_says_nothing_of_requests(page, capfd):
    get(page, "nowhere")
    with socket.create_connection(address_of(page)) as raw:
        raw.sendall(b"nonsense\r\n\r\n")
        raw.recv(1000)
    assert capfd.readouterr() == ("", "")


# Where it is served


def test_a_port_that_is_taken(controls, page):
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
def test_it_is_served_over_ipv6(controls):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no ::1")
    with Page(controls, "::1", 0) as page:
        assert page.url.startswith("http://[::1]:")
        assert get(page).status_code == 200


# Viewers: what they cost


def test_without_viewers_nothing_is_encoded(page, encodings):
    for level in range(100):
        page.show(grey(level), {})
    get(page, "status.json")
    assert encodings == []


def test_each_picture_is_encoded_once_for_all_viewers(page, watch, encodings):
    page.show(grey(0), {})
    viewers = [watch() for _ in range(3)]
    for level in range(10, 110, 10):
        page.show(grey(level), {})
        for viewer in viewers:
            viewer.read_until(level)
    get(page, "snapshot.jpg")
    assert len(encodings) <= 11
    assert page.viewers == 3


def test_a_stream_has_at_most_thirty_pictures_a_second(page, watch):
    page.show(grey(0), {})
    viewer = watch()
    stop = threading.Event()

    def show():
        while not stop.wait(0.002):
            page.show(grey(0), {})

    shower = threading.Thread(target=show)
    shower.start()
    start = time.monotonic()
    for _ in range(30):
        viewer.read()
    stop.set()
    shower.join()
    assert time.monotonic() - start > 0.9


def test_a_picture_that_stands_still_is_sent_again(page, watch):
    page.show(grey(70), {})
    viewer = watch()
    start = time.monotonic()
    assert [viewer.read(), viewer.read()] == [70, 70]
    assert time.monotonic() - start < 2


@pytest.mark.skipif(sys.platform != "linux", reason="counts files as Linux does")
def test_viewers_that_leave_a_still_picture_leave_nothing_behind(page):
    page.show(grey(0), {})
    get(page, "status.json")
    wait_until(lambda: not [t for t in threading.enumerate() if "process_request" in t.name])
    process = psutil.Process()
    threads, files = threading.active_count(), process.num_fds()
    viewers = [Viewer(page) for _ in range(4)]
    for viewer in viewers:
        viewer.read()
    assert page.viewers == 4
    for viewer in viewers:
        viewer.close()
    wait_until(lambda: page.viewers == 0, seconds=3)
    wait_until(lambda: threading.active_count() == threads, seconds=3)
    gc.collect()
    assert process.num_fds() == files


@pytest.fixture
def stalled(page):
    """A viewer that asks for the stream and then takes nothing."""
    page.show(noise(0), {})
    address = address_of(page)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
    raw.connect(address)
    raw.settimeout(TIMEOUT_S)
    raw.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    yield raw
    raw.close()


def test_a_stalled_viewer_delays_neither_the_program_nor_others(page, stalled, watch):
    wait_until(lambda: page.viewers == 1)
    viewer = watch()
    times = []
    for seed in range(1, 20):
        picture = noise(seed)
        start = time.perf_counter()
        page.show(picture, {})
        times.append(time.perf_counter() - start)
        viewer.read()
    assert sorted(times)[-2] < 0.02  # one may have met a busy machine


def test_a_slow_viewer_gets_new_pictures_not_a_backlog(page, stalled):
    wait_until(lambda: page.viewers == 1)
    for seed in range(40):
        page.show(noise(seed), {})
        time.sleep(0.04)
    page.show(grey(0), {})
    last, received = get(page, "snapshot.jpg").content, b""
    while last not in received:
        received += stalled.recv(1 << 20)
    assert received.count(b"Content-Length") < 10


def test_it_ends_at_once_whatever_its_viewers_do(controls):
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        with Page(controls, "127.0.0.1", 0) as page:
            page.show(noise(0), {})
            address = address_of(page)
            stack.enter_context(contextlib.closing(Viewer(page)))
            silent = stack.enter_context(socket.create_connection(address))
            greedy = stack.enter_context(socket.create_connection(address))
            greedy.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: page.viewers == 2)
            for seed in range(20):  # until the greedy one's buffers are full
                page.show(noise(seed), {})
                time.sleep(0.04)
            start = time.monotonic()
        assert time.monotonic() - start < 1.5
        assert threading.active_count() == before
        assert silent.recv(1) == b""
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(address).close()


# In a real browser


@pytest.fixture(scope="module")
def browser():
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api")
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with playwright.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if is_root else []  # Chromium refuses root a sandbox
        browser = driver.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def show():
    """Shows, for a page in a block, pictures as grey as the score threshold, all the time."""

    @contextlib.contextmanager
    def showing(controls, port=0):
        stop = threading.Event()

        def run():
            while not stop.wait(0.03):
                found = [{"name": "cat", "score": 0.9}, {"name": "dog", "score": 0.5, "track": 7}]
                found = [one for one in found if one["score"] >= controls.score]
                if not controls.paused:
                    page.show(grey(round(200 * controls.score)), {"fps": 29.7, "detections": found})

        with Page(controls, "127.0.0.1", port) as page:
            thread = threading.Thread(target=run)
            thread.start()
            try:
                yield page
            finally:
                stop.set()
                thread.join()

    return showing


@pytest.fixture
def live(controls, show):
    with show(controls) as page:
        yield page


@pytest.fixture
def tab(browser):
    """Opens a page in a tab, which must not complain of anything."""
    tabs = []

    def visit(page, width=1280, height=800):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tabs.append(tab)
        tab.set_default_timeout(1000 * TIMEOUT_S)
        tab.complaints = []
        tab.on("pageerror", lambda error: tab.complaints.append(str(error)))
        tab.on("console", lambda line: line.type == "error" and tab.complaints.append(line.text))
        tab.goto(page.url)
        tab.wait_for_selector("#veil", state="hidden")
        return tab

    yield visit
    for tab in tabs:
        tab.close()


def wait_for_level(tab, level):
    """Until the middle of the picture, as the browser shows it, is of this grey."""
    middle = "$('canvas').getContext('2d').getImageData(32, 24, 1, 1).data[0]"
    tab.wait_for_function(f"() => Math.abs({middle} - {level}) < 3")


def test_the_slider_moves_the_threshold_and_the_picture_follows(controls, live, tab):
    tab = tab(live)
    wait_for_level(tab, 80)
    assert tab.locator("#seen li").all_text_contents() == ["cat90%", "dog#750%"]
    tab.locator("#score").fill("0.8")
    wait_until(lambda: controls.score == 0.8)
    wait_for_level(tab, 160)
    assert tab.locator("#score-value").text_content() == "80%"
    tab.wait_for_function("() => document.querySelectorAll('#seen li').length === 1")
    assert tab.locator("#seen li").all_text_contents() == ["cat90%"]
    assert tab.complaints == []


def test_dragging_the_slider_ends_where_it_was_left(controls, live, tab):
    tab = tab(live)
    box = tab.locator("#score").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] + 20, box["y"] + box["height"] / 2, steps=15)
    tab.mouse.up()
    wait_until(lambda: controls.score == 0.95)
    tab.wait_for_timeout(300)  # no late news moves it back
    assert (controls.score, tab.locator("#score").input_value()) == (0.95, "0.95")


def test_ticking_classes_shows_them_alone_and_all_brings_the_others_back(controls, live, tab):
    tab = tab(live)
    tab.get_by_label("dog").check()
    wait_until(lambda: controls.labels == (1,))
    tab.get_by_label("bird").check()
    wait_until(lambda: controls.labels == (1, 2))
    tab.get_by_role("button", name="All").click()
    wait_until(lambda: controls.labels is None)
    tab.wait_for_function("() => document.querySelectorAll('#classes :checked').length === 0")


def test_a_snapshot_is_asked_for_and_another_downloaded(controls, live, tab, tmp_path):
    tab = tab(live)
    tab.locator("#snapshot").click()
    wait_until(controls.take_snapshot)
    with tab.expect_download() as download:
        tab.locator("#download").click()
    assert re.fullmatch(r"snapshot.*\.jpg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "picture.jpg")
    assert cv2.imread(str(tmp_path / "picture.jpg")).shape == (48, 64, 3)


def test_keys_do_in_the_page_what_they_do_in_the_window(controls, live, tab):
    tab = tab(live)
    wait_for_level(tab, 80)
    in_window = Controls(controls.names)
    for key in ["t", "H", "r", "c", "c", "+", "+", "-", "=", "s", " "]:
        tab.keyboard.press(key)
        in_window.press(ord(key))
    wait_until(lambda: controls.state() == in_window.state())


def test_keys_typed_into_a_field_or_a_button_keep_their_meaning(controls, show, tab):
    controls.names = [f"thing {number}" for number in range(20)]
    with show(controls) as page:
        tab = tab(page)
        tab.locator("#search").press_sequentially("thing 1 start")
        tab.locator("#tracks").focus()
        tab.keyboard.press(" ")
        wait_until(lambda: controls.tracks)
    assert not (controls.paused or controls.help or controls.recording or controls.labels)


def test_many_classes_can_be_searched(controls, show, tab):
    controls.names = [f"thing {number}" for number in range(80)]
    with show(controls) as page:
        tab = tab(page)
        tab.locator("#search").fill("THING 7")
        assert tab.locator(".chip:visible").count() == 11  # 7 and 70 ... 79
        tab.locator(".chip:visible").nth(3).click()
        wait_until(lambda: controls.labels == (72,))


def test_what_keys_change_in_the_window_is_seen_in_the_page(controls, live, tab):
    tab = tab(live)
    for key in "+t c".replace(" ", ""):
        controls.press(ord(key))
    controls.paused = True
    tab.wait_for_selector("#connection:has-text('Paused')")
    assert tab.locator("#tracks").get_attribute("aria-pressed") == "true"
    assert tab.locator("#score").input_value() == "0.45"
    assert tab.get_by_label("cat").is_checked()


def test_a_lost_connection_is_said_and_mends_itself(controls, show, tab):
    with show(controls) as page:
        port = address_of(page)[1]
        tab = tab(page)
        wait_for_level(tab, 80)
    tab.wait_for_selector("text=Connection lost", state="visible")
    assert tab.locator("#paused").is_disabled()
    controls.score = 0.9
    with show(controls, port):
        tab.wait_for_selector("#veil", state="hidden")
        wait_for_level(tab, 180)
        assert tab.locator("#paused").is_enabled()


def test_names_of_classes_are_text_not_markup(controls, show, tab):
    controls.names = ["<img src=x onerror=alert(1)>", "a&amp;b"]
    with show(controls) as page:
        tab = tab(page)
        assert tab.locator(".chip").all_text_contents() == controls.names
        assert tab.complaints == []


def test_a_tab_that_is_closed_is_no_viewer_any_more(live, tab):
    tab = tab(live)
    wait_until(lambda: live.viewers == 1)
    tab.close()
    wait_until(lambda: live.viewers == 0, seconds=3)


def test_nothing_sticks_out_of_any_screen(live, tab):
    tab = tab(live)
    for width, height in [(360, 640), (844, 390), (1024, 700), (1280, 800), (3840, 2160)]:
        tab.set_viewport_size({"width": width, "height": height})
        picture = tab.locator("#canvas").bounding_box()
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert picture["width"] > 0.6 * width
        assert picture["height"] > 0.4 * min(width, height)
        cut_off = "e => e.offsetParent && e.scrollWidth > e.clientWidth + 1"
        assert (
            tab.evaluate(f"[...document.querySelectorAll('button, a')].filter({cut_off}).length")
            == 0
        )
