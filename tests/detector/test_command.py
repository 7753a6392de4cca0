import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

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


def piped(body: str, reader: str, redirect: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command with its output piped into a reader; bash reports the command's own code."""
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    code = f"import sys; from detector.command import run\ndef main():\n{body}\nsys.exit(run(main))"
    return subprocess.run(
        [
            "bash",
            "-c",
            f'"$0" -c "$1" {redirect} | {reader}; exit ${{PIPESTATUS[0]}}',
            sys.executable,
            code,
        ],
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


ESCAPED = r"\u0e41\u0e21\u0e27 \u732b \udcff"
NAMES = r"'\u0e41\u0e21\u0e27 \u732b \udcff'"  # Thai, Chinese, and a byte that is no UTF-8


def said(body: str, encoding: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command where stdout and stderr have an encoding."""
    code = f"import sys; from detector.command import run\ndef main():\n{body}\nsys.exit(run(main))"
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "shift-jis:surrogateescape"])
def test_what_the_output_cannot_encode_is_escaped(encoding):
    body = f"    print({NAMES}); print({NAMES}, file=sys.stderr); return 0"
    result = said(body, encoding)
    assert result.returncode == 0, result.stderr
    text = NAMES[1:-1].encode().decode("unicode_escape").encode(encoding[:9], "backslashreplace")
    assert (result.stdout.strip(), result.stderr.strip()) == (text, text)


def test_a_name_that_is_no_text_is_escaped_where_all_others_are_written():
    result = said(f"    print({NAMES}); return 0", "utf-8")
    assert result.stdout.decode().strip() == r"แมว 猫 \udcff"


@pytest.mark.parametrize(
    ("chosen", "written"), [("ascii:replace", b"??? ? ?"), ("ascii:ignore", b"")]
)
def test_who_has_chosen_another_way_keeps_it(chosen, written):
    assert said(f"    print({NAMES}); return 0", chosen).stdout.strip() == written


def test_help_and_errors_are_escaped_too():
    body = (
        "    from detector.command import CommandParser\n"
        f"    parser = CommandParser('x', {NAMES}, {NAMES})\n"
        "    parser.add_argument('--n', choices=['\\u732b'])\n"
        "    parser.parse_args(); return 0"
    )
    assert said(body, "ascii", "--help").stdout.decode().count(ESCAPED) == 2
    refused = said(body, "ascii", "--n", "狗")
    assert refused.returncode == 2 and rb"'\u72d7'" in refused.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("lines", [pytest.param(1, id="at the end"), pytest.param(9999, id="amid")])
def test_a_full_disk_under_the_output_is_one_line(lines):
    result = piped(f"    for i in range({lines}): print(i)\n    return 0", "cat", "> /dev/full")
    assert result.returncode == EXIT_BAD_INPUT
    assert result.stderr == "error: cannot write the output: No space left on device\n"


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_an_output_that_was_closed_from_the_start_is_no_error(closed):
    result = piped("    print('a'); print('b', file=sys.stderr); return 3", "cat", closed)
    assert result.returncode == 3
    assert "Traceback" not in result.stdout + result.stderr


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
