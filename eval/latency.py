"""Latency benchmark: models in turns, with file size, peak memory, throughput and mAP."""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from detector.command import EXIT_OK, CommandParser, child_command, name_list, path, positive, run
from detector.files import check_outputs, write_json, write_text
from detector.model_arguments import model_files

if TYPE_CHECKING:
    from eval.timing.worker import Contender

_PLOTS = (".svg", ".png")

IMAGES = 20
"""In each turn of a contender; of a data set, so many spread over the whole of it."""

_EXAMPLES = """examples:
  python -m eval.latency coco
  python -m eval.latency my_run/best --data my_data:val --threads 1,2
  python -m eval.latency exported --runtime tflite,tflite-int8,onnx,openvino
  python -m eval.latency a/model.tflite b/model.tflite --data bccd:test --plot speed.svg
  python -m eval.latency coco --peer other.tflite --markdown speed.md --json speed.json

Without --data the image is a photo of 640x480 px that comes with matplotlib. A peer is any model
with one image as input: it is resized to and run, and what comes out is not looked at.

JSON: {"machine": {"cpu": str, "cores": int, "memory_gb": float, "os": str, "python": str,
  "versions": {NAME: str}}, "settings": {"rounds": int, "images": int, "source": str,
  "workers": int, "throughput_s": float}, "results": [{"model": str, "name": str, "runtime": str,
  "precision": str, "threads": int, "is_peer": bool, "input_hw": [int, int],
  "outputs": int | null, "stages_ms": {"read" | "resize" | "run" | "decode" | "nms" | "end_to_end":
  {"median": float, "p10": float, "p90": float} | null}, "round_medians_ms": [float],
  "ratio": {"run": float, "end_to_end": float}, "images_per_s": float,
  "throughput_images_per_s": float, "size_mb": float, "peak_memory_mb": float, "start_s": float,
  "AP": float | null, "AP50": float | null}]}
"""


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser("eval.latency", "Measure speed, side by side.", _EXAMPLES)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="preset, model folder or file")
    parser.add_data("--data", "take its images, and measure mAP on it")
    parser.add_argument(
        "--peer", type=path, action="append", default=[], metavar="FILE", help=".tflite or .onnx"
    )
    parser.add_argument(
        "--runtime", type=name_list, metavar="A,B", help="of model folders (keras): tflite, onnx"
    )
    parser.add_argument(
        "--threads", type=_counts, metavar="N,M", help="of each engine (all cores it may use)"
    )
    parser.add_argument(
        "--rounds", type=positive(int, 1000), default=10, metavar="N", help="turns of each (10)"
    )
    parser.add_outputs(
        json="write all figures",
        markdown="write the tables",
        plot="draw speed against mAP (.svg, .png)",
    )
    parser.add_dry_run()
    return parser.parse_args(argv)


def _counts(text: str) -> list[int]:
    return list(dict.fromkeys(positive(int, 256)(part) for part in text.split(",")))


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    inputs = [file for model in args.models for file in model_files(model)]
    check_outputs([args.json, args.markdown, args.plot], inputs=[*args.peer, *inputs])
    _check(args)
    from detector.hardware import describe_machine, usable_cores
    from eval.timing.measurements import to_timings
    from eval.timing.rounds import THROUGHPUT_S, measure
    from eval.timing.speed_report import to_markdown, write_plot

    contenders = _contenders(args)
    if args.dry_run:
        print(_intent(args, contenders))
        return EXIT_OK
    with _images(args) as (source, images):
        accuracy = _accuracies(contenders, args) if args.data else None
        results = to_timings(measure(contenders, images, args.rounds), accuracy)
    settings = {
        "rounds": args.rounds,
        "images": len(images),
        "source": source,
        "workers": usable_cores(),
        "throughput_s": THROUGHPUT_S,
    }
    about = describe_machine(), settings, results
    try:  # what was measured is in the files before anything is printed, and printed in any case
        if args.json:
            keys = ("machine", "settings", "results")
            write_json(args.json, dict(zip(keys, about, strict=True)))
        if args.markdown:
            write_text(args.markdown, to_markdown(*about))
        if args.plot:
            write_plot(args.plot, results)
    finally:
        print(to_markdown(*about), end="")
    for saved in filter(None, (args.json, args.markdown, args.plot)):
        print(f"saved {saved}")
    return EXIT_OK


