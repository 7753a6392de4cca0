"""What the commands take and give, as JSON: `python -m tests.tools.record_golden FOLDER`.

Run in the tree whose behaviour is right, it writes what `tests/golden/` holds; `test_golden.py`
runs it in the present tree and compares. It knows commands, files and recipes, but no module behind
them, so the code may be laid out anew. Texts for people and times are left out.
"""

import argparse
import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import runpy
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from PIL import Image

MODULES = (
    *("demo.webcam", "demo.quickstart", "demo.doctor"),
    *("detector.detect", "detector.export", "detector.summary"),
    *("eval.coco", "eval.voc", "eval.compare", "eval.latency"),
    *("training.train", "training.classify", "training.check", "training.preview"),
    *("training.convert", "training.shapes"),
)
KERAS = ("--model", "shapes", "--runtime", "keras")  # `auto` is whatever is fastest here
PROSE = {"verdict", "message", "action", "notes", "left_out"}
VOLATILE = {"seconds", "fps", "stage_ms", "clock", "images_per_second", "waiting"}


def record(folder: Path, work: Path) -> None:
    """Write a file for each of `TOPICS`; the commands run in `work`, which is empty."""
    with contextlib.chdir(work):
        for name, topic in TOPICS.items():
            text = json.dumps(tidy(topic()), indent=None, separators=(",", ":"), sort_keys=True)
            (folder / f"{name}.json").write_text(text.replace('},"', '},\n"') + "\n")


# ---- running and reading


def call(main: Callable[[], object]) -> int:
    """The exit code of a command; what it prints is dropped."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
    return 0


def run(module: str, *arguments: str) -> int:
    """The exit code of `python -m module argument ...`."""
    with mock.patch.object(sys, "argv", [module, *arguments]):
        return call(lambda: runpy.run_module(module, run_name="__main__", alter_sys=True))


def tidy(value: Any) -> Any:
    """Null for what is prose or differs from run to run; floats to six digits."""
    if isinstance(value, dict):
        hidden = PROSE | VOLATILE
        return {key: None if key in hidden else tidy(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(one) for one in value]
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value


def read(file: str) -> Any:
    return json.loads(Path(file).read_text())


def outline(value: Any) -> Any:
    """The keys of JSON, without its values; of a list, those of its first entry."""
    if isinstance(value, dict):
        return {key: outline(one) for key, one in value.items()}
    return [outline(one) for one in value[:1]] if isinstance(value, list) else None


def tree(folder: str) -> dict[str, Any]:
    """Every file; of texts a digest, of images the size and the mean of each ninth."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): digest(path) for path in files}


def digest(path: Path) -> Any:
    if path.suffix in (".jpg", ".png"):
        with Image.open(path) as image:
            ninths = image.convert("RGB").resize((3, 3), Image.Resampling.BOX)
            return [*image.size, *np.asarray(ninths).mean(axis=2).round().ravel().tolist()]
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def names(folder: str) -> list[str]:
    return sorted(tree(folder))


# ---- what is recorded


def commands() -> dict[str, Any]:
    """Every verb, every command and its arguments."""
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="ssdlite")
    main = entry.load()

    def parser_of(verb: str, *rest: str) -> argparse.ArgumentParser:
        with mock.patch.object(sys, "argv", ["ssdlite", verb, *rest]):
            return parser_that_helps(main)

    top = parser_of("--help")
    (verbs,) = (action.choices for action in top._actions if action.dest == "verb")
    modules = {name: parser_that_helps(lambda name=name: run(name, "--help")) for name in MODULES}
    actions = {
        f"training.classify {name}": parser_that_helps(
            lambda name=name: run("training.classify", name, "--help")
        )
        for name in ("train", "evaluate", "predict")
    }
    return {
        "verbs": {verb: arguments(parser_of(verb, "--help")) for verb in verbs},
        "modules": {name: arguments(parser) for name, parser in (modules | actions).items()},
    }


def parser_that_helps(main: Callable[[], object]) -> argparse.ArgumentParser:
    """The parser whose `--help` is shown."""
    asked: list[argparse.ArgumentParser] = []
    with mock.patch.object(
        argparse.ArgumentParser, "print_help", lambda self, *_: asked.append(self)
    ):
        call(main)
    return asked[0]


def arguments(parser: argparse.ArgumentParser) -> dict[str, Any]:
    """By option, or by place: whether it is required, how many values, which, the default."""
    places = iter(range(100))
    return {
        " ".join(action.option_strings) or f"{next(places)}": [
            action.required,
            action.nargs,
            sorted(map(str, action.choices or ())),
            None if action.default is None else str(action.default),
        ]
        for action in parser._actions
    }


