"""Export a detector to fast runtimes, with proof that nothing was lost."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from detector.command import (
    EXIT_CHECK_FAILED,
    EXIT_OK,
    CommandParser,
    name_list,
    path,
    run,
)
from detector.files import check_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from detector.artefact import DetectorSpec
    from detector.exporting.exporter import Exporter, Outcome
    from detector.models import FoundModel

_EXAMPLES = """examples:
  python -m detector.export my_run/best --to tflite --output my_run/best
  python -m detector.export my_run/best --to tflite-int8 --calibrate my_data:train \\
    --data my_data:val --output exported
  python -m detector.export coco --to tflite,tflite-f16,onnx,openvino,saved_model --output exported
  python -m detector.export my_run/best --to tflite,onnx --with-nms --output for_phones

Formats: tflite (LiteRT, float32), tflite-f16 (half the size), tflite-int8 (a third of it, and the
fastest on most CPUs; needs --calibrate), onnx, openvino, saved_model. Graphs take one uint8 RGB
image and end at the raw heads; run them by python -m eval.coco, python -m detector.detect or
python -m demo.webcam.

Each export is compared with the original, on images of --data, of --calibrate, or on a photo that
comes with matplotlib; and so is the mAP of both on --data or --calibrate, except of a saved_model.
An export over its limit is refused:
  float32: heads 0.001 apart in the mean, 99 % of the detections match, mAP -0.001
  float16: 0.02, 95 %, -0.002        int8: 0.5, 25 %, -0.003
