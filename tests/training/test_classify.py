import contextlib
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.command import run
from training import classify
from training.run.run_lock import only_process


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """scikit-learn's images of handwritten digits, 8x8, a folder per digit: all 1,797."""
    from sklearn.datasets import load_digits

    folder = tmp_path_factory.mktemp("data") / "digits"
    bundled = load_digits()
    for number, (image, digit) in enumerate(zip(bundled.images, bundled.target, strict=True)):
        parent = folder / str(digit)
        parent.mkdir(parents=True, exist_ok=True)
        pixels = np.rint(image * (255 / 16)).astype(np.uint8)
        Image.fromarray(pixels).save(parent / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def colours(tmp_path_factory) -> Path:
    """Images that are easily told apart: 80 reddish and 80 bluish ones; 2 more are broken."""
    folder = tmp_path_factory.mktemp("data") / "colours"
    rng = np.random.default_rng(0)
    for name, channel in (("red", 0), ("blue", 2)):
        (folder / name).mkdir(parents=True)
        for number in range(80):
            pixels = rng.integers(0, 60, (24, 32, 3), np.uint8)
            pixels[..., channel] += 180
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
        (folder / name / "broken.png").write_bytes(b"\x89PNG" + name.encode())
    return folder


@pytest.fixture(scope="module")
def trained(colours, tmp_path_factory) -> Path:
    """A run on `colours`; what it printed lies beside it."""
    output = tmp_path_factory.mktemp("runs") / "run"
    words = f"train --data {colours} --output {output} --resolution 32 --epochs 16".split()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        assert classify.main(words) == 0
    (output.parent / "out.txt").write_text(out.getvalue())
    (output.parent / "err.txt").write_text(err.getvalue())
    return output


@pytest.fixture
def command(capsys):
    """Runs the command; exit code, stdout and stderr."""

    def call(*words) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run(lambda: classify.main([str(word) for word in words]))
        return code, *capsys.readouterr()

    return call


def test_a_run_holds_the_model_and_what_it_is(trained):
    assert {file.name for file in trained.iterdir()} == {"classifier.json", "classifier.keras"}
    spec = json.loads((trained / "classifier.json").read_text())
    assert spec["classes"] == ["blue", "red"]
    assert (spec["network"], spec["width"], spec["resolution"]) == ("mobilenet_v1", 0.25, 32)
    assert spec["recipe"]["mirror"] and spec["recipe"]["training_pictures"] == 128
    assert spec["metrics"]["accuracy"] >= 0.9


def test_evaluate_repeats_the_figures_of_the_run(trained, colours, command, tmp_path):
    target = tmp_path / "figures.json"
    code, text, _ = command("evaluate", "--data", colours, "--model", trained, "--json", target)
    assert code == 0
    spec = json.loads((trained / "classifier.json").read_text())
    figures = json.loads(target.read_text())
    for one in (figures, *figures["classes"]):  # the former key stands beside the new one
        assert one.pop("images") == one["pictures"]
    assert figures == spec["metrics"]
    assert f"accuracy {spec['metrics']['accuracy']:.4f} on 32 images" in text


def test_evaluate_matches_classes_by_name(trained, colours, command, tmp_path):
    for split, name in (("train", "red"), ("train", "blue"), ("test", "red")):
        (tmp_path / "data" / split).mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / split / name).symlink_to(colours / name)
    code, text, _ = command("evaluate", "--data", tmp_path / "data", "--model", trained)
    assert code == 0
    assert re.search(r"red +80 +(0\.9\d+|1\.0000) +-", text)
    assert re.search(r"blue +0 +- +-", text)


def test_predict_prints_the_top_classes(trained, colours, command, tmp_path):
    images = [colours / "red" / "0.png", colours / "blue" / "0.png"]
    code, text, _ = command("predict", *images, "--model", trained, "--json", tmp_path / "p.json")
    assert code == 0
    red, blue = text.splitlines()
    assert re.fullmatch(rf"{re.escape(str(images[0]))}: red 0\.\d+, blue 0\.\d+", red)
    assert ": blue 0." in blue
    written = json.loads((tmp_path / "p.json").read_text())
    assert [one["top"][0]["class"] for one in written] == ["red", "blue"]
    assert sum(one["probability"] for one in written[0]["top"]) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("action", ["evaluate --data COLOURS", "predict COLOURS/red/0.png"])
@pytest.mark.parametrize("file", ["classifier.json", "classifier.keras"])
def test_the_model_is_not_overwritten(trained, colours, command, action, file):
    before = (trained / file).read_bytes()
    words = action.replace("COLOURS", str(colours)).split()
    code, _, err = command(*words, "--model", trained, "--json", trained / file)
    assert code == 2 and "it is an input; name another file" in err
    assert (trained / file).read_bytes() == before


