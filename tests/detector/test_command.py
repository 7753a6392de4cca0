import argparse
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from configs.errors import UserError
from detector.command import EXIT_BAD_INPUT, EXIT_INTERRUPTED, positive, run


@pytest.mark.parametrize("code", [0, 1])
def test_the_commands_own_code_is_returned(code, capsys):
    assert run(lambda: code) == code
    assert capsys.readouterr() == ("", "")


def fails_with(error: BaseException):
    def main() -> int:
        raise error

    return main


def test_a_users_mistake_is_one_line_on_stderr(capsys):
    assert run(fails_with(UserError("no such image: a.jpg"))) == EXIT_BAD_INPUT == 2
    assert capsys.readouterr() == ("", "error: no such image: a.jpg\n")


def test_a_line_break_in_a_files_name_makes_no_second_line(capsys):
    run(fails_with(UserError("no such image: a\nb.jpg")))
    assert capsys.readouterr().err == "error: no such image: a b.jpg\n"


def test_an_interrupted_command_says_so(capsys):
    assert run(fails_with(KeyboardInterrupt())) == EXIT_INTERRUPTED == 130
    assert capsys.readouterr() == ("", "interrupted\n")


@pytest.mark.parametrize("error", [ValueError("bug"), OSError("bug"), SystemExit(3)])
def test_other_exceptions_are_not_swallowed(error):
    with pytest.raises(type(error)) as caught:
        run(fails_with(error))
    assert caught.value is error


def piped(body: str, reader: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its output piped into a reader; bash reports the command's own code."""
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    code = f"import sys; from detector.command import run\ndef main():\n{body}\nsys.exit(run(main))"
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" | {reader}; exit ${{PIPESTATUS[0]}}', sys.executable, code],
        env=buffered,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def test_a_reader_that_leaves_early_ends_the_command_quietly():
    result = piped("    for i in range(10**6): print(i)\n    return 0", "head -1")
    assert (result.returncode, result.stdout, result.stderr) == (0, "0\n", "")


def test_a_reader_that_leaves_before_the_last_flush_is_no_error_either():
    # So little output that nothing is written before the end.
    late = "    import time; time.sleep(0.5); print('late')\n    return 0"
    result = piped(late, "true")
    assert (result.returncode, result.stderr) == (0, "")


def test_a_programming_error_shows_its_trace():
    result = piped("    return 1 // 0", "cat")
    assert result.returncode == 1
    assert "ZeroDivisionError" in result.stderr and "Traceback" in result.stderr


def parse(kind: type, text: str):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--n", type=positive(kind))
    return parser.parse_args(["--n", text]).n


@pytest.mark.parametrize(("kind", "text", "value"), [(int, "3", 3), (float, "0.5", 0.5)])
def test_a_positive_number_is_taken(kind, text, value):
    assert parse(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "says"),
    [
        (int, "0", "must be a positive number, got 0"),
        (float, "0", "must be a positive number, got 0"),
        (float, "nan", "must be a positive number, got nan"),
        (float, "inf", "must be a positive number, got inf"),
        (int, "1.5", "invalid int value: '1.5'"),
        (float, "x", "invalid float value: 'x'"),
    ],
)
def test_any_other_number_is_refused(kind, text, says):
    with pytest.raises(argparse.ArgumentError, match=says):
        parse(kind, text)


def test_a_dry_run_needs_neither_tensorflow_nor_a_network(exported, squares, tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "photo.jpg")
    shutil.copytree(squares / "JPEGImages", tmp_path / "classes/one")
    shutil.copytree(squares / "JPEGImages", tmp_path / "classes/two")
    commands = (
        "detector.detect photo.jpg",
        f"detector.export {exported} --to onnx --output new",
        f"eval.coco coco-checkpoint {squares}:val --classes square",
        f"eval.voc coco-checkpoint {squares}:val --classes square",
        f"eval.compare coco coco-checkpoint {squares}:val",
        f"eval.latency {exported} --runtime onnx",
        f"training.train --data {squares} --output new",
        "training.classify train --data classes --output new",
        "training.classify predict photo.jpg --model imagenet",
    )
    code = (
        "import importlib, sys\n"
        "for command in sys.argv[1:]:\n"
        "    module, *arguments = command.split()\n"
        "    code = importlib.import_module(module).main([*arguments, '--dry-run'])\n"
        "    heavy = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "    assert code == 0 and not heavy, (command, code, heavy)\n"
    )
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run(
        [sys.executable, "-c", code, *commands],
        cwd=tmp_path,
        env={**os.environ, "SSDLITE_HOME": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("would ") == len(commands)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "whom", "code"),
    [
        pytest.param(signal.SIGINT, os.killpg, EXIT_INTERRUPTED, id="Ctrl-C"),
        pytest.param(signal.SIGINT, os.kill, EXIT_INTERRUPTED, id="SIGINT to the parent alone"),
        pytest.param(signal.SIGTERM, os.kill, 143, id="SIGTERM"),
    ],
)
def test_a_child_may_finish_what_it_saves(tmp_path, number, whom, code):
    (tmp_path / "child.py").write_text(
        "import signal, sys, time\n"
        "def save(*_):\n"
        "    time.sleep(1)\n"
        "    open('saved', 'w').close()\n"
        "    sys.exit(0)\n"
        "signal.signal(signal.SIGINT, save), signal.signal(signal.SIGTERM, save)\n"
        "open('ready', 'w').close()\n"
        "time.sleep(600)\n"
    )
    parent = "import sys\nfrom detector import command\ncommand._SAVING_S = 3\n"
    parent += "sys.exit(command.run(lambda: command.run_child(['child'])))"
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=tmp_path, start_new_session=True)
    while not (tmp_path / "ready").exists():
        time.sleep(0.02)
    whom(process.pid, number)
    assert process.wait(timeout=250) == code
    assert (tmp_path / "saved").exists()
