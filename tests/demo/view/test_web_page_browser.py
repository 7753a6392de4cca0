import contextlib
import os
import re
import shutil
import threading
from urllib.parse import urlsplit

import cv2
import pytest

from demo.view.controls import Controls
from demo.view.web_page import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


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
def show(controls, grey):
    """Shows, for a page in a block, frames as grey as the score threshold, all the time."""

    @contextlib.contextmanager
    def showing(controls, port=0, host="127.0.0.1"):
        stop = threading.Event()

        def run():
            while not stop.wait(0.03):
                found = [{"name": "cat", "score": 0.9}, {"name": "dog", "score": 0.5, "track": 7}]
                found = [one for one in found if one["score"] >= controls.score]
                if not controls.paused:
                    page.show(grey(round(200 * controls.score)), {"fps": 29.7, "detections": found})

        with Page(controls, host, port) as page:
            page.url = page.url.replace(urlsplit(page.url).hostname, "127.0.0.1")  # from here
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
def tab(browser, timeout_s, page):
    """Opens a page in a tab, which must not complain of anything."""
    tabs = []

    def visit(page, width=1280, height=800):
        tab = browser.new_page(viewport={"width": width, "height": height})
        tabs.append(tab)
        tab.set_default_timeout(1000 * timeout_s)
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
    """Until the middle of the frame, as the browser shows it, is of this grey."""
    middle = "$('canvas').getContext('2d').getImageData(32, 24, 1, 1).data[0]"
    tab.wait_for_function(f"() => Math.abs({middle} - {level}) < 3")


def focus(tab, name):
    """On a busy machine an answer may be late, and buttons are off meanwhile."""
    tab.wait_for_function(
        f"() => {{ $('{name}').focus(); return document.activeElement.id === '{name}'; }}"
    )


def test_the_slider_moves_the_threshold_and_the_frame_follows(controls, live, tab, wait_until):
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


def test_dragging_the_slider_ends_where_it_was_left(controls, live, tab, wait_until):
    tab = tab(live)
    box = tab.locator("#score").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] + 20, box["y"] + box["height"] / 2, steps=15)
    tab.mouse.up()
    wait_until(lambda: controls.score == 0.95)
    tab.wait_for_timeout(300)  # no late news moves it back
    assert (controls.score, tab.locator("#score").input_value()) == (0.95, "0.95")


def test_ticking_classes_shows_them_alone_and_all_brings_the_others_back(
    controls, live, tab, wait_until
):
    tab = tab(live)
    tab.get_by_label("dog").check()
    wait_until(lambda: controls.labels == (1,))
    tab.get_by_label("bird").check()
    wait_until(lambda: controls.labels == (1, 2))
    tab.get_by_role("button", name="All").click()
    wait_until(lambda: controls.labels is None)
    tab.wait_for_function("() => document.querySelectorAll('#classes :checked').length === 0")


def test_a_snapshot_is_asked_for_and_another_downloaded(controls, live, tab, tmp_path, wait_until):
    tab = tab(live)
    tab.locator("#snapshot").click()
    wait_until(controls.take_snapshot)
    with tab.expect_download() as download:
        tab.locator("#download").click()
    assert re.fullmatch(r"snapshot.*\.jpg", download.value.suggested_filename)
    download.value.save_as(tmp_path / "frame.jpg")
    assert cv2.imread(str(tmp_path / "frame.jpg")).shape == (48, 64, 3)


def test_keys_do_in_the_page_what_they_do_in_the_window(controls, live, tab, wait_until):
    tab = tab(live)
    wait_for_level(tab, 80)
    in_window = Controls(controls.names)
    for key in ["t", "H", "r", "c", "c", "+", "+", "-", "=", "s", " "]:
        tab.keyboard.press(key)
        in_window.press(ord(key))
    wait_until(lambda: controls.state() == in_window.state())


def test_keys_typed_into_a_field_or_a_button_keep_their_meaning(controls, show, tab, wait_until):
    controls.names = [f"thing {number}" for number in range(20)]
    with show(controls) as page:
        tab = tab(page)
        tab.locator("#search").press_sequentially("thing 1 start")
        focus(tab, "tracks")
        tab.keyboard.press(" ")
        wait_until(lambda: controls.tracks)
    assert not (controls.paused or controls.help or controls.recording or controls.labels)


def test_many_classes_can_be_searched(controls, show, tab, wait_until):
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


def test_a_lost_connection_is_said_and_fixed_by_itself(controls, show, tab, address_of):
    with show(controls) as page:
        port = address_of(page)[1]
        tab = tab(page)
        wait_for_level(tab, 80)
    tab.wait_for_selector("text=Connection lost", state="visible")
    assert tab.locator("#paused").is_disabled()
    assert tab.locator("#search").is_enabled()  # else what is typed there would become keys
    controls.score = 0.9
    with show(controls, port):
        tab.wait_for_selector("#veil", state="hidden")
        wait_for_level(tab, 180)
        assert tab.locator("#paused").is_enabled()


def test_names_of_classes_are_text_not_markup(controls, show, tab):
    controls.names = ["<img src=x onerror=alert(1)>", "a&amp;b"]
    with show(controls) as page:
        tab = tab(page)
        tab.locator(".chip").nth(1).wait_for()
        assert tab.locator(".chip").all_text_contents() == controls.names
        assert tab.complaints == []


def test_a_tab_that_is_closed_is_no_viewer_any_more(live, tab, wait_until, viewers):
    tab = tab(live)
    wait_until(lambda: viewers(live) == 1)
    tab.close()
    wait_until(lambda: viewers(live) == 0)


def test_nothing_sticks_out_of_any_screen(live, tab):
    tab = tab(live)
    for width, height in [(360, 640), (844, 390), (1024, 700), (1280, 800), (3840, 2160)]:
        tab.set_viewport_size({"width": width, "height": height})
        frame = tab.locator("#canvas").bounding_box()
        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert frame["width"] > 0.6 * width
        assert frame["height"] > 0.4 * min(width, height)
        cut_off = "e => e.offsetParent && e.scrollWidth > e.clientWidth + 1"
        assert (
            tab.evaluate(f"[...document.querySelectorAll('button, a')].filter({cut_off}).length")
            == 0
        )


def test_a_page_of_the_network_works_by_its_token_and_shows_none(controls, show, tab, wait_until):
    with show(controls, host="0.0.0.0") as page:
        tab = tab(page)
        wait_for_level(tab, 80)
        tab.locator("#tracks").click()
        wait_until(lambda: controls.tracks)
        assert tab.url == page.url.partition("?")[0]
        assert tab.evaluate("document.cookie") == ""
        assert tab.complaints == []


def test_a_page_of_a_run_before_says_that_there_is_a_new_address(controls, show, tab, address_of):
    with show(controls, host="0.0.0.0") as page:
        port = address_of(page)[1]
        tab = tab(page)
        wait_for_level(tab, 80)
    with show(controls, port, "0.0.0.0") as page:
        tab.wait_for_selector("text=open the address that it printed", state="visible")
        tab.goto(page.url)
        wait_for_level(tab, 80)


def test_a_token_can_be_typed(controls, show, browser, timeout_s):
    with show(controls, host="0.0.0.0") as page, browser.new_page() as tab:
        tab.set_default_timeout(1000 * timeout_s)
        address, _, token = page.url.partition("?token=")
        tab.goto(address)
        tab.get_by_label("Or type the token").fill(token)
        tab.get_by_role("button", name="Open").click()
        wait_for_level(tab, 80)
        assert tab.url == address
