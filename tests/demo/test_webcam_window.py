import shutil
import subprocess
import sys

import pytest

from demo.sources import capture

pytestmark = pytest.mark.usefixtures("fake_predictor")

# Without -noreset the server starts anew, and drops who is just connecting, when a client leaves.
SCREEN = "-screen 0 1280x1024x24 -noreset"


@pytest.fixture
def in_a_window(runner):
    """Runs a shell script on an X server of its own; `webcam` in it is the command."""

    def run(script):
        missing = [tool for tool in ("xvfb-run", "xdotool") if shutil.which(tool) is None]
        if missing:
            pytest.skip(f"not installed: {' '.join(missing)} (apt-get install xvfb xdotool)")
        capture.Path("runner.py").write_text(runner)
        script = f'webcam() {{ {sys.executable} runner.py "$@"; }}\n{script}'
        done = subprocess.run(
            ["xvfb-run", "-a", "-s", SCREEN, "bash", "-c", script],
            capture_output=True,
            text=True,
            timeout=250,
        )
        assert done.stderr == ""
        return done.stdout

    return run


PRESS = """
window=$(xdotool search --sync --onlyvisible --name 'q or Esc ends')
sleep 0.5
xdotool windowfocus --sync $window key {}
wait
"""


def test_q_in_the_window_ends_it_with_all_files_complete(
    make_video, count_and_fps, read_json, in_a_window
):
    make_video(frames=1000)
    script = "webcam --source video.mp4 --save out.mp4 --json out.json &" + PRESS.format("q")
    output = in_a_window(script)
    images = len(read_json()["images"])
    assert 1 < images < 1000
    assert output.startswith(f"{images} frames, ")
    assert count_and_fps("out.mp4") == (images, 12.5)


def test_the_last_image_stays_until_a_key_is_pressed(make_image, in_a_window):
    make_image()
    script = "webcam --source image.png & sleep 1.5; kill -0 $! && echo waits" + PRESS
    output = in_a_window(script.format("Return"))
    assert output.startswith("waits\n1 frames")


def test_sigterm_ends_the_wait_for_a_key(make_image, in_a_window):
    make_image()
    script = (
        f"{sys.executable} runner.py --source image.png & "
        "xdotool search --sync --onlyvisible --name 'q or Esc ends' >/dev/null; sleep 1; "
        "kill $!; wait $!; echo $?"
    )
    assert in_a_window(script).endswith("\n0\n")
