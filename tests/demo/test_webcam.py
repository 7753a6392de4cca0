import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from configs.errors import UserError
from demo import webcam
from demo.sources import capture
from detector.weights import presets

pytestmark = pytest.mark.usefixtures("fake_predictor")


@pytest.fixture
def no_model(monkeypatch, fake_predictor):
    """Loading a model is a fault of the test: the mistake should have been found before."""

    def load(*_, **__):
        pytest.fail("the model was loaded before the mistake was found")

    monkeypatch.setattr(fake_predictor, "load", load)


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
def test_a_mistake_is_found_before_the_model_is_loaded(
    arguments, message, no_model, make_video, make_image, run_headless
):
    make_video()
    capture.Path("photos").mkdir()
    make_image("photos/a.png")
    make_image("photos/b.png")
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


def test_model_runtime_score_and_nms_reach_the_predictor(
    monkeypatch, fake_predictor, run_headless, make_image
):
    given = []
    load = fake_predictor.load

    def note(model, runtime, options, *, score_threshold, **nms):
        given.append((model, runtime, options.threads, score_threshold, *nms.values()))
        return load(model, runtime, options, score_threshold=score_threshold)

    monkeypatch.setattr(fake_predictor, "load", note)
    run_headless("--source", make_image())
    mine = ("--model", "mine", "--runtime", "onnx", "--threads", "2", "--score", "0.7")
    run_headless("--source", make_image(), *mine, "--max-dets", "300", "--agnostic")
    assert given == [
        ("coco", "auto", None, None, None, None),
        ("mine", "onnx", 2, 0.7, 300, True),
    ]


def test_without_a_network_the_built_in_model_takes_over_in_one_line(
    monkeypatch, capsys, fake_predictor, run_headless, make_image
):
    def no_network(_):
        raise UserError("cannot download it")

    given = []
    load = fake_predictor.load
    monkeypatch.setattr(presets, "fetch_preset", no_network)
    monkeypatch.setattr(fake_predictor, "load", lambda *a, **k: given.append(a[0]) or load(*a, **k))
    assert run_headless("--source", make_image()) == 0
    assert given == ["shapes"]
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cannot download it; taking the built-in model, which finds circles, ")


def test_a_dry_run_names_source_model_and_outputs_and_opens_no_camera(
    no_model, capsys, run_headless
):
    assert run_headless("--dry-run", "--source", "0", "--json", "out.json") == 0
    said = capsys.readouterr().out
    assert said.startswith("would detect in 0 with coco (to be downloaded), show it nowhere")
    assert said.endswith("write out.json\n")
    assert not list(capture.Path().iterdir())


def test_a_dry_run_hides_the_password_of_a_stream(capsys, run_headless):
    assert run_headless("--dry-run", "--source", "rtsp://me:secret@camera/1?token=secret") == 0
    assert "would detect in rtsp://me:***@camera/1 with" in capsys.readouterr().out


def test_a_dry_run_knows_the_classes_of_a_model_that_is_there(no_model, make_video, run_headless):
    arguments = ("--dry-run", "--source", make_video(), "--model", "shapes", "--classes", "circel")
    with pytest.raises(UserError, match="unknown class 'circel'; did you mean 'circle'"):
        run_headless(*arguments)


# ---- how a run ends


def frames_detected():
    """How many the slow model has seen by now."""
    progress = capture.Path("progress")
    return progress.stat().st_size if progress.exists() else 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_playable_files(
    number, make_video, runner, read_json, count_and_fps, wait_until
):
    make_video(frames=1000)
    arguments = "--source video.mp4 --model slow --headless --save out.mp4 --json out.json".split()
    process = subprocess.Popen(
        [sys.executable, "-c", runner, *arguments], stdout=subprocess.PIPE, text=True
    )
    wait_until(lambda: frames_detected() > 3)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    images = len(read_json()["images"])
    assert 1 < images < 1000
    assert count_and_fps("out.mp4")[0] == images
    assert output.startswith(f"{images} frames")
    assert not list(capture.Path().glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.slow
def test_what_was_killed_leaves_its_json_and_no_rubbish_after_the_next_run(
    make_video, runner, read_json, run_headless, wait_until, capsys
):
    make_video(frames=1000)
    arguments = "--source video.mp4 --model slow --headless --save out.mp4 --json out.json".split()
    process = subprocess.Popen([sys.executable, "-c", runner, *arguments])
    wait_until(capture.Path("out.json").exists)
    process.kill()
    process.wait()
    assert len(read_json()["images"]) > 3
    (left,) = capture.Path().glob(".*")
    make_video(frames=12)
    assert run_headless("--source", "video.mp4", "--save", "out.mp4", "--json", "out.json") == 0
    assert len(read_json()["images"]) == 12
    assert f"removed {left}, left unfinished by a run that was killed" in capsys.readouterr().err
    assert not list(capture.Path().glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        pytest.param(signal.SIGINT, 130, "interrupted\n", id="SIGINT"),
        pytest.param(signal.SIGTERM, 143, "", id="SIGTERM"),
    ],
)
def test_a_signal_ends_it_while_an_address_is_opened(number, code, said):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        arguments = ["--model", "shapes", "--headless", "--source", address]
        patient = (  # by itself it would give up only after the timeout of this test
            "import sys; from demo import webcam; from detector.command import run\n"
            "from demo.sources import capture; capture._STREAM_TIMEOUT_S = 1000.0\n"
            "sys.exit(run(webcam.main))"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", patient, *arguments], stderr=subprocess.PIPE, text=True
        )
        with silent.accept()[0]:
            time.sleep(0.3)
            process.send_signal(number)
            _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (code, said)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_with_nohup_it_outlives_its_terminal(make_video, runner, read_json, wait_until):
    make_video(frames=1000)
    arguments = "--source video.mp4 --model slow --headless --save out.mp4 --json out.json".split()
    process = subprocess.Popen(["nohup", sys.executable, "-c", runner, *arguments])
    wait_until(lambda: frames_detected() > 3)
    process.send_signal(signal.SIGHUP)
    seen = frames_detected()
    wait_until(lambda: frames_detected() > seen + 3)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    assert len(read_json()["images"]) > 3


def test_the_signal_handlers_are_restored(run_headless, make_image):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    run_headless("--source", make_image())
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_it_runs_in_another_thread_which_may_not_set_handlers(make_image, run_headless):
    codes = []
    arguments = ["--source", make_image()]
    thread = threading.Thread(target=lambda: codes.append(run_headless(*arguments)))
    thread.start()
    thread.join()
    assert codes == [0]
