import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import types

import cv2
import numpy as np
import pytest

from configs.errors import UserError
from demo import capture, webcam
from demo.recorded import Shot
from detector.classes import coco_classes
from detector.images import read_image, write_image
from detector.types import Detections
from detector.weights import presets

RUNNER = f"""
import runpy, sys, types
fake = runpy.run_path({__file__!r})["FakePredictor"]
sys.modules["detector.predictor"] = types.SimpleNamespace(Predictor=fake)
from detector.weights import presets
presets.fetch_preset = lambda _: None
from demo import webcam
from detector.command import run
sys.exit(run(lambda: webcam.main(sys.argv[1:])))
"""


class FakePredictor:
    """Sees a person in every picture, and a tie in bright ones; "slow" takes 50 ms for it."""

    name = "fake"
    classes = coco_classes([1, 32])  # person, tie
    spec = types.SimpleNamespace(postprocess=types.SimpleNamespace(score_threshold=0.4))
    why = ""

    @classmethod
    def load(cls, model, _runtime, _options, *, score_threshold=None):
        predictor = cls()
        predictor.seconds = 0.05 if model == "slow" else 0.0
        predictor.score_threshold = score_threshold
        return predictor

    def __call__(self, image):
        time.sleep(self.seconds)
        self.stage_ms = {"resize": 0.5, "run": 1000 * self.seconds, "decode": 0.25, "nms": 0.25}
        boxes = np.array([[2, 3, 30, 40], [10, 20, 20, 30]], np.float32)
        found = Detections(boxes, np.array([0.9, 0.5], np.float32), np.array([0, 1]))
        return found[: 2 if image.mean() > 60 else 1]


@pytest.fixture(autouse=True)
def fake_predictor(monkeypatch, tmp_path):
    """The command finds the fake model, works in an empty folder, and has no display."""
    module = types.SimpleNamespace(Predictor=FakePredictor)
    monkeypatch.setitem(sys.modules, "detector.predictor", module)
    monkeypatch.setattr(presets, "fetch_preset", lambda _: None)
    monkeypatch.chdir(tmp_path)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_model(monkeypatch):
    """Loading a model is a fault of the test: the mistake should have been found before."""

    def load(*_, **__):
        pytest.fail("the model was loaded before the mistake was found")

    monkeypatch.setattr(FakePredictor, "load", load)


def make_video(name="video.mp4", frames=12, fps=12.5):
    writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*"mp4v"), fps, (64, 48))
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 20 * i % 240, np.uint8))
    writer.release()
    return name


def make_picture(name="picture.png", grey=100, height=48, width=64):
    write_image(capture.Path(name), np.full((height, width, 3), grey, np.uint8))
    return name


def count_and_fps(name):
    video = cv2.VideoCapture(str(name))
    frames = 0
    while video.grab():
        frames += 1
    fps = video.get(cv2.CAP_PROP_FPS)
    video.release()
    return frames, fps


def read_json(name="out.json"):
    return json.loads(capture.Path(name).read_text())


def slowly(*parts):
    """A shot of a live source; in a test they come faster, but not faster than they are taken."""
    time.sleep(0.01)
    return Shot(*parts)


def run_headless(*arguments):
    return webcam.main(["--headless", *arguments])


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=True, **options
    )


# ---- the start


def test_help_shows_examples():
    done = python("-m", "demo.webcam", "--help")
    assert "python -m demo.webcam --source street.mp4" in done.stdout


