"""Arguments that choose a model and its runtime, for every command that detects."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from detector.command import fraction, name_list, path, positive
from detector.slicing.tiling import add_slice_argument

if TYPE_CHECKING:
    from detector.predictor import Predictor


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """`--model`, what runs it, `--score`, `--classes`, what NMS leaves, and `--slice`."""
    parser.add_argument(
        "--model",
        default="coco",
        metavar="NAME|PATH",
        help="preset, model folder, .tflite, .onnx, .xml, .npz (coco)",
    )
    parser.add_argument(
        "--runtime",
        default="auto",
        metavar="NAME",
        help="of a model folder: keras, tflite, tflite-int8, onnx, openvino ... (auto: the fastest "
        "here, measured once)",
    )
    parser.add_argument("--threads", type=positive(int, 256), metavar="N", help="(all cores)")
    parser.add_argument(
        "--device", metavar="NAME", help="OpenVINO: GPU, NPU ...; ONNX Runtime: cuda, coreml ..."
    )
    parser.add_argument("--delegate", type=path, metavar="FILE", help="LiteRT: a library")
    parser.add_argument("--score", type=fraction, metavar="S", help="lowest score, 0 ... 1 (0.4)")
    parser.add_argument("--classes", type=name_list, metavar="A,B", help="only these classes")
    most = "the model's postprocess.max_detections, 100 unless trained otherwise"
    add_nms_arguments(parser, most, positive(int))
    add_slice_argument(parser)


def add_nms_arguments(
    parser: argparse.ArgumentParser, most: str, number: Callable[[str], int]
) -> None:
    """`--max-dets`, a `number`, and `--agnostic`; `most` says what holds without the former."""
    parser.add_argument(
        "--max-dets", type=number, metavar="N", help=f"most detections per image ({most})"
    )
    parser.add_argument(
        "--agnostic",
        action="store_true",
        help="NMS across classes: two classes on one object are one detection",
    )


def load_predictor(args: argparse.Namespace) -> Predictor:
    """What `add_model_arguments` ask for; says which of several networks was taken, and its tiles.

    Raises:
        UserError: it cannot be loaded.
    """
    from detector.predictor import Predictor
    from detector.runtimes.graph import EngineOptions

    options = EngineOptions(args.threads, args.device, args.delegate)
    predictor = Predictor.load(
        args.model,
        args.runtime,
        options,
        score_threshold=args.score,
        max_detections=args.max_dets,
        class_agnostic=args.agnostic or None,
    )
    if predictor.why:
        file = predictor.file.name if predictor.file else predictor.runtime
        print(f"{file}: {predictor.why}", file=sys.stderr)
    if args.slice is None:
        return predictor
    from detector.sliced_predictor import SlicedPredictor

    sliced = SlicedPredictor.of(predictor, args.slice)
    print(sliced.tiling.in_words(), file=sys.stderr)
    return sliced


def model_files(model: str) -> list[Path]:
    """The model itself, and what it would consist of if it is a folder: no output goes there."""
    from detector.artefact import DESCRIPTION, FILES

    return [Path(model), *(Path(model) / name for name in (DESCRIPTION, *FILES.values()))]