For float16 and int8 mAP decides, where it is 0.05 or more. Detections match with IoU 0.9, the same
class and scores within 0.02. An int8 model that loses too much is fixed first, and each remedy
measured. A form with post-processing inside (--with-nms) is refused alone where fewer than 90 % of
its detections match those of the file without; its thresholds, max_detections and class_agnostic
are fixed in the file.
"""
_EXITS = "0; 1 where an export was refused"
_IMAGES, _SEED = 20, 0
_MOST_MEASURED = 1000  # images, unless --data asks for more


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "detector.export", "Export a detector to fast runtimes.", _EXAMPLES, _EXITS
    )
    parser.add_argument("model", metavar="MODEL", help="preset, model folder or .npz")
    parser.add_argument(
        "--to", type=name_list, required=True, metavar="A,B", help="formats, as below"
    )
    parser.add_argument(
        "--output", type=path, required=True, metavar="DIR", help="new, or the model's own folder"
    )
    parser.add_argument("--calibrate", metavar="DATA", help="training images, for tflite-int8")
    parser.add_data("--data", "measure the mAP of both on it")
    parser.add_argument(
        "--with-nms", action="store_true", help="also forms with post-processing inside"
    )
    parser.add_argument("--any-batch", action="store_true", help="graphs for any number of images")
    parser.add_argument(
        "--accept-loss", action="store_true", help="keep exports over their limit, and record that"
    )
    parser.add_dry_run()
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    model = _check(args)
    if args.dry_run:
        print(_intent(args, model))
        return EXIT_OK
    from detector.models import load_model

    network, spec = load_model(args.model)
    from detector.exporting.exporter import Exporter, ExportJob
    from detector.exporting.install import check_target

    check_target(args.output, spec)
    calibration, images = _images(args, spec.model.input_size)
    batch = None if args.any_batch else 1
    measured = args.data or args.calibrate, args.images, args.voc_origin
    job = ExportJob(args.model, network, spec, calibration, images, *measured, batch)
    exporter = Exporter(job, args.with_nms, print)
    refused = [one for name in args.to for one in _export(exporter, name, args, spec)]
    if refused:
        print(f"refused: {', '.join(refused)}; --accept-loss keeps them", file=sys.stderr)
    return EXIT_CHECK_FAILED if refused else EXIT_OK


def _check(args: argparse.Namespace) -> FoundModel:
    """What need not wait until Keras has started."""
    from detector.artefact import EXPORTS, NMS_FILES
    from detector.data.open import open_dataset
    from detector.exporting.install import check_target
    from detector.models import find_keras_model

    for name in args.to:
        if name not in EXPORTS:
            raise UserError(f"unknown format {name!r}; use {', '.join(EXPORTS)}")
    if args.with_nms and not any(name in NMS_FILES for name in args.to):
        raise UserError(f"--with-nms belongs to {', '.join(NMS_FILES)}; none of them is made")
    if "tflite-int8" in args.to and not args.calibrate:
        raise UserError("tflite-int8 needs images to set its scales by; name a --calibrate DATA")
    for data in filter(None, (args.calibrate, args.data)):
        images = len(open_dataset(data, args.images, voc_origin=args.voc_origin))
        if images > _MOST_MEASURED and not args.data:
            raise UserError(
                f"{data} has {images:,} images; name fewer to measure mAP on, as --data"
            )
    if args.images and not (args.calibrate or args.data):
        raise UserError("--images belongs to --data or --calibrate, which are missing")
    if args.voc_origin is not None and not (args.calibrate or args.data):
        raise UserError("--voc-origin belongs to --data or --calibrate, which are missing")
    check_folder(args.output)
    found = find_keras_model(args.model)
    if found.spec:  # of a preset and of a .npz only the weights tell
        check_target(args.output, found.spec)
    return found


def _intent(args: argparse.Namespace, model: FoundModel) -> str:
    """What would be done."""
    nms = ", also with post-processing inside" if args.with_nms else ""
    data = args.data or args.calibrate
    return (
        f"would export {model.in_words()} to {', '.join(args.to)}{nms}, each compared on "
        f"{data or 'a photo'}; output {args.output}"
    )


def _images(
    args: argparse.Namespace, input_size: int
) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """To calibrate on, and to compare on."""
    from detector.data.open import open_dataset
    from detector.exporting.calibration import CALIBRATION_IMAGES, photo_views, sample_images

    calibration: Sequence[np.ndarray] = ()
    if "tflite-int8" in args.to:
        dataset = open_dataset(args.calibrate, args.images, voc_origin=args.voc_origin)
        calibration = sample_images(dataset, input_size, CALIBRATION_IMAGES, _SEED)
        print(f"scales are set by {len(calibration)} images of {dataset.name}")
    if not (args.data or args.calibrate):
        return calibration, photo_views(input_size)
    data = args.data or args.calibrate
    dataset = open_dataset(data, args.images, voc_origin=args.voc_origin)
    return calibration, sample_images(dataset, input_size, _IMAGES, _SEED + 1)


def _export(
    exporter: Exporter, name: str, args: argparse.Namespace, spec: DetectorSpec
) -> list[str]:
    """Make one export and put it in its place; what was refused of it."""
    from detector.exporting.install import install

    with tempfile.TemporaryDirectory() as scratch:
        outcome = exporter.export(name, Path(scratch))
        is_kept = not outcome.objections or args.accept_loss
        keeps_nms = bool(outcome.nms_file) and (args.accept_loss or not outcome.nms_objection)
        files = (*outcome.files, *([outcome.nms_file] if keeps_nms else []))
        if is_kept:
            record = {name: outcome.as_record(keeps_nms)}
            install(Path(scratch), files, record, args.output, spec)
    for line in _lines(outcome):
        print(line)
    if not is_kept:
        return [name]
    for file in files:
        print(f"  saved {args.output / file}: {_megabytes(args.output / file):.1f} MB")
    return [outcome.nms_file] if outcome.nms_file and not keeps_nms else []


def _megabytes(place: Path) -> float:
    files = [one for one in place.rglob("*") if one.is_file()] if place.is_dir() else [place]
    return sum(one.stat().st_size for one in files) / 1e6


def _lines(outcome: Outcome) -> list[str]:
    """What is known of an export, in words."""
    parity = outcome.parity
    heads = {"box_deltas": parity.box_deltas, "class_logits": parity.class_logits}
    differences = ", ".join(
        f"{name} {gap.largest:.2g} at most and {gap.mean:.2g} in the mean"
        for name, gap in heads.items()
    )
    match = "nothing was detected" if parity.matched is None else f"{parity.matched:.1%} match"
    lines = [
        f"{outcome.format}: {outcome.operations} operations",
        f"  on {parity.images} images: {differences}",
        f"  detections: {parity.detections} of the original; {match}",
    ]
    if parity.ap:
        lines.append(f"  mAP: {parity.ap[0]:.4f} of the original, {parity.ap[1]:.4f} of this")
    lines += [f"  {note}" for note in outcome.notes]
    objections = list(outcome.objections)
    if outcome.nms_objection:
        objections.append(f"{outcome.nms_file}: {outcome.nms_objection}")
    return lines + [f"  over the limit: {objection}" for objection in objections]


if __name__ == "__main__":
    sys.exit(run(main))
