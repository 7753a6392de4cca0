import subprocess
import sys
import threading

import pytest

from demo.view.controls import KEYS, Controls

NUM_LOCK = 0x100000  # GTK's bit for it, in what cv2.waitKey may give
LEFT, RIGHT, UP, DOWN = 0xFF51, 0xFF53, 0xFF52, 0xFF54  # whole, from cv2.waitKeyEx


@pytest.fixture
def controls() -> Controls:
    return Controls(("cat", "dog", "bird"))


def press(controls, text):
    for key in text:
        controls.press(ord(key))


@pytest.mark.parametrize("key", [ord("q"), ord("Q"), 27, NUM_LOCK | ord("q"), 0xFF1B])
def test_q_and_escape_end_it(controls, key):
    controls.press(key)
    assert controls.ended


@pytest.mark.parametrize(
    ("key", "name"),
    [(" ", "paused"), ("t", "tracks"), ("h", "help"), ("r", "recording"), ("T", "tracks")],
)
def test_a_switch_is_turned_on_and_off_by_its_key(controls, key, name):
    press(controls, key)
    assert getattr(controls, name)
    press(controls, key)
    assert not getattr(controls, name)


@pytest.mark.parametrize(
    ("keys", "score"),
    [
        pytest.param("+", 0.45, id="up"),
        pytest.param("=", 0.45, id="plus without shift"),
        pytest.param("-_", 0.3, id="down, with and without shift"),
        pytest.param("+++", 0.55, id="no crumbs of binary fractions"),
        pytest.param("+" * 30, 0.95, id="never above 0.95"),
        pytest.param("-" * 30, 0.05, id="never below 0.05"),
    ],
)
def test_plus_and_minus_move_the_threshold(controls, keys, score):
    press(controls, keys)
    assert controls.score == score


@pytest.mark.parametrize(("key", "score"), [(171, 0.45), (0xFFAB, 0.45), (173, 0.35)])
def test_plus_and_minus_of_the_keypad(controls, key, score):
    controls.press(key)
    assert controls.score == score


def test_c_shows_each_class_alone_and_then_all(controls):
    seen = []
    for _ in range(4):
        press(controls, "c")
        seen.append(controls.labels)
    assert seen == [(0,), (1,), (2,), None]


def test_c_goes_from_several_classes_to_all(controls):
    controls.labels = (0, 2)
    press(controls, "c")
    assert controls.labels is None


@pytest.mark.parametrize("key", [-1, 0, ord("x"), ord("\r"), LEFT, RIGHT, UP, DOWN, 255])
def test_other_keys_do_nothing(controls, key):
    before = controls.state(), controls.ended
    controls.press(key)
    assert (controls.state(), controls.ended) == before


def test_each_snapshot_asked_for_is_taken_once(controls):
    press(controls, "ss")
    assert [controls.take_snapshot() for _ in range(3)] == [True, True, False]


def test_no_snapshot_is_lost_between_threads(controls):
    threads = [
        threading.Thread(target=lambda: [controls.ask_snapshot() for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert controls.snapshots == 8000


def test_a_change_sets_what_it_names_and_nothing_else(controls):
    controls.change({"score": 0.7, "labels": [2, 0, 2], "paused": True, "snapshot": True})
    assert controls.state() == {
        "score": 0.7,
        "labels": (0, 2),
        "paused": True,
        "tracks": False,
        "recording": False,
        "help": False,
        "snapshots": 1,
    }


def test_labels_of_null_are_all_and_of_an_empty_list_none(controls):
    controls.change({"labels": []})
    assert controls.labels == ()
    controls.change({"labels": None})
    assert controls.labels is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ([], r"a change must be an object, got \[\]"),
        ({"score": 0.96}, r"score: must be a number from 0.05 to 0.95, got 0.96"),
        ({"score": float("nan")}, "score: .* got nan"),
        ({"score": True}, "score: .* got True"),
        ({"score": "0.5"}, "score: .* got '0.5'"),
        ({"score": None}, "score: .* got None"),
        ({"labels": [3]}, r"labels: must be null or a list of integers from 0 to 2, got \[3\]"),
        ({"labels": [-1]}, "labels: "),
        ({"labels": [True]}, "labels: "),
        ({"labels": [1.0]}, "labels: "),
        ({"labels": 1}, "labels: "),
        ({"labels": "1"}, "labels: "),
        ({"paused": 1}, "paused: must be true or false, got 1"),
        ({"help": None}, "help: must be true or false"),
        ({"snapshot": False}, "snapshot: must be true, got False"),
        ({"ended": True}, "'ended' cannot be changed, only score, labels, paused"),
        ({"names": []}, "'names' cannot be changed"),
    ],
)
def test_a_wrong_change_says_what_is_wrong_with_it(controls, change, message):
    with pytest.raises(ValueError, match=message):
        controls.change(change)


def test_of_a_change_that_is_wrong_in_part_nothing_is_taken(controls):
    with pytest.raises(ValueError, match="paused"):
        controls.change({"score": 0.9, "snapshot": True, "paused": "yes"})
    assert (controls.score, controls.snapshots) == (0.4, 0)


def test_the_message_about_a_long_value_is_short(controls):
    with pytest.raises(ValueError, match="labels") as error:
        controls.change({"labels": ["x" * 1000] * 1000})
    assert len(str(error.value)) < 300


def test_the_help_tells_of_every_key():
    told = " ".join(keys for keys, _ in KEYS)
    assert set("q Esc space s r + - c t h".split()) <= set(told.replace(",", "").split())


def test_it_needs_nothing_but_the_standard_library():
    code = (
        "import sys, demo.view.controls; "
        "sys.exit(bool({'cv2', 'numpy', 'werkzeug'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