def test_predict_skips_and_names_a_broken_image(trained, colours, command, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    good = colours / "red" / "0.png"
    code, out, err = command("predict", tmp_path / "bad.png", good, "--model", trained)
    assert code == 1
    assert "bad.png: not an image" in err and str(good) in out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("train --data nowhere --output TMP/run", "no such data"),
        ("train --data COLOURS/red --output TMP/run", "images, but no class folders"),
        ("train --data COLOURS --output RUN", "is not empty"),
        ("train --data COLOURS --output TMP/run --json TMP", "is a folder or a device"),
        ("evaluate --data COLOURS --model TMP", "is no classifier"),
        ("evaluate --data COLOURS --model RUN --split test", "has no split 'test'"),
        ("evaluate --data OTHERS --model RUN", "the model does not know 'cat'"),
        ("predict COLOURS/red/0.png --model nowhere", "is no classifier"),
        ("predict nowhere.png --model RUN", "no such image"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(trained, colours, command, tmp_path, words, reason):
    for name in ("red", "cat"):
        (tmp_path / "others").mkdir(exist_ok=True)
        (tmp_path / "others" / name).symlink_to(colours / "red")
    places = {"COLOURS": colours, "RUN": trained, "OTHERS": tmp_path / "others", "TMP": tmp_path}
    for name, place in places.items():
        words = words.replace(name, str(place))
    code, _, err = command(*words.split())
    assert code == 2
    assert err.startswith("error: ") and err.count("\n") == 1 and reason in err
    assert not (tmp_path / "run").exists()


def test_broken_images_are_named_and_counted(trained, colours):
    said = (trained.parent / "err.txt").read_text()
    for name in ("red", "blue"):
        assert f"left out: cannot read {colours / name / 'broken.png'}: not an image" in said
    assert "2 images cannot be read and are left out" in said


def test_train_says_what_it_does(trained, colours):
    said = (trained.parent / "out.txt").read_text()
    assert "has no splits: made train (130) and val (32), a fifth of each class, by hash" in said
    assert (
        "mobilenet_v1, width 0.25, 32 px: 219,058 parameters; 16 epochs, seed 0, mirrored" in said
    )
    assert said.endswith(f"saved {trained}\n")


def test_where_all_of_a_class_is_broken_nothing_is_written(command, tmp_path, colours):
    for name in ("red", "blue"):
        (tmp_path / "data" / name).mkdir(parents=True)
    for number in range(3):
        image = tmp_path / "data" / "red" / f"{number}.png"
        image.write_bytes((colours / "red" / f"{number}.png").read_bytes())
        (tmp_path / "data" / "blue" / f"{number}.png").write_bytes(f"no {number}".encode())
    code, _, err = command("train", "--data", tmp_path / "data", "--output", tmp_path / "run")
    assert code == 2
    assert "error: " in err.splitlines()[-1] and "one class" in err
    assert not (tmp_path / "run").exists()


def test_grey_images_are_not_mirrored_unless_asked():
    grey = np.full((2, 4, 4, 3), 7, np.uint8)
    coloured = grey.copy()
    coloured[1, 0, 0, 2] = 8
    assert classify.is_grey(grey) and not classify.is_grey(coloured)


@pytest.mark.parametrize("words", [[], ["train"], ["evaluate"], ["predict"]])
def test_help_needs_no_tensorflow(words):
    code = (
        "import sys, runpy; sys.argv = ['x', *sys.argv[1:], '--help']\n"
        "try: runpy.run_module('training.classify', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'tensorflow', 'keras', 'cv2', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False)
    assert result.returncode == 0


@pytest.mark.skipif("not __import__('os').environ.get('SSDLITE_PROOFS')", reason="a minute: proofs")
def test_nearly_all_digits_are_told_apart(digits, command, tmp_path):
    code, _, _ = command("train", "--data", digits, "--output", tmp_path / "run")
    assert code == 0
    metrics = json.loads((tmp_path / "run" / "classifier.json").read_text())["metrics"]
    assert metrics["images"] == 359
    assert metrics["accuracy"] >= 0.97


def test_a_dry_run_says_what_it_would_train(colours, command, tmp_path):
    words = ("train", "--data", colours, "--output", tmp_path / "new", "--dry-run")
    code, out, _ = command(*words)
    assert code == 0
    assert out.splitlines()[-1] == (
        f"would train mobilenet_v1, width 0.25, 64 px, on {colours}: class folders, "
        "2 classes, 130 images, 30 or more epochs; 32 images to measure on; "
        f"output {tmp_path}/new"
    )
    assert not (tmp_path / "new").exists()
    assert command(*words, "--config", "none")[0] == 2


def test_a_dry_run_says_what_it_would_name(colours, trained, command, tmp_path):
    words = ("predict", colours / "red", "--dry-run", "--model")
    assert command(*words, "imagenet") == (
        0,
        "would name 81 images with imagenet (perhaps to be downloaded)\n",
        "",
    )
    code, _, error = command(*words, tmp_path)
    assert (code, error.count("\n")) == (2, 1)
    assert "is no classifier: it holds no classifier.json" in error
    shutil.copy(trained / "classifier.json", tmp_path)
    assert command(*words, tmp_path) == (2, "", f"error: {tmp_path} holds no classifier.keras\n")


def test_a_folder_that_another_process_is_to_write_is_refused(colours, tmp_path):
    """Where both went on, the later one would replace what the other wrote."""
    output = tmp_path / "run"
    words = ["train", "--data", str(colours), "--output", str(output)]
    with only_process(output, tmp_path / ".run.running", print):
        with pytest.raises(UserError, match=r"run is in use by process \d+ on .*, since "):
            classify.main(words)
        assert classify.main([*words, "--dry-run"]) == 0
    assert not any(tmp_path.iterdir())
