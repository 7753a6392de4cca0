import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from detector.backend import stderr_held_back


@pytest.mark.keras
def test_a_command_that_needs_keras_prints_nothing_but_its_own():
    result = subprocess.run(
        [sys.executable, "-m", "detector.summary", "mobilenet_v1", "--width", "0.25"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert result.stderr == ""


def test_what_was_held_back_shows_when_the_block_fails(capfd):
    with pytest.raises(RuntimeError, match="boom"), stderr_held_back():
        os.write(2, b"the reason\n")
        raise RuntimeError("boom")
    assert capfd.readouterr().err == "the reason\n"


def test_stderr_is_itself_again_afterwards(capfd):
    with stderr_held_back():
        os.write(2, b"noise\n")
    os.write(2, b"news\n")
    assert capfd.readouterr().err == "news\n"


def test_threads_that_hold_stderr_back_at_once_do_not_lose_it(capfd):
    def hold(_: int) -> None:
        with stderr_held_back():
            time.sleep(0.001)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, range(50)))
    os.write(2, b"news\n")
    assert capfd.readouterr().err == "news\n"
