import json
import sys

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo import webcam
from demo.sources import capture
from demo.sources.frames import Frame, Source
from demo.view import outputs
from detector.images import read_image

pytestmark = pytest.mark.usefixtures("fake_predictor")


def test_the_json_of_a_video_keeps_the_contract(read_json, run_headless, make_video):
    assert run_headless("--source", make_video(), "--json", "out.json") == 0
    result = read_json()
    assert set(result) == {"model", "images", "fps", "stage_ms"}
    assert result["model"] == "fake"
    own = {stage: result["stage_ms"].pop(stage) for stage in ("grab", "draw")}
    assert result["stage_ms"] == {"resize": 0.5, "run": 0.0, "decode": 0.25, "nms": 0.25}
    assert all(milliseconds > 0 for milliseconds in own.values())
    assert result["fps"] > 0
    assert [image["frame"] for image in result["images"]] == list(range(12))
    times = [image["time"] for image in result["images"]]
    assert times == pytest.approx(np.arange(12) / 12.5, abs=1e-3)
    assert result["images"][0] == {
        "file": "video.mp4",
        "frame": 0,
        "time": 0.0,
        "width": 64,
        "height": 48,
        "detections": [
            {
                "box": [2.0, 3.0, 30.0, 40.0],
                "score": 0.9,
                "label": 0,
                "name": "person",
                "category_id": 1,
            }
        ],
    }


def test_the_json_of_images_names_each_and_has_no_frame_numbers(
    make_image, run_headless, read_json
):
    make_image("a.png")
    make_image("b.png")
    assert run_headless("--source", "*.png", "--json", "out.json") == 0
    images = read_json()["images"]
    assert [image["file"] for image in images] == ["a.png", "b.png"]
    assert not any({"frame", "time"} & image.keys() for image in images)


@pytest.mark.parametrize("fps", [12.5, 29.97, 30.0])
def test_a_saved_video_has_the_frames_and_the_rate_of_its_source(
    fps, run_headless, make_video, count_and_fps
):
    run_headless("--source", make_video(fps=fps), "--save", "out.mp4")
    assert count_and_fps("out.mp4") == (12, pytest.approx(fps, abs=0.001))


def test_boxes_are_drawn_into_what_is_saved(run_headless, make_image):
    run_headless("--source", make_image(grey=0), "--save", "out/drawn.png")
    assert read_image(capture.Path("out/drawn.png")).max() > 100


def test_images_are_saved_as_a_video_of_a_second_each(make_image, run_headless, count_and_fps):
    make_image("a.png")
    make_image("b.png", height=96)
    run_headless("--source", "*.png", "--save", "out.mp4")
    assert count_and_fps("out.mp4") == (2, 1.0)


def test_a_live_source_is_saved_in_real_time(monkeypatch, run_headless, count_and_fps, wait_until):
    times = 100 + np.cumsum(np.random.default_rng(1).uniform(1 / 14, 1 / 7, 40))
    kept, keep = [], outputs.Files.keep

    def counted(self, frame):
        keep(self, frame)
        kept.append(frame)

    def frames():
        for number, at in enumerate(times):  # no faster than they are taken: none is dropped
            wait_until(lambda number=number: len(kept) == number)
            yield Frame(np.zeros((48, 64, 3), np.uint8), "camera 0", float(at))

    monkeypatch.setattr(outputs.Files, "keep", counted)
    camera = Source("camera 0", frames(), live=True)
    monkeypatch.setattr(capture, "open_source", lambda *_, **__: camera)
    run_headless("--save", "out.mp4")
    count, fps = count_and_fps("out.mp4")
    assert count / fps == pytest.approx(times[-1] - times[0], abs=1.6 / 30)


RATES = {
    "30 and then 5 a second": [*np.arange(60) / 30, *(2 + np.arange(20) / 5)],
    "irregular": np.cumsum(np.random.default_rng(0).uniform(0.01, 0.4, 60)) - 0.01,
    "constant": np.arange(80) / 30,
    "a long gap": [*np.arange(40) / 30, *(20 + np.arange(20) / 30)],
}


@pytest.mark.parametrize("name", RATES)
def test_events_json_and_recording_of_a_variable_rate_agree(
    name, monkeypatch, run_headless, read_json
):
    times = [float(at - RATES[name][0]) for at in RATES[name]]
    bright_from = len(times) * 3 // 4  # the fake model sees a tie then
    images = (np.full((48, 64, 3), 220 * (i >= bright_from), np.uint8) for i in range(len(times)))
    video = Source("vfr.mp4", (Frame(image, "vfr.mp4", 0.0) for image in images), 30.0, len(times))
    monkeypatch.setattr(Source, "_time_s", lambda _, frame: times[frame.index])
    monkeypatch.setattr(capture, "open_source", lambda *_, **__: video)
    run_headless("--json", "out.json", "--events", "out.jsonl", "--save", "out.avi")

    frames = {image["frame"]: image for image in read_json()["images"]}
    assert [frame["time"] for frame in frames.values()] == pytest.approx(times, abs=5e-4)
    first = next(frame for frame in frames.values() if len(frame["detections"]) == 2)
    events = [json.loads(line) for line in capture.Path("out.jsonl").read_text().splitlines()]
    appears = [(event["frame"], event["time"]) for event in events if event["name"] == "tie"]
    assert appears == [(bright_from + 1, frames[bright_from + 1]["time"])]  # an id takes two frames
    recording = cv2.VideoCapture("out.avi")
    greys = []
    while (shot := recording.read())[0]:
        greys.append(shot[1][44:, :4].mean())  # where nothing is drawn
    assert len(greys) == round(30 * times[-1]) + 1
    bright = next(index for index, grey in enumerate(greys) if grey > 110)
    assert bright == round(30 * first["time"])