def _check(args: argparse.Namespace) -> None:
    """What need not wait until minutes have passed."""
    if args.plot and not args.data:
        raise UserError("--plot shows speed against mAP; name the --data to measure it on")
    if args.plot and args.plot.suffix.lower() not in _PLOTS:
        raise UserError(f"cannot write {args.plot}: a plot is {' or '.join(_PLOTS)}")
    if args.images and not args.data:
        raise UserError("--images belongs to --data, which is missing")
    if args.voc_origin is not None and not args.data:
        raise UserError("--voc-origin belongs to --data, which is missing")
    from detector.models import find_model
    from detector.runtimes import open_graph

    for peer in args.peer:
        open_graph(peer)
    for model in args.models:
        found = find_model(model)
        if found.kind == "folder":
            _require_networks(found.path, args.runtime or ["keras"])


def _require_networks(folder: Path, runtimes: Sequence[str]) -> None:
    """Show that a model folder holds a network for each runtime; none is opened."""
    from detector.artefact import FILES

    for runtime in runtimes:
        if runtime not in FILES:
            raise UserError(f"unknown runtime {runtime!r}; use one of {', '.join(FILES)}")
        if not (folder / FILES[runtime]).is_file():
            raise UserError(
                f"{folder} holds no {FILES[runtime]}; export the model, or leave out {runtime}"
            )


def _contenders(args: argparse.Namespace) -> list[Contender]:
    """Every model in every runtime asked for, then the peers, each with every thread count."""
    from detector.hardware import usable_cores
    from detector.models import find_model
    from eval.timing.worker import Contender

    threads = args.threads or [usable_cores()]
    ours = [
        Contender(model, count, runtime)
        for model in args.models
        for runtime in (find_model(model).kind == "folder" and args.runtime) or [None]
        for count in threads
    ]
    peers = [Contender(str(peer), count, is_peer=True) for peer in args.peer for count in threads]
    return list(dict.fromkeys(ours + peers))


def _intent(args: argparse.Namespace, contenders: Sequence[Contender]) -> str:
    """What would be timed; of a data set, whether the models can be measured on it."""
    from detector.models import find_model
    from eval.scoring.inference import find_inputs

    def in_words(one: Contender) -> str:
        name = one.model if one.is_peer else find_model(one.model, one.runtime).in_words()
        return f"{name} in {one.threads} threads"

    intent = f"would time {', '.join(map(in_words, contenders))}, {args.rounds} rounds"
    if not args.data:
        return f"{intent} on one photo"
    for model, runtime in _engines(contenders):
        origin = args.voc_origin
        find_inputs(model, args.data, images=args.images, voc_origin=origin, runtime=runtime)
    return f"{intent} on images of {args.data}, and measure mAP there"


def _engines(contenders: Sequence[Contender]) -> list[tuple[str, str | None]]:
    """Each model of ours in each runtime; the threads of an engine change no figure."""
    return list(dict.fromkeys((one.model, one.runtime) for one in contenders if not one.is_peer))


@contextlib.contextmanager
def _images(args: argparse.Namespace) -> Iterator[tuple[str, list[Path]]]:
    """What the images are, and a turn of them."""
    if data := args.data:
        from detector.data.open import open_dataset

        dataset = open_dataset(data, args.images, voc_origin=args.voc_origin)
        if not len(dataset):
            raise UserError(f"{data} holds no image to measure on")
        step = max(len(dataset) / IMAGES, 1)
        chosen = [dataset[int(i * step)].path for i in range(min(IMAGES, len(dataset)))]
        yield f"of {Path(data).name}", chosen
        return
    import cv2

    from detector.images import sample_photo, write_image

    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        write_image(photo, cv2.resize(sample_photo(), (640, 480)))
        yield "one photo of 640x480 px", [photo] * IMAGES


def _accuracies(
    contenders: Sequence[Contender], args: argparse.Namespace
) -> list[Mapping[str, float]]:
    """AP and AP50 of each contender."""
    found = {engine: _accuracy(*engine, args) for engine in _engines(contenders)}
    return [{} if one.is_peer else found[one.model, one.runtime] for one in contenders]


def _accuracy(model: str, runtime: str | None, args: argparse.Namespace) -> Mapping[str, float]:
    """By `eval.coco` in a process of its own, which leaves nothing behind in this one."""
    print(f"mAP of {model}{f' in {runtime}' if runtime else ''}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command = child_command("eval.coco", model, args.data, "--json", str(figures))
        command += ["--runtime", runtime] if runtime else []
        command += ["--images", str(args.images)] if args.images else []
        if args.voc_origin is not None:
            command += ["--voc-origin", str(args.voc_origin)]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            said = "eval.coco failed, as it says above"
            raise UserError(f"no mAP of {model} on {args.data}: {said}")
        return json.loads(figures.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(run(main))