def recipes() -> dict[str, Any]:
    from configs.load import config_names, load_config

    return {name: load_config(name).model_dump(mode="json") for name in config_names()}


def data() -> dict[str, Any]:
    """Data sets drawn, converted, checked and fixed."""
    assert run("training.shapes", "shapes", "--count", "12", "--val", "0.25") == 0
    assert run("training.shapes", "photos", "--count", "3", "--photo", "--seed", "5") == 0
    write_faulty_voc(Path("faulty"))
    found: dict[str, Any] = {name: tree(name) for name in ("shapes", "photos")}
    for form in ("coco", "voc", "yolo"):
        assert run("training.convert", "shapes", form, "--to", form) == 0
        assert run("training.convert", form, f"{form}_voc", "--to", "voc") == 0
        found |= {form: tree(form), f"{form}_voc": tree(f"{form}_voc")}
    for name in ("shapes", "faulty"):
        outputs = ("--json", f"{name}.json", "--html", f"{name}.html", "--fix", f"{name}_fixed")
        code = run("training.check", name, *outputs)
        found[f"check {name}"] = [code, read(f"{name}.json"), names(f"{name}_fixed")]
    found["exits"] = [
        run("training.check", "missing"),
        run("training.convert", "shapes", "coco", "--to", "coco"),
        run("training.shapes", "few", "--count", "1"),
        run("training.preview", "shapes", "--count", "2", "--output", "preview.html"),
    ]
    return found


