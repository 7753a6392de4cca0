"""Classify images: train a MobileNetV1 or V2, measure it, or name what images show."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from detector.command import EXIT_CHECK_FAILED, EXIT_OK, run
from detector.files import check_outputs, write_json, write_text
from training.classifier.classify_arguments import LEAST_SIDE, MOST_SIDE, TOP, complete, parse

if TYPE_CHECKING:
    import keras
    import numpy as np

    from training.classifier.class_data import ClassData, Loaded
    from training.classifier.class_metrics import Figures
    from training.classifier.classifier_run import Classifier

_STRIDE = 32  # of the backbones
_NAMED = 10  # unreadable images that are named one by one


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = parse(argv)
    from training.classifier.classifier_run import DESCRIPTION, NETWORK

    # What is read, and no output may overwrite; `_predict` adds the images.
    model, data = getattr(args, "model", None), getattr(args, "data", None)
    files = [Path(model) / name for name in (DESCRIPTION, NETWORK)] if model else []
    check_outputs([args.json], inputs=[*files, data] if data else files)
    return {"train": _train, "evaluate": _evaluate, "predict": _predict}[args.action](args)


def _train(args: argparse.Namespace) -> int:
    from training.run.run_lock import only_process

    if args.dry_run:
        return _train_alone(args)
    # Beside the folder, which appears when it is whole.
    with only_process(args.output, args.output.parent / f".{args.output.name}.running", print):
        return _train_alone(args)


def _train_alone(args: argparse.Namespace) -> int:
    """Train, as the only process that writes this folder."""
    from detector.data.write import check_new_folder

    check_new_folder(args.output)
    complete(args)
    data = _open(args)
    if args.dry_run:
        _say([_intent(args, data)])
        return EXIT_OK
    train, held_out = _read(args, data)
    if args.mirror is None:
        args.mirror = not is_grey(train.images)
    from detector.backend import start_keras

    start_keras()
    from training.classifier.class_metrics import measure
    from training.classifier.classifier_fit import enough_epochs
    from training.classifier.classifier_run import ClassifierSpec, probabilities, save_run

    args.epochs = args.epochs or enough_epochs(len(train.labels))
    start = time.monotonic()
    network = _fit(args, train, held_out, len(data.classes))
    seconds = time.monotonic() - start
    figures = measure(held_out.labels, probabilities(network, held_out.images), data.classes)
    spec = ClassifierSpec(
        classes=data.classes,
        network=args.network,
        width=args.width,
        resolution=args.resolution,
        metrics=figures,
        recipe={
            "data": data.name.encode("utf-8", "replace").decode(),  # it need not be UTF-8
            "training_pictures": len(train.labels),
            "epochs": args.epochs,
            "seed": args.seed,
            "mirror": args.mirror,
            "seconds": round(seconds, 1),
        },
    )
    save_run(args.output, network, spec)
    _report(figures, f"{data.held_out} after {seconds:.0f} s of training", args.json)
    _say([f"saved {args.output}"])
    return EXIT_OK


def _fit(args: argparse.Namespace, train: Loaded, held_out: Loaded, classes: int) -> keras.Model:
    import keras

    from detector.backbones import build_classifier
    from training.classifier.classifier_fit import fit

    keras.utils.set_random_seed(args.seed)
    network = build_classifier(args.network, classes, args.width, args.resolution)
    print(
        f"{args.network}, width {args.width:g}, {args.resolution} px: "
        f"{network.count_params():,} parameters; {args.epochs} epochs, seed {args.seed}, "
        f"{'' if args.mirror else 'not '}mirrored"
    )
    fit(network, train, held_out, args.epochs, args.seed, args.mirror)
    return network


def _open(args: argparse.Namespace) -> ClassData:
    """The data; where no resolution was asked for, it is chosen by them."""
    from training.classifier.class_data import usual_side
    from training.classifier.class_folders import open_class_data

    data = open_class_data(args.data)
    _say(data.notes)
    if args.resolution is None:
        # Twice the images' size: of a small image a network of stride 32 leaves one cell.
        fitting = 2 * usual_side(data.splits["train"]) // _STRIDE * _STRIDE
        args.resolution = min(max(fitting, LEAST_SIDE), MOST_SIDE)
    return data


def _intent(args: argparse.Namespace, data: ClassData) -> str:
    train, held_out = len(data.splits["train"]), len(data.split(data.held_out))
    network = f"{args.network}, width {args.width:g}, {args.resolution} px"
    return (
        f"would train {network}, on {data.name}: {data.form}, {len(data.classes)} classes, "
        f"{train:,} images, {args.epochs or '30 or more'} epochs; "
        f"{held_out:,} images to measure on; output {args.output}"
    )


def _read(args: argparse.Namespace, data: ClassData) -> tuple[Loaded, Loaded]:
    """Its two splits at the size of the network's input."""
    from training.classifier.class_data import load_images

    train = load_images(data.splits["train"], args.resolution, "train")
    held_out = load_images(data.split(data.held_out), args.resolution, data.held_out)
    _name_failed([*train.failed, *held_out.failed])
    if len(set(train.labels.tolist())) < 2:
        raise UserError(f"{data.name}: only images of one class can be read, and two are needed")
    _say(
        [
            f"{data.name}: {data.form}, {len(data.classes)} classes; "
            f"train {len(train.labels):,}, {data.held_out} {len(held_out.labels):,} images"
        ]
    )
    return train, held_out


