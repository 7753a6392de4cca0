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
    import numpy as np

    from training.classifier.class_data import ClassData, Loaded
    from training.classifier.class_metrics import Figures
    from training.classifier.classifier_fit import Recipe
    from training.classifier.classifier_run import Classifier

_STRIDE = 32  # of the backbones
_NAMED = 10  # unreadable images that are named one by one


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = parse(argv)
    check_outputs([args.json], inputs=_input_files(args))
    return {"train": _train, "evaluate": _evaluate, "predict": _predict}[args.action](args)


def _input_files(args: argparse.Namespace) -> list[Path]:
    """What is read, and no output may overwrite; `_predict` adds the images."""
    from training.classifier.classifier_run import DESCRIPTION, NETWORK

    model, data = getattr(args, "model", None), getattr(args, "data", None)
    files = [Path(model) / name for name in (DESCRIPTION, NETWORK)] if model else []
    return [*files, data] if data else files


def _train(args: argparse.Namespace) -> int:
    from detector.data.write import check_new_folder

    check_new_folder(args.output)
    complete(args)
    data = _open(args)
    if args.dry_run:
        _say([_intent(args, data)])
        return EXIT_OK
    train, held_out = _read(args, data)
    mirror = not is_grey(train.images) if args.mirror is None else args.mirror
    from detector.backend import start_keras

    start_keras()
    from training.classifier.classifier_fit import Recipe, enough_epochs

    epochs = args.epochs or enough_epochs(len(train.labels))
    start = time.monotonic()
    classifier = _fit(args, data, train, held_out, Recipe(epochs, args.seed, mirror))
    seconds = time.monotonic() - start
    from training.classifier.class_metrics import measure
    from training.classifier.classifier_run import save_run

    figures = measure(held_out.labels, classifier.probabilities(held_out.images), data.classes)
    recipe = {
        "data": _printable(data.name),
        "training_pictures": len(train.labels),
        "epochs": epochs,
        "seed": args.seed,
        "mirror": mirror,
        "seconds": round(seconds, 1),
    }
    whole = classifier.spec.model_copy(update={"metrics": figures, "recipe": recipe})
    save_run(args.output, classifier._replace(spec=whole))
    _report(figures, f"{data.held_out} after {seconds:.0f} s of training", args.json)
    _say([f"saved {args.output}"])
    return EXIT_OK


def _fit(
    args: argparse.Namespace, data: ClassData, train: Loaded, held_out: Loaded, recipe: Recipe
) -> Classifier:
    import keras

    from detector.backbones import build_classifier
    from training.classifier.classifier_fit import fit
    from training.classifier.classifier_run import Classifier, ClassifierSpec

    keras.utils.set_random_seed(recipe.seed)
    size = train.images.shape[1]
    network = build_classifier(args.network, len(data.classes), args.width, size)
    print(
        f"{args.network}, width {args.width:g}, {size} px: {network.count_params():,} parameters;"
        f" {recipe.epochs} epochs, seed {recipe.seed}, {'' if recipe.mirror else 'not '}mirrored"
    )
    fit(network, train, held_out, recipe)
    return Classifier(
        network,
        ClassifierSpec(
            classes=data.classes, network=args.network, width=args.width, resolution=size
        ),
    )


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
    train, held_out = len(data.splits["train"]), len(data.split(None))
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
    held_out = load_images(data.split(None), args.resolution, data.held_out)
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

    classifier = _open_model(str(args.model))
    spec = classifier.spec
    data = open_class_data(args.data).relabelled(spec.classes)
    _say(data.notes)
    split = args.split or data.held_out
    loaded = load_images(data.split(split), spec.resolution, split)
    _name_failed(loaded.failed)
    figures = measure(loaded.labels, classifier.probabilities(loaded.images), spec.classes)
    _report(figures, f"{split} of {data.name}", args.json)
    return EXIT_OK


def _predict(args: argparse.Namespace) -> int:
    from detector.images import find_images, read_image
    from detector.preprocess import resize

    paths = find_images(args.images)
    check_outputs([args.json], paths)
    if args.dry_run:
        _say([f"would name {len(paths):,} images with {_model_in_words(args.model)}"])
        return EXIT_OK
    classifier = _open_model(args.model)
    results = []
    for path in paths:
        try:
            image = resize(read_image(path), classifier.spec.resolution)
        except UserError as error:
            _say([f"skipped: {error}"], sys.stderr)
            continue
        top = _top_classes(classifier, image)
        results.append({"file": str(path), "top": top})
        named = (f"{one['class']} {one['probability']:.3f}" for one in top)
        _say([f"{path}: {', '.join(named)}"])
    if args.json:
        write_text(args.json, json.dumps(results, indent=1))
    return EXIT_OK if len(results) == len(paths) else EXIT_CHECK_FAILED


def _top_classes(classifier: Classifier, image: np.ndarray) -> list[dict[str, Any]]:
    probabilities = classifier.probabilities(image[None])[0]
    best = probabilities.argsort(kind="stable")[::-1][:TOP].tolist()
    names = classifier.spec.classes
    return [{"class": names[i], "probability": float(probabilities[i])} for i in best]


def _model_in_words(model: str) -> str:
    from training.classifier.classifier_run import IMAGENET, read_spec

    is_own = model != IMAGENET
    return f"{model} ({read_spec(Path(model)).network if is_own else 'perhaps to be downloaded'})"


def _open_model(model: str) -> Classifier:
    from detector.backend import start_keras

    start_keras()
    from training.classifier.classifier_run import open_classifier

    return open_classifier(model)


def _report(figures: Figures, of: str, json_file: Path | None) -> None:
    from training.classifier.class_metrics import to_lines

    _say([f"\n{of}:", *to_lines(figures)])
    if json_file:
        write_json(json_file, figures.model_dump(by_alias=False))


def _say(lines: Iterable[str], file: Any = None) -> None:
    for line in lines:
        print(_printable(line), file=file)


def _printable(text: str) -> str:
    """The name of a file need not be UTF-8; stdout and JSON would refuse it."""
    return text.encode("utf-8", "replace").decode()


if __name__ == "__main__":
    sys.exit(run(main))
