import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from configs.load import load_config
from detector.command import run
from detector.data.open import open_dataset
from training import check, shapes


@pytest.fixture
def draw(capsys):
    """Runs the command; exit code and what it printed."""

    def call(*arguments) -> tuple[int, str]:
        code = run(lambda: shapes.main([str(argument) for argument in arguments]))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


def test_it_says_what_it_wrote_and_what_to_type_next(draw, tmp_path):
    folder = tmp_path / "my shapes"
    code, text = draw(folder, "--count", 20)
    assert code == 0
    assert f"saved {folder}: 20 images (train 14, val 3, test 3)" in text
    following = shlex.split(text.splitlines()[-1].removeprefix("next: "))
    assert following[:5] == ["python", "-m", "training.train", "--data", str(folder)]
    assert following[-4:] == ["--config", "shapes", "--start", "none"]
    load_config("shapes")


def test_the_data_doctor_finds_no_error(draw, tmp_path, capsys):
    draw(tmp_path / "shapes", "--count", 60)
    assert run(lambda: check.main([str(tmp_path / "shapes")])) == 0


def test_a_seed_of_its_own_and_the_photographed_look(draw, tmp_path):
    draw(tmp_path / "a", "--count", 4)
    draw(tmp_path / "b", "--count", 4, "--seed", 1)
    draw(tmp_path / "c", "--count", 4, "--photo")
    name = "JPEGImages/shapes_000000.jpg"
    assert len({(tmp_path / folder / name).read_bytes() for folder in "abc"}) == 3


def test_all_but_a_few_can_go_to_the_test_split(draw, tmp_path):
    code, _ = draw(tmp_path / "set", "--count", 10, "--val", 0, "--test", 0.9)
    splits = open_dataset(tmp_path / "set").splits
    assert code == 0
    assert {name: len(rows) for name, rows in splits.items()} == {"train": 1, "test": 9}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--count", "3", "--val", "0.9"], "leave none to train on"),
        (["--test", "1"], "leave none to train on"),
    ],
)
def test_bad_shares_end_with_2_and_one_line(arguments, reason, draw, tmp_path):
    code, text = draw(tmp_path / "set", *arguments)
    assert code == 2
    assert reason in text
    assert text.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--count", "0"], ["--seed", "-1"], ["--val", "2"], [""]])
def test_impossible_numbers_are_refused_by_name(arguments, draw, tmp_path, capsys):
    with pytest.raises(SystemExit):
        draw(tmp_path / "set", *arguments)
    assert "error" in capsys.readouterr().err


def test_a_full_folder_is_refused(draw, tmp_path):
    (tmp_path / "file").touch()
    code, text = draw(tmp_path)
    assert code == 2
    assert "is not empty; name a new folder" in text


def test_help_imports_nothing_heavy():
    code = (
        "import sys, training.shapes; "
        "heavy = {'tensorflow', 'keras', 'cv2', 'matplotlib'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGINT for one process")
def test_ctrl_c_leaves_nothing_behind(tmp_path):
    folder = tmp_path / "shapes"
    command = [sys.executable, "-m", "training.shapes", str(folder), "--count", "100000"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 250
        while not list(tmp_path.glob(".*/new/JPEGImages/*.jpg")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=250)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted"
    assert not list(tmp_path.iterdir())
