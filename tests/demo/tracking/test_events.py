import csv
import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from configs.errors import UserError
from demo.tracking.events import EventLog, appearances
from demo.tracking.tracker import Sighting, Tracker
from detector.types import Detections

NAMES = ["person", 'cup, "big"']


def someone(number=3, label=0):
    return Sighting(number, label, 0.87654321, np.array([10.126, 20, 30.5, 40], np.float32))


def read_csv(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_row_of_csv(tmp_path):
    path = tmp_path / "events.csv"
    with EventLog(path, NAMES) as log:
        log.add(0.0, 0, [])
        log.add(1.2504, 37, [("cross_in", someone(label=1))])
    (row,) = read_csv(path)
    clock = datetime.fromisoformat(row.pop("clock"))
    assert clock.utcoffset() is not None
    assert abs((datetime.now().astimezone() - clock).total_seconds()) < 60
    assert row == {
        "time": "1.25",
        "frame": "37",
        "event": "cross_in",
        "id": "3",
        "name": 'cup, "big"',
        "score": "0.87654",
        "x1": "10.13",
        "y1": "20.0",
        "x2": "30.5",
        "y2": "40.0",
    }


def test_a_row_of_json_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path, NAMES) as log:
        log.add(0.0, 12, [("enter", someone())])
    (row,) = read_jsonl(path)
    assert datetime.fromisoformat(row.pop("clock")).utcoffset() is not None
    assert row == {
        "time": 0.0,
        "frame": 12,
        "event": "enter",
        "id": 3,
        "name": "person",
        "score": 0.87654,
        "box": [10.13, 20.0, 30.5, 40.0],
    }


def test_events_stand_in_the_order_of_their_frames(tmp_path):
    path = tmp_path / "events.jsonl"
    with EventLog(path, NAMES) as log:
        for frame in range(100):
            log.add(frame / 30, frame, [("enter", someone(frame)), ("leave", someone(frame))])
    rows = read_jsonl(path)
    assert [row["id"] for row in rows] == sorted([*range(100)] * 2)
    assert [row["event"] for row in rows[:2]] == ["enter", "leave"]


def test_without_events_there_is_the_heading_alone(tmp_path):
    for name in ("events.csv", "events.jsonl"):
        with EventLog(tmp_path / name, NAMES) as log:
            log.add(0.0, 0, [])
    heading = "time,clock,frame,event,id,name,score,x1,y1,x2,y2\n"
    assert (tmp_path / "events.csv").read_text() == heading
    assert (tmp_path / "events.jsonl").read_text() == ""


def test_each_frame_is_in_the_file_at_once(tmp_path):
    path = tmp_path / "events.CSV"
    with EventLog(path, NAMES) as log:
        log.add(0.0, 0, [("enter", someone())])
        assert len(read_csv(path)) == 1


def test_an_older_file_is_replaced_and_a_folder_is_made(tmp_path):
    path = tmp_path / "new" / "events.jsonl"
    for number in (1, 2):
        with EventLog(path, NAMES) as log:
            log.add(0.0, 0, [("enter", someone(number))])
    assert [row["id"] for row in read_jsonl(path)] == [2]


def test_an_exception_leaves_what_was_written(tmp_path):
    path = tmp_path / "events.csv"
    with pytest.raises(RuntimeError), EventLog(path, NAMES) as log:
        log.add(0.0, 0, [("enter", someone())])
        raise RuntimeError("on the way")
    assert len(read_csv(path)) == 1


@pytest.mark.parametrize("name", ["events.txt", "events", "events.json"])
def test_another_suffix_is_refused(name, tmp_path):
    with pytest.raises(UserError, match=r"its suffix must be \.csv or \.jsonl"):
        EventLog(tmp_path / name, NAMES)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "events.csv").mkdir()
    with pytest.raises(UserError, match=r"cannot write .*events\.csv: Is a directory"):
        EventLog(tmp_path / "events.csv", NAMES).__enter__()


WRITER = """
import itertools, os, resource, signal, sys
from pathlib import Path
import numpy as np
from configs.errors import UserError
from demo.tracking.events import EventLog
from demo.tracking.tracker import Sighting
one = Sighting(1, 0, 0.5, np.zeros(4, np.float32))
path, limit = Path(sys.argv[1]), int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    with EventLog(path, ["person"]) as log:
        for frame in itertools.count():
            log.add(frame / 30, frame, [("enter", one), ("leave", one)])
            if not limit and frame == 50:
                os.kill(os.getpid(), signal.SIGKILL)
except UserError as error:
    print(error)
"""
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits are POSIX's")
readers = pytest.mark.parametrize(
    ("name", "read"), [("events.csv", read_csv), ("events.jsonl", read_jsonl)]
)


def write(name, folder, limit=0):
    arguments = [sys.executable, "-c", WRITER, name, str(limit)]
    return subprocess.run(arguments, cwd=folder, capture_output=True, text=True)


@posix
@readers
def test_a_process_that_is_killed_loses_nothing(name, read, tmp_path):
    assert write(name, tmp_path).returncode == -signal.SIGKILL
    assert [int(row["frame"]) for row in read(tmp_path / name)][-2:] == [50, 50]


@posix
@readers
def test_a_full_disk_is_said_and_leaves_whole_rows(name, read, tmp_path):
    done = write(name, tmp_path, limit=3000)
    assert done.stdout == f"cannot write {name}: File too large\n"
    rows = read(tmp_path / name)
    assert len(rows) % 2 == 0
    assert 10 < len(rows) < 60
    assert all(None not in row.values() for row in rows)
    assert (tmp_path / name).read_text().endswith("\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a full device")
def test_the_reason_of_a_full_disk_is_given(tmp_path):
    (tmp_path / "events.csv").symlink_to("/dev/full")
    with pytest.raises(UserError, match=r"events\.csv: No space left on device"):
        EventLog(tmp_path / "events.csv", NAMES).__enter__()


def test_a_track_appears_with_its_id_and_vanishes_as_it_was_last_seen():
    box = np.array([[10, 20, 70, 80]], np.float32)
    one = Detections(box, np.array([0.8], np.float32), np.array([1]))
    none = Detections(box[:0], one.scores[:0], one.labels[:0])
    tracker = Tracker(30)
    frames = [one] * 5 + [none] * 5 + [one] * 5 + [none] * 90
    events = [
        (i, kind, who.id, who.label, who.box.tolist())
        for i, frame in enumerate(frames)
        for kind, who in appearances(tracker.update(frame, i / 30))
    ]
    begin, end = events
    assert begin == (1, "appear", 1, 1, [10, 20, 70, 80])
    assert end[1:] == ("vanish", 1, 1, [10, 20, 70, 80])
