"""Every command of README.md and docs/ is run, in a folder that holds what they talk about.

What trains, downloads, takes minutes or needs hardware runs with `--dry-run` there.
"""

import contextlib
import importlib
import itertools
import os
import re
import shlex
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from markdown_it import MarkdownIt
from PIL import Image

from configs.load import load_config
from detector.cli import VERBS
from detector.weights.presets import PRESETS
from training.run.run_folder import RunFolder, RunSettings

ROOT = Path(__file__).parents[1]
DOCS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))

DRY = {
    "train": "trains",
    "classify train": "trains",
    "quickstart": "trains",
    "export": "converts and compares for minutes",
    "latency": "times for minutes",
    "bundle": "converts and compares for minutes",
    "webcam": "needs a camera, a stream or a display",
}
"""Modules by their last name, perhaps with an action, that do not run for real, and why."""

DOWNLOADERS = ("detector.detect", "eval.coco", "eval.voc", "eval.compare", "training.classify")
"""Modules that do not run for real where they are to run a model that would be downloaded."""

SKIPPED = {
    "demo.doctor": "judges this machine: its own tests run it",
    "tests.bench.bench_training": "takes minutes, and needs PyTorch",
    "docs.draw_figures": "draws for half a minute: its own tests run it",
}
FOREIGN = (
    *("pip ", "python3 -m venv ", ".venv/bin/python -m pip ", "git ", "sudo apt", "docker "),
    *(".venv/bin/ruff ", ".venv/bin/basedpyright", ".venv/bin/lint-imports"),
    ".venv/bin/python -m pytest",
)
"""How lines begin that are no commands of ours."""

OURS = re.compile(r"(ssdlite|(\.venv/bin/)?python -m) ")


class Line(NamedTuple):
    """A line of a code block; one that goes on behind a backslash is one line."""

    place: str
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        return shlex.join(self.words)


class Collected(NamedTuple):
    commands: list[Line]
    targets: list[Line]
    snippets: dict[str, str]
    unknown: list[Line]


def collect(files: Sequence[Path]) -> Collected:
    """Sort out what stands in code blocks; one without any command is an image or an output."""
    collected = Collected([], [], {}, [])
    for place, block in blocks(files):
        if re.match("(from|import) ", block):
            collected.snippets[place] = block
            continue
        lines = [one for one in block.replace("\\\n", " ").splitlines() if one.strip("# ")]
        if any(one.startswith((*FOREIGN, "make ")) or OURS.match(one) for one in lines):
            for line in lines:
                sort_out(line, place, collected)
    return collected


def blocks(files: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """Code blocks, fenced or indented, and where they begin."""
    for file in files:
        for token in MarkdownIt().parse(file.read_text(encoding="utf-8")):
            if token.type in ("fence", "code_block"):
                yield f"{file.name}:{(token.map or [0])[0] + 1}", token.content


def sort_out(line: str, place: str, collected: Collected) -> None:
    words = shlex.split(line, comments=True)
    if words and not line.startswith(FOREIGN):
        ours = collected.commands if OURS.match(line) else collected.unknown
        kind = collected.targets if words[0] == "make" else ours
        kind.append(Line(place, tuple(words)))


def resolve(words: Sequence[str]) -> tuple[str, list[str]]:
    """The module behind a command, and its arguments."""
    if words[0] == "ssdlite":
        return VERBS[words[1]][0], list(words[2:])
    return words[2], list(words[3:])


def why_dry(module: str, arguments: Sequence[str]) -> str | None:
    """Why a command does not run for real; None where it does."""
    downloaded = {*PRESETS, "imagenet"} & set(arguments)
    downloaded = downloaded or (module == "detector.detect" and "--model" not in arguments)
    if module in DOWNLOADERS and downloaded:
        return "downloads"
    name = module.rpartition(".")[2]
    return DRY.get(name) or DRY.get(" ".join([name, *arguments[:1]]))


def execute(words: Sequence[str]) -> int:
    """Run a command in this process, in the current folder; its exit code."""
    module, arguments = resolve(words)
    arguments += ["--dry-run"] if why_dry(module, arguments) else []
    try:
        return importlib.import_module(module).main(arguments)
    except SystemExit as end:  # of argparse
        return int(end.code or 0)


FOUND = collect(DOCS)
COMMANDS = {line.text: line for line in FOUND.commands}


# ---- what the docs talk about


def make_images(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 256, (60, 80, 3), np.uint8)
        Image.fromarray(noise).save(folder / name)


def make_video(path: Path) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10, (96, 64))
    for level in (0, 100, 200):
        writer.write(np.full((64, 96, 3), level, np.uint8))
    writer.release()


def make_data(maker) -> None:
    """A VOC folder of the two classes that the small model knows, and of four others."""
    names = [f"{split}{letter}" for split in ("train", "val", "test") for letter in "abcdefgh"]
    pets = [(name, 20, 20, 90, 90) for name in ("cat", "dog", "kitten", "tomcat")]
    for name in names:
        maker.add(name, ("a", 10, 10, 60, 70), ("b", 50, 20, 110, 80), *pets)
    for split in ("train", "val", "test"):
        maker.split(split, *(name for name in names if name.startswith(split)))


def make_run(folder: Path, data: str) -> None:
    """A run that was stopped."""
    from detector.data.open import open_dataset
    from training.run.splits import fingerprint, train_val

    whole = open_dataset(data)
    digest = fingerprint(*train_val(whole.split("train"), whole.split("val")))
    settings = RunSettings(data, None, "coco", None, None, 40, digest)
    RunFolder(folder).create(load_config("finetune"), settings, {})


