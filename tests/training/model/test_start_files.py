"""Start weights that cannot be had: what to do is said before any work is done."""

import os
import subprocess
import sys

import pytest

from configs.errors import UserError
from configs.load import load_config
from detector.weights import download
from training.model.start_files import about_missing, fetch_start
from training.train import main

CONFIG = load_config("finetune").model


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty cache, and no network."""
    monkeypatch.setenv("SSDLITE_HOME", str(tmp_path / "home"))

    def no_network(*_):
        raise download._TransferError("no route to host")

    monkeypatch.setattr(download._Transfer, "attempt", no_network)
    return tmp_path / "home"


OFFERS = ("--start RUN", ".npz", ".h5 of ImageNet's mobilenet_v2", "--start shapes", "--start none")


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("coco", "coco/model.json"),
        ("coco-checkpoint", "coco-checkpoint/ssdlite_mobilenet_v2_coco_2018_05_09.tar.gz"),
        (
            "imagenet",
            "imagenet/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5",
        ),
    ],
)
def test_without_a_network_one_line_says_where_to_put_what_and_what_else_there_is(
    home, source, file
):
    with pytest.raises(UserError) as caught:
        fetch_start(CONFIG, source)
    message = str(caught.value)
    assert "no route to host" in message and f"put the file at {home / file} yourself" in message
    assert all(offer in message for offer in OFFERS)
    assert "\n" not in message


def test_of_several_files_the_others_are_named_too(home):
    with pytest.raises(UserError, match=r"also needs group1-shard1of5, .*, group1-shard5of5\), or"):
        fetch_start(CONFIG, "coco")


@pytest.mark.parametrize("source", ["none", "shapes", "my_run", "weights.npz"])
def test_what_is_on_disk_is_not_fetched(home, source):
    fetch_start(CONFIG, source)
    assert about_missing(CONFIG, source) == ""


def test_train_stops_before_the_data_set_is_read(home, tmp_path):
    with pytest.raises(UserError, match="or begin with what is on disk: --start RUN"):
        main(["--data", str(tmp_path), "--output", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()


def test_data_that_are_not_there_are_told_before_anything_is_fetched(home, tmp_path):
    with pytest.raises(UserError, match="no such data set"):
        main(["--data", str(tmp_path / "none"), "--output", str(tmp_path / "run")])


@pytest.mark.parametrize("start", ["coco", "imagenet"])
def test_a_dry_run_says_it_too_and_fetches_nothing(home, squares, tmp_path, capsys, start):
    run = ["--data", str(squares), "--output", str(tmp_path / "run"), "--start", start]
    assert main([*run, "--dry-run"]) == 0
    note = capsys.readouterr().out.splitlines()[1]
    assert note.startswith("note: ") and "will be downloaded from https://" in note
    assert f"put them into {home / start} yourself, or begin with what is on disk" in note
    assert all(offer in note for offer in OFFERS)


def test_a_dry_run_says_nothing_of_what_is_in_the_cache(home):
    for name in ("model.json", *(f"group1-shard{i}of5" for i in range(1, 6))):
        (home / "coco").mkdir(parents=True, exist_ok=True)
        (home / "coco" / name).touch()
    assert about_missing(CONFIG, "coco") == ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [
        "detector.detect IMAGES --json o.json --model coco",
        "eval.coco coco DATA",
        "detector.export coco --to tflite --output out",
        "demo.webcam --headless --model coco --frames 1",
    ],
)
def test_other_commands_name_what_is_on_disk(squares, tmp_path, command):
    words = [{"IMAGES": "JPEGImages", "DATA": "."}.get(word, word) for word in command.split()]
    proxies = dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    surroundings = {"SSDLITE_HOME": str(tmp_path), "NO_PROXY": "", "no_proxy": "", **proxies}
    done = subprocess.run(
        [sys.executable, "-m", *words],
        cwd=squares,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **surroundings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = (one for one in done.stderr.splitlines() if one.startswith("error: "))
    assert str(tmp_path / "coco/model.json") in line
    assert "name a model that is on disk: shapes (built in), a model folder or a .npz" in line