def test_a_folder_has_one_clock_for_events_and_recording(make_image, run_headless, count_and_fps):
    for index in range(9):
        make_image(f"{index}.png", grey=20 if index < 5 else 220)
    run_headless("--source", "*.png", "--events", "out.jsonl", "--save", "out.mp4")
    events = [json.loads(line) for line in capture.Path("out.jsonl").read_text().splitlines()]
    seconds = [(event["name"], event["frame"], event["time"]) for event in events]
    assert seconds == [("person", 1, 1.0), ("tie", 6, 6.0)]
    assert count_and_fps("out.mp4") == (9, 1.0)


def test_only_the_classes_asked_for_are_kept(run_headless, make_image, read_json):
    run_headless("--source", make_image(grey=200), "--json", "out.json", "--classes", "tie")
    (image,) = read_json()["images"]
    assert [found["name"] for found in image["detections"]] == ["tie"]


def test_an_unknown_class_offers_the_nearest(run_headless, make_image):
    with pytest.raises(UserError, match="unknown class 'persn'; did you mean 'person'"):
        run_headless("--source", make_image(), "--classes", "tie,persn")


def test_frames_ends_the_run_early(run_headless, make_video, read_json):
    run_headless("--source", make_video(), "--frames", "5", "--json", "out.json")
    assert len(read_json()["images"]) == 5


def test_an_image_that_cannot_be_read_makes_the_exit_code_1(
    capsys, make_image, run_headless, read_json
):
    make_image("a.png")
    capture.Path("b.png").write_text("no pixels")
    assert run_headless("--source", "*.png", "--json", "out.json") == 1
    assert len(read_json()["images"]) == 1
    assert "b.png" in capsys.readouterr().err


def test_images_of_which_none_can_be_read_are_bad_input_and_leave_nothing(run_headless):
    capture.Path("b.png").write_text("no pixels")
    with pytest.raises(UserError, match=r"none of the images of b\.png can be read"):
        run_headless("--source", "b.png", "--json", "out.json", "--save", "out.mp4")
    assert not capture.Path("out.json").exists()
    assert not capture.Path("out.mp4").exists()


def test_a_video_that_is_cut_short_is_told_by_line_and_exit_code(capsys, run_headless, read_json):
    writer = cv2.VideoWriter("whole.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(100):
        writer.write(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8))
    writer.release()
    whole = capture.Path("whole.avi").read_bytes()
    capture.Path("half.avi").write_bytes(whole[: len(whole) // 2])
    assert run_headless("--source", "half.avi", "--json", "out.json") == 1
    assert "half.avi ends after" in capsys.readouterr().err
    assert 10 < len(read_json()["images"]) < 90


def test_a_run_that_ends_before_its_first_frame_saves_no_video_and_says_so(
    capsys, monkeypatch, run_headless, make_video
):
    monkeypatch.setattr(Source, "__iter__", lambda _: iter(()))
    assert run_headless("--source", make_video(), "--save", "out.mp4") == 0
    assert "saved" not in capsys.readouterr().out
    assert not capture.Path("out.mp4").exists()


def test_the_summary_says_what_was_seen_and_saved(capsys, run_headless, make_video):
    run_headless("--source", make_video(), "--save", "out.mp4", "--json", "out.json")
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith("12 frames, ")
    assert " fps, latency " in first
    assert rest == [
        "person in 12 of 12 frames",
        "tie in 8 of 12 frames",
        "saved out.mp4",
        "saved out.json",
    ]


def test_headless_saves_nothing_unasked(run_headless, make_video):
    run_headless("--source", make_video())
    assert [path.name for path in capture.Path().iterdir()] == ["video.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="displays are X11's")
def test_without_a_display_it_says_so_and_saves(capsys, count_and_fps, make_video):
    assert webcam.main(["--source", make_video()]) == 0
    assert capsys.readouterr().err == ("no display: running headless, saving to out/webcam.mp4\n")
    assert count_and_fps("out/webcam.mp4") == (12, 12.5)


def test_a_failing_model_leaves_nothing_half_written(
    monkeypatch, fake_predictor, run_headless, make_video
):
    monkeypatch.setattr(fake_predictor, "__call__", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_headless("--source", make_video(), "--save", "out.mp4", "--json", "out.json")
    assert [path.name for path in capture.Path().iterdir()] == ["video.mp4"]


def test_detections_that_stay_hidden_fill_no_frame(run_headless, make_video, capsys):
    run_headless("--source", make_video(), "--max-dets", "2", "--score", "0.6")
    assert "max_detections" not in capsys.readouterr().out


def test_frames_with_as_many_detections_as_there_can_be_are_told_once(
    run_headless, make_video, capsys
):
    run_headless("--source", make_video(), "--max-dets", "1")
    line = "12 of 12 frames reached max_detections (1), and may hold more objects"
    assert capsys.readouterr().out.count(line) == 1
    run_headless("--source", make_video(), "--max-dets", "3")
    assert "max_detections" not in capsys.readouterr().out