def is_grey(images: np.ndarray) -> bool:
    """Whether no image, uint8 `(N, S, S, 3)`, has a colour: digits and letters, mostly."""
    return bool((images == images[..., :1]).all())


def _name_failed(failed: list[str]) -> None:
    for line in failed[:_NAMED]:
        _say([f"left out: {line}"], sys.stderr)
    if failed:
        _say([f"{len(failed)} images cannot be read and are left out"], sys.stderr)


def _evaluate(args: argparse.Namespace) -> int:
    from training.classifier.class_data import load_images
    from training.classifier.class_folders import open_class_data
    from training.classifier.class_metrics import measure
    from training.classifier.classifier_run import probabilities

    network, spec = _open_model(str(args.model))
    data = open_class_data(args.data).relabelled(spec.classes)
    _say(data.notes)
    split = args.split or data.held_out
    loaded = load_images(data.split(split), spec.resolution, split)
    _name_failed(loaded.failed)
    figures = measure(loaded.labels, probabilities(network, loaded.images), spec.classes)
    _report(figures, f"{split} of {data.name}", args.json)
    return EXIT_OK


def _predict(args: argparse.Namespace) -> int:
    from detector.images import find_images, read_image
    from detector.preprocess import resize
    from training.classifier.classifier_run import IMAGENET, probabilities, read_spec

    paths = find_images(args.images)
    check_outputs([args.json], paths)
    if args.dry_run:
        is_own = args.model != IMAGENET
        about = read_spec(Path(args.model)).network if is_own else "perhaps to be downloaded"
        _say([f"would name {len(paths):,} images with {args.model} ({about})"])
        return EXIT_OK
    network, spec = _open_model(args.model)
    results, lines = [], []
    for path in paths:
        try:
            image = resize(read_image(path), spec.resolution)
        except UserError as error:
            _say([f"skipped: {error}"], sys.stderr)
            continue
        scores = probabilities(network, image[None])[0]
        best = scores.argsort(kind="stable")[::-1][:TOP].tolist()
        top = [{"class": spec.classes[i], "probability": float(scores[i])} for i in best]
        results.append({"file": str(path), "top": top})
        named = (f"{one['class']} {one['probability']:.3f}" for one in top)
        lines.append(f"{path}: {', '.join(named)}")
        if not args.json:
            _say(lines[-1:])
    if args.json:
        write_text(args.json, json.dumps(results, indent=1))
        _say(lines)
    return EXIT_OK if len(results) == len(paths) else EXIT_CHECK_FAILED


def _open_model(model: str) -> Classifier:
    from detector.backend import start_keras

    start_keras()
    from training.classifier.classifier_run import open_classifier

    return open_classifier(model)


def _report(figures: Figures, of: str, json_file: Path | None) -> None:
    from training.classifier.class_metrics import to_lines

    if json_file:
        write_json(json_file, figures.model_dump(by_alias=False))
    _say([f"\n{of}:", *to_lines(figures)])


def _say(lines: Iterable[str], file: Any = None) -> None:
    for line in lines:
        print(line, file=file)


if __name__ == "__main__":
    sys.exit(run(main))