def test_importing_the_command_imports_the_standard_library_only():
    heavy = "{'numpy', 'cv2', 'PIL', 'matplotlib', 'tensorflow', 'keras'}"
    assert python("-c", f"import demo.webcam, sys; print({heavy} & {{*sys.modules}})").stdout == (
        "set()\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "missing.mp4"], "no such file or folder: 'missing.mp4'"),
        (["--json", "."], "it is a folder"),
        (["--source", "video.mp4", "--save", "video.mp4"], "it is an input; name another file"),
        (["--source", "video.mp4", "--json", "video.mp4"], "it is an input"),
        (["--source", "photos", "--save", "photos/a.png"], "it is an input"),
        (["--source", "video.mp4", "--save", "o.mp4", "--json", "o.mp4"], "another output"),
        (["--source", "video.mp4", "--save", "v\udcff.mp4"], "its name is not UTF-8"),
        (["--source", "video.mp4", "--save", "out.mkv"], r"\.mp4 or \.avi or \.webm"),
        (["--source", "video.mp4", "--save", "out.png"], r"\.mp4 or \.avi or \.webm"),
        (["--source", "photos", "--save", "out.png"], r"\.mp4 or \.avi or \.webm"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_found_before_the_model_is_loaded(arguments, message, no_model):
    make_video()
    capture.Path("photos").mkdir()
    make_picture("photos/a.png")
    make_picture("photos/b.png")
    with pytest.raises(UserError, match=message):
        run_headless(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--frames", number] for number in ("many", "0", "-3")),
        *(["--score", number] for number in ("high", "1.5", "-0.1", "nan")),
        ["--sauce"],
    ],
    ids=" ".join,
)
def test_what_argparse_refuses_exits_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        webcam.main(arguments)
    assert caught.value.code == 2


def test_model_runtime_and_score_reach_the_predictor(monkeypatch):
    given = []
    load = FakePredictor.load

    def note(model, runtime, options, *, score_threshold):
        given.append((model, runtime, options.threads, score_threshold))
        return load(model, runtime, options, score_threshold=score_threshold)

    monkeypatch.setattr(FakePredictor, "load", note)
    run_headless("--source", make_picture())
    mine = ("--model", "mine", "--runtime", "onnx", "--threads", "2", "--score", "0.7")
    run_headless("--source", make_picture(), *mine)
    assert given == [("coco", "auto", None, None), ("mine", "onnx", 2, 0.7)]


def test_without_a_network_the_built_in_model_takes_over_in_one_line(monkeypatch, capsys):
    def no_network(_):
        raise UserError("cannot download it")

    given = []
    load = FakePredictor.load
    monkeypatch.setattr(presets, "fetch_preset", no_network)
    monkeypatch.setattr(FakePredictor, "load", lambda *a, **k: given.append(a[0]) or load(*a, **k))
    assert run_headless("--source", make_picture()) == 0
    assert given == ["shapes"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cannot download it; taking the built-in model, which finds circles, ")


def test_a_dry_run_names_source_model_and_outputs_and_opens_no_camera(no_model, capsys):
    assert run_headless("--dry-run", "--source", "0", "--json", "out.json") == 0
    said = capsys.readouterr().out
    assert said.startswith("would detect in 0 with coco (to be downloaded), show it nowhere")
    assert said.endswith("write out.json\n")
    assert not list(capture.Path().iterdir())


# ---- what a run leaves


def test_the_json_of_a_video_keeps_the_contract():
    assert run_headless("--source", make_video(), "--json", "out.json") == 0
    result = read_json()
    assert set(result) == {"model", "images", "fps", "stage_ms"}
    assert result["model"] == "fake"
    own = {stage: result["stage_ms"].pop(stage) for stage in ("grab", "draw")}
    assert result["stage_ms"] == {"resize": 0.5, "run": 0.0, "decode": 0.25, "nms": 0.25}
    assert all(0 < milliseconds < 1000 for milliseconds in own.values())
    assert result["fps"] > 0
    assert [image["frame"] for image in result["images"]] == list(range(12))
    assert result["images"][0] == {
        "file": "video.mp4",
        "frame": 0,
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


def test_the_json_of_pictures_names_each_and_has_no_frame_numbers():
    make_picture("a.png")
    make_picture("b.png")
    assert run_headless("--source", "*.png", "--json", "out.json") == 0
    images = read_json()["images"]
    assert [image["file"] for image in images] == ["a.png", "b.png"]
    assert all("frame" not in image for image in images)


@pytest.mark.parametrize("fps", [12.5, 29.97, 30.0])
def test_a_saved_video_has_the_frames_and_the_rate_of_its_source(fps):
    run_headless("--source", make_video(fps=fps), "--save", "out.mp4")
    assert count_and_fps("out.mp4") == (12, pytest.approx(fps, abs=0.001))


def test_boxes_are_drawn_into_what_is_saved():
    run_headless("--source", make_picture(grey=0), "--save", "out/drawn.png")
    assert read_image(capture.Path("out/drawn.png")).max() > 100


def test_pictures_are_saved_as_a_video_of_a_second_each():
    make_picture("a.png")
    make_picture("b.png", height=96)
    run_headless("--source", "*.png", "--save", "out.mp4")
    assert count_and_fps("out.mp4") == (2, 1.0)


def test_a_live_source_is_saved_in_real_time(monkeypatch):
    times = 100 + np.cumsum(np.random.default_rng(1).uniform(1 / 14, 1 / 7, 40))
    shots = (slowly(np.zeros((48, 64, 3), np.uint8), "camera 0", float(at), 1.0) for at in times)
    camera = capture.Source("camera 0", shots, live=True)
    monkeypatch.setattr(capture, "open_source", lambda *_, **__: camera)
    run_headless("--save", "out.mp4")
    frames, fps = count_and_fps("out.mp4")
    assert frames / fps == pytest.approx(times[-1] - times[0], abs=1.6 / 30)


def test_only_the_classes_asked_for_are_kept():
    run_headless("--source", make_picture(grey=200), "--json", "out.json", "--classes", "tie")
    (image,) = read_json()["images"]
    assert [found["name"] for found in image["detections"]] == ["tie"]


def test_an_unknown_class_offers_the_nearest():
    with pytest.raises(UserError, match="unknown class 'persn'; did you mean 'person'"):
        run_headless("--source", make_picture(), "--classes", "tie,persn")


def test_frames_ends_the_run_early():
    run_headless("--source", make_video(), "--frames", "5", "--json", "out.json")
    assert len(read_json()["images"]) == 5


def test_a_picture_that_cannot_be_read_makes_the_exit_code_1(capsys):
    make_picture("a.png")
    capture.Path("b.png").write_text("no pixels")
    assert run_headless("--source", "*.png", "--json", "out.json") == 1
    assert len(read_json()["images"]) == 1
    assert "b.png" in capsys.readouterr().err


def test_pictures_of_which_none_can_be_read_are_bad_input_and_leave_nothing():
    capture.Path("b.png").write_text("no pixels")
    with pytest.raises(UserError, match=r"none of the pictures of b\.png can be read"):
        run_headless("--source", "b.png", "--json", "out.json", "--save", "out.mp4")
    assert not capture.Path("out.json").exists()
    assert not capture.Path("out.mp4").exists()


def test_a_video_that_is_cut_short_is_told_by_line_and_exit_code(capsys):
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


def test_a_run_that_ends_before_its_first_frame_saves_no_video_and_says_so(capsys, monkeypatch):
    monkeypatch.setattr(capture.Source, "__iter__", lambda _: iter(()))
    assert run_headless("--source", make_video(), "--save", "out.mp4") == 0
    assert "saved" not in capsys.readouterr().out
    assert not capture.Path("out.mp4").exists()


def test_the_summary_says_what_was_seen_and_saved(capsys):
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


def test_headless_saves_nothing_unasked():
    run_headless("--source", make_video())
    assert [path.name for path in capture.Path().iterdir()] == ["video.mp4"]


@pytest.mark.skipif(sys.platform != "linux", reason="displays are X11's")
def test_without_a_display_it_says_so_and_saves(capsys):
    assert webcam.main(["--source", make_video()]) == 0
    assert capsys.readouterr().err == ("no display: running headless, saving to out/webcam.mp4\n")
    assert count_and_fps("out/webcam.mp4") == (12, 12.5)


def test_a_failing_model_leaves_nothing_half_written(monkeypatch):
    monkeypatch.setattr(FakePredictor, "__call__", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_headless("--source", make_video(), "--save", "out.mp4", "--json", "out.json")
    assert [path.name for path in capture.Path().iterdir()] == ["video.mp4"]


# ---- how a run ends


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_playable_files(number):
    make_video(frames=1000)
    arguments = "--source video.mp4 --model slow --headless --save out.mp4 --json out.json".split()
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, *arguments], stdout=subprocess.PIPE, text=True
    )
    while not list(capture.Path().glob(".out.*.part.mp4")):
        time.sleep(0.02)
    time.sleep(1)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    images = len(read_json()["images"])
    assert 1 < images < 1000
    assert count_and_fps("out.mp4")[0] == images
    assert output.startswith(f"{images} frames")
    assert not list(capture.Path().glob(".*"))


def test_the_signal_handlers_are_restored():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run_headless("--source", make_picture())
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_it_runs_in_another_thread_which_may_not_set_handlers():
    codes = []
    arguments = ["--source", make_picture()]
    thread = threading.Thread(target=lambda: codes.append(run_headless(*arguments)))
    thread.start()
    thread.join()
    assert codes == [0]


# ---- in a window


# Without -noreset the server starts anew, and drops who is just connecting, when a client leaves.
SCREEN = "-screen 0 1280x1024x24 -noreset"


def in_a_window(script):
    """Run a shell script on an X server of its own; `webcam` in it is the command."""
    missing = [tool for tool in ("xvfb-run", "xdotool") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)} (apt-get install xvfb xdotool)")
    capture.Path("runner.py").write_text(RUNNER)
    script = f'webcam() {{ {sys.executable} runner.py "$@"; }}\n{script}'
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", SCREEN, "bash", "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stderr == ""
    return done.stdout


PRESS = """
window=$(xdotool search --sync --onlyvisible --name 'q or Esc ends')
sleep 0.5
xdotool windowfocus --sync $window key {}
wait
"""


def test_q_in_the_window_ends_it_with_all_files_complete():
    make_video(frames=1000)
    script = "webcam --source video.mp4 --save out.mp4 --json out.json &" + PRESS.format("q")
    output = in_a_window(script)
    images = len(read_json()["images"])
    assert 1 < images < 200
    assert output.startswith(f"{images} frames, ")
    assert count_and_fps("out.mp4") == (images, 12.5)


def test_a_video_is_not_played_faster_than_its_own_rate():
    make_video(frames=20)
    words = in_a_window("webcam --source video.mp4").split()
    assert words[:2] == ["20", "frames,"]
    assert float(words[2]) < 14  # 12.5, and what a stall makes up for; a busy one is slower


def test_the_last_picture_stays_until_a_key_is_pressed():
    make_picture()
    script = "webcam --source picture.png & sleep 1.5; kill -0 $! && echo waits" + PRESS
    output = in_a_window(script.format("Return"))
    assert output.startswith("waits\n1 frames")


def test_sigterm_ends_the_wait_for_a_key():
    make_picture()
    script = (
        f"{sys.executable} runner.py --source picture.png & "
        "xdotool search --sync --onlyvisible --name 'q or Esc ends' >/dev/null; sleep 1; "
        "kill $!; wait $!; echo $?"
    )
    assert in_a_window(script).endswith("\n0\n")