def write_faulty_voc(folder: Path) -> None:
    """Noise with boxes that are wrong in many ways, a copy, and an image that is cut off."""
    for part in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (folder / part).mkdir(parents=True)
    boxes = [
        ("cat", (10, 10, 60, 70)),
        ("Cat", (20, 20, 50, 60)),
        ("cat", (50, 60, 50, 60)),
        ("cat", (-20, 10, 400, 60)),
        ("dog", (70, 10, 30, 60)),
        ("dog", (3, 3, 6, 6)),
        ("dog", (10, 10, 60, 70)),
        ("dog", (10, 10, 60, 70)),
    ]
    stems = [f"i{number}" for number in range(len(boxes))]
    for number, (stem, (name, corners)) in enumerate(zip(stems, boxes, strict=True)):
        coarse = np.random.default_rng(number % 7).integers(0, 256, (6, 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((128, 96), Image.Resampling.BICUBIC)
        image.save(folder / f"JPEGImages/{stem}.jpg")
        tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
        box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
        size = "<size><width>128</width><height>96</height></size>"
        (folder / f"Annotations/{stem}.xml").write_text(
            f"<annotation><filename>{stem}.jpg</filename>{size}"
            f"<object><name>{name}</name><bndbox>{box}</bndbox></object></annotation>"
        )
    cut = folder / "JPEGImages/i5.jpg"
    cut.write_bytes(cut.read_bytes()[:700])
    (folder / "ImageSets/Main/train.txt").write_text("\n".join([*stems[:6], "i9"]))
    (folder / "ImageSets/Main/val.txt").write_text("\n".join(stems[6:]))


def detection() -> dict[str, Any]:
    """The built-in model in files, in a folder of images and live in the built-in clip."""
    images = "shapes/JPEGImages"
    detect = (images, *KERAS, "--json", "found.json", "--coco", "found_coco.json")
    code = run("detector.detect", *detect, "--score", "0.3", "--draw", "drawn")
    live = ("--headless", "--json", "live.json", "--events", "live.jsonl", "--save", "live.mp4")
    counts = ("--count-line", "0.5,0,0.5,1", "--count-zone", "0,0,1,0,1,1,0,1")
    codes = [
        code,
        run("demo.webcam", "--source", images, *KERAS, "--json", "still.json", "--headless"),
        run("demo.webcam", *KERAS, *live, *counts, "--frames", "16", "--tracks"),
        run("detector.detect", "missing.jpg", *KERAS),
        run("detector.detect", images, *KERAS, "--classes", "unicorn"),
        run("demo.webcam", "--source", "missing.mp4", *KERAS, "--headless"),
    ]
    events = [json.loads(line) for line in Path("live.jsonl").read_text().splitlines()]
    return {
        "codes": codes,
        "json": read("found.json"),
        "coco": read("found_coco.json"),
        "drawn": names("drawn"),
        "still": read("still.json"),
        "live": read("live.json"),
        "events": events,
    }


def evaluation() -> dict[str, Any]:
    """The built-in model's mAP, by either protocol, and beside detections in a file."""
    scored = ("shapes", "shapes:train", "--json", "coco.json", "--csv", "coco.csv")
    save = ("--save-detections", "own.json", "--report", "report")
    codes = [
        run("eval.coco", *scored, *save),
        run("eval.coco", "--detections", "own.json", "shapes:train", "--json", "again.json"),
        run("eval.voc", "shapes", "shapes:train", "--json", "voc.json"),
        run("eval.compare", "shapes", "own.json", "shapes:train", "--json", "compared.json"),
        run("eval.coco", "shapes", "missing"),
    ]
    return {
        "codes": codes,
        "csv": dict.fromkeys(Path("coco.csv").read_text().splitlines()[0].split(",")),
        "detections": read("own.json"),
        "report": names("report"),
        "analysis": outline({name: read(f"report/{name}") for name in json_files("report")}),
        **{name: read(f"{name}.json") for name in ("coco", "again", "voc", "compared")},
    }


def json_files(folder: str) -> list[str]:
    return [name for name in names(folder) if name.endswith(".json")]


def costs() -> dict[str, Any]:
    """What networks cost, and that the built-in model is described as it was."""
    found: dict[str, Any] = {}
    for name in ("coco_320", "shapes", "cifar10"):
        assert run("detector.summary", name, "--json", f"{name}.json") == 0
        whole = read(f"{name}.json")
        totals = {
            key: sum(layer[key] for layer in whole["layers"])
            for key in ("parameters", "multiply_adds")
        }
        layers = " ".join(layer["name"] for layer in whole["layers"])
        found[name] = [
            outline(whole),
            totals,
            hashlib.sha256(layers.encode()).hexdigest()[:16],
            whole["separable"][-1],
        ]
    return found


def training() -> dict[str, Any]:
    """Two epochs on a few images: the run's folder, its figures and the models."""
    sets = ("train.epochs=2", "train.evaluate_every=2", "loader.batch_size=3", "seed=3")
    sets += ("model.input_size=96", "model.width_multiplier=0.35")
    sets += ("model.backbone=mobilenet_v1",)  # traced in less time than V2
    config = [part for one in sets for part in ("--set", one)]
    run_new = ("--data", "shapes", "--output", "run", "--config", "shapes", "--start", "none")
    codes = [
        run("training.train", *run_new, *config),
        run("training.train", "--output", "run", "--resume"),
        run("training.train", *run_new, *config),
        run(
            "training.train", "--data", "shapes", "--output", "new", "--dry-run", "--start", "none"
        ),
    ]
    columns, *rows = (line.split(",") for line in Path("run/log.csv").read_text().splitlines())
    lines = Path("run/config.yaml").read_bytes().splitlines(keepends=True)
    config_lines = [line for line in lines if not line.startswith(b"kind:")]  # it is new
    return {
        "codes": codes,
        "files": [name for name in names("run") if not name.startswith("tensorboard/")],
        "tensorboard": len(names("run/tensorboard")),
        "json": {name: outline(read(f"run/{name}")) for name in json_files("run")},
        "config": hashlib.sha256(b"".join(config_lines)).hexdigest()[:16],
        "spec": read("run/best/detector.json"),
        "log": [dict(zip(columns, map(number, row), strict=True)) for row in rows],
    }


def number(text: str) -> Any:
    with contextlib.suppress(ValueError):
        return float(f"{float(text):.4g}")
    return text


def classification() -> dict[str, Any]:
    """A classifier of two colours, trained, measured and asked."""
    for place, name in enumerate(("dark", "light")):
        Path("photos_by_class", name).mkdir(parents=True)
        for index in range(10):
            rng = np.random.default_rng([place, index])
            noise = rng.integers(100 * place, 100 * place + 156, (32, 32, 3), np.uint8)
            Image.fromarray(noise).save(f"photos_by_class/{name}/{index}.png")
    train = ("train", "--data", "photos_by_class", "--output", "classifier", "--epochs", "1")
    use = ("--model", "classifier", "--json")
    image = "photos_by_class/light/0.png"
    codes = [
        run("training.classify", *train, "--resolution", "64", "--json", "trained.json"),
        run("training.classify", "evaluate", "--data", "photos_by_class", *use, "held_out.json"),
        run("training.classify", "predict", image, *use, "named.json"),
        run("training.classify", "predict", "missing.png", *use, "none.json"),
    ]
    return {
        "codes": codes,
        "files": names("classifier"),
        "spec": read("classifier/classifier.json"),
        **{name: read(f"{name}.json") for name in ("trained", "held_out", "named")},
    }


TOPICS = {
    "commands": commands,
    "recipes": recipes,
    "data": data,
    "detection": detection,
    "evaluation": evaluation,
    "costs": costs,
    "training": training,
    "classification": classification,
}


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    with tempfile.TemporaryDirectory() as work:
        os.environ["SSDLITE_HOME"] = str(Path(work, "home"))
        (Path(work) / "here").mkdir()
        record(folder, Path(work) / "here")


if __name__ == "__main__":
    main()