def make_classifier(folder: Path) -> None:
    from detector.backbones import build_classifier
    from training.classifier.classifier_run import ClassifierSpec, save_run

    spec = ClassifierSpec(classes=("a", "b"), network="mobilenet_v1", width=0.25, resolution=32)
    save_run(folder, build_classifier("mobilenet_v1", 2, 0.25, 32), spec)


@pytest.fixture(scope="session")
def world(tmp_path_factory, exported, voc_maker) -> Path:
    """A folder with everything that the commands name."""
    root = tmp_path_factory.mktemp("docs")
    with contextlib.chdir(root):
        make_data(voc_maker(root / "my_data"))
        for name in ("my_voc", "bccd", "coco", "new/place/my_data"):
            shutil.copytree("my_data", name)
        make_run(root / "my_run", "my_data")
        for folder in ("my_run/best", "other/best", "exported"):
            shutil.copytree(exported, folder)
        for precision in ("f16", "int8"):
            shutil.copy("exported/model.tflite", f"exported/model_{precision}.tflite")
        Path("WEIGHTS.npz").touch()
        make_images(root, "photo.jpg")
        make_images(root / "photos", "1.jpg", "2.jpg")
        make_images(root / "more" / "deep", "3.png")
        for name in ("cats", "dogs"):
            make_images(root / "photos_by_class" / name, *(f"{i}.jpg" for i in range(10)))
        make_video(root / "street.mp4")
        make_classifier(root / "my_classifier")
    return root


@pytest.fixture
def at_work(world, tmp_path, monkeypatch) -> Path:
    """A copy of it, which is the current folder."""
    folder = tmp_path / "work"
    shutil.copytree(world, folder, copy_function=os.link)
    monkeypatch.chdir(folder)
    return folder


def make_place(words: Sequence[str]) -> None:
    """Make the place for a command: what it makes anew goes, and what it goes on with is there."""
    goes_on = {"--resume", "--more"} & set(words)
    for option, value in itertools.pairwise(words):
        if option == "--output" and not goes_on and words.count(value) == 1:
            shutil.rmtree(value, ignore_errors=True)
    if "--more" in words:  # which goes on with a complete run
        Path("my_run/result.json").write_text('{"AP": 0.5, "epochs": 40, "seconds": 9.5}')
        Path("my_run/state.npz").touch()


# ---- the docs


@pytest.mark.parametrize("text", COMMANDS, ids=list(COMMANDS))
def test_the_command_works(text, at_work, capsys):
    line = COMMANDS[text]
    module, _ = resolve(line.words)
    if module in SKIPPED:
        pytest.skip(SKIPPED[module])
    make_place(line.words)
    assert execute(line.words) == 0, f"{line.place}: {capsys.readouterr().err}"


@pytest.mark.parametrize("place", FOUND.snippets)
def test_the_python_snippet_runs(place, at_work):
    code = FOUND.snippets[place].replace('"coco"', '"my_run/best"')
    exec(compile(code, place, "exec"), {})


def test_the_makefile_has_every_target_and_variable():
    makefile = (ROOT / "Makefile").read_text()
    for line in FOUND.targets:
        for word in line.words[1:]:
            name, is_variable, _ = word.partition("=")
            pattern = rf"^{name} [?:]?=" if is_variable else rf"^{name}:"
            assert re.search(pattern, makefile, re.M), f"{line.place}: {line.text}"


def test_every_line_of_a_block_with_commands_is_known():
    assert [f"{line.place}: {line.text}" for line in FOUND.unknown] == []


# ---- the collector


@pytest.fixture
def page(tmp_path):
    """Writes a page and collects from it."""

    def write(text: str) -> Collected:
        file = tmp_path / "page.md"
        file.write_text(text)
        return collect([file])

    return write


def test_commands_stand_in_indented_and_in_fenced_blocks(page):
    found = page(
        "Text\n\n    ssdlite check 'my data'   # why\n\n1. first\n\n   ```sh\n"
        "   python -m eval.coco a b \\\n     --json c\n   ```\n"
    )
    assert [line.text for line in found.commands] == [
        "ssdlite check 'my data'",
        "python -m eval.coco a b --json c",
    ]
    assert [line.place for line in found.commands] == ["page.md:3", "page.md:7"]


def test_what_is_no_command_is_told_apart(page):
    found = page(
        "    pip install x\n    make demo\n    fly away\n\n----\n\n    an output\n\n----\n\n"
        "    import this\n"
    )
    assert found.commands == []
    assert [line.text for line in found.targets] == ["make demo"]
    assert [line.text for line in found.unknown] == ["fly away"]
    assert found.snippets == {"page.md:11": "import this\n"}


@pytest.mark.parametrize(
    "command",
    [
        "ssdlite train --data my_data --output new --epoch-count 3",
        "ssdlite train --data my_data --output new --freeze everything",
        "python -m eval.coco my_run/best my_data:val --jsn figures.json",
    ],
)
def test_an_option_that_does_not_exist_fails(page, at_work, command, capsys):
    (line,) = page(f"    {command}\n").commands
    assert execute(line.words) == 2
    assert "error: " in capsys.readouterr().err


def test_a_verb_that_does_not_exist_fails(page):
    (line,) = page("    ssdlite fly\n").commands
    with pytest.raises(KeyError, match="fly"):
        resolve(line.words)
