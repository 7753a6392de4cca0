"""Train a detector on your own images."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import UserError
from configs.typed_form import command_name
from detector.command import EXIT_OK, CommandParser, path, positive, run
from detector.slicing.tiling import add_slice_argument
from training.run.asked import DEFAULT_CONFIG, asked_config, otherwise, seconds

if TYPE_CHECKING:
    from configs.schema import Config
    from training.run.run import Result, Run
    from training.run.run_folder import RunFolder, RunSettings

_EXAMPLES = """examples:
  python -m training.train --data my_data/ --output my_run
  python -m training.train --data bccd --output my_run --time 30m --set train.epochs=60
  python -m training.train --data my_data/ --output my_run --start imagenet --config coco_300
  python -m training.train --data my_data/ --output my_run --merge cat=kitten,tomcat \\
    --classes cat,dog
  python -m training.train --output my_run --resume
  python -m training.train --output my_run --more 20

Learns from the split `train`, and chooses the best model by `val`; a data set without splits gets
both, which are kept beside it in ssdlite_splits.json. The run's folder then holds config.yaml,
log.csv, report.html, and best/ and last/: models to give to the other commands. However a run was
stopped, --resume goes on where it was, also with a data set that was moved (--data NEW). --more
trains a run that is complete for more epochs, on the rest of the schedule that a run of all these
epochs has. --slice cuts images much larger than the model's input into tiles, as they are read.
"""
_EXITS = "0, also where Ctrl-C or SIGTERM stopped the run, whose state is saved then"
_DEFAULT_START = "coco"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "training.train", "Train a detector on your own images.", _EXAMPLES, _EXITS
    )
    parser.add_data("--data")
    parser.add_class_choice()
    parser.add_argument(
        "--negatives", type=path, metavar="FOLDER", help="more images, which show no object"
    )
    parser.add_argument("--output", type=path, required=True, metavar="RUN", help="a new folder")
    parser.add_argument(
        "--config", metavar="NAME|FILE", help=f"recipe, a YAML file ({DEFAULT_CONFIG})"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="K=V", help="train.epochs=60, for instance"
    )
    parser.add_argument(
        "--start",
        metavar="NAME|PATH",
        help=f"weights to begin with: a model, another run, imagenet, none ({_DEFAULT_START})",
    )
    parser.add_argument(
        "--freeze", choices=("none", "tap", "backbone"), help="what does not train (none)"
    )
    parser.add_argument("--time", type=seconds, metavar="T", help="end by then: 90s, 30m, 2h")
    parser.add_argument(
        "--overfit", type=positive(int), metavar="N", help="overfit N images: a sanity check"
    )
    add_slice_argument(parser, "learn from large images in overlapping tiles of SIZE px")
    going_on = parser.add_mutually_exclusive_group()
    going_on.add_argument("--resume", action="store_true", help="go on with the run in RUN")
    about = "train the complete run in RUN for N epochs more"
    going_on.add_argument("--more", type=positive(int, 100_000), metavar="N", help=about)
    parser.add_dry_run()
    args = parser.parse_args(argv)
    args.goes_on = args.resume or args.more is not None
    if args.data is None and not args.goes_on:
        parser.error("the following arguments are required: --data")
    if args.more is not None and args.time is not None:
        parser.error("argument --more: counts epochs, leave --time out")
    return args


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    from training.run.run_folder import RunFolder

    folder = RunFolder(args.output)
    if args.goes_on:
        folder.require_run()
    if args.resume and folder.is_complete:
        print(f"the run in {args.output} is complete; there is nothing to resume. {_to_add(args)}")
        return EXIT_OK
    if args.dry_run:
        run = _prepared(args, folder)
        print(_intent(run, args))
        for line in _remarks(run, args.goes_on):
            print(line)
        return EXIT_OK
    from training.run.run_lock import only_process

    with only_process(folder.path, folder.in_use, print):
        return _train(args, folder)


def _prepared(args: argparse.Namespace, folder: RunFolder) -> Run:
    return (_to_go_on if args.goes_on else _to_begin)(args, folder)


def _train(args: argparse.Namespace, folder: RunFolder) -> int:
    """Begin a run or go on with it, as its folder's only process."""
    run = _prepared(args, folder)
    for note in run.training.keep_splits():
        print(f"note: {note}")
    from detector.backend import start_keras

    start_keras()
    from training.run.begin import begin, resume

    result = (resume if args.goes_on else begin)(run, print)
    _say(result, args.output, run.validation.name)
    if not result.paused:
        print(_to_add(args))
    return EXIT_OK


def _to_add(args: argparse.Namespace) -> str:
    return f"To add epochs: {command_name('training.train')} --output {args.output} --more 20"


def _intent(run: Run, args: argparse.Namespace) -> str:
    """What would be done, in words."""
    from detector.data.findings import counted
    from training.batches.repeats import steps_per_epoch
    from training.model.init_weights import find_initial_weights

    config, settings = run.config, run.settings
    steps = steps_per_epoch(run.training, config)
    classes = len(run.training.classes)
    data = f"{settings.data}: {len(run.training):,} images, {counted(classes, 'class')}"
    work = f"{counted(args.more or settings.epochs, 'epoch')} of {steps} steps"
    if args.goes_on:
        return f"would go on with the run in {args.output} on {data}, {work}"
    start = find_initial_weights(config.model, settings.start)
    return (
        f"would train on {data}, {work}, from {start}; {len(run.validation):,} images to "
        f"validate; output {args.output}"
    )


def _remarks(run: Run, resumes: bool) -> list[str]:
    """What is to be known before the run is begun: what is missing, what will disappoint."""
    from training.model.object_limits import over_limits
    from training.model.start_files import about_missing
    from training.run.negatives import lacks_negatives, without_objects

    settings, classes = run.settings, len(run.training.classes)
    missing = "" if resumes else about_missing(run.config.model, settings.start)
    lack = "" if settings.overfit else lacks_negatives(classes, without_objects(run.training))
    notes = [f"note: {missing}"] if missing else []
    warnings = [*([lack] if lack else []), *over_limits((run.training, run.validation), run.config)]
    return notes + [f"warning: {one}" for one in warnings]


def _to_begin(args: argparse.Namespace, folder: RunFolder) -> Run:
    from detector.data.class_choice import class_choice
    from detector.data.open import path_and_split
    from training.model.init_weights import find_initial_weights
    from training.model.start_files import fetch_start
    from training.run.moved import at
    from training.run.run_folder import RunSettings, learnt_by

    folder.require_new()
    if args.negatives and args.overfit:
        raise UserError("--overfit takes images with objects alone; leave --negatives out")
    config = asked_config(args, args.overfit)
    choice = class_choice(args.classes, args.merge)
    settings = RunSettings(
        data=args.data,
        images=args.images and str(args.images),
        voc_origin=args.voc_origin,
        start=args.start or _DEFAULT_START,
        overfit=args.overfit,
        seconds=args.time,
        epochs=config.train.epochs,
        classes=choice.classes or None,
        merge=choice.merge or None,
        negatives=args.negatives and str(args.negatives),
        slice=args.slice,
    )
    find_initial_weights(config.model, settings.start)  # raises where there is none that fits
    path_and_split(args.data)  # raises where there is none
    if not args.dry_run:
        fetch_start(config.model, settings.start)  # before any work is done for nothing
    return _run(folder, config, at(settings, folder), None, learnt_by(settings.start))


def _to_go_on(args: argparse.Namespace, folder: RunFolder) -> Run:
    """What the run's folder says, with its data where they are now and more epochs, if asked for.

    Raises:
        UserError: there is no such run, it is another, its data are gone or others, or it is to
            have more epochs and cannot.
    """
    from detector.data.splitting.split_record import read_record
    from training.run.moved import at, found_again
    from training.run.run_folder import with_more
    from training.run.splits import fingerprint

    config, settings = folder.read()
    if changed := otherwise(args, folder, config, settings):
        raise UserError(
            f"{folder.path} was begun otherwise: {', '.join(changed)}; go on with --resume or "
            f"--more alone, or begin another run{folder.as_start}"
        )
    if args.more is not None:
        settings = with_more(settings, folder, args.more)
    paths = {"data": args.data, "images": args.images, "negatives": args.negatives}
    told = {name: given and str(given) for name, given in paths.items()}
    settings, notes = found_again(settings, folder, told)
    for note in notes:
        print(f"note: {note}")
    run = _run(folder, config, at(settings, folder), read_record(folder.splits), {})
    if fingerprint(run.training, run.validation) != settings.fingerprint:
        joined = f", with the images of {settings.negatives}," if settings.negatives else ""
        raise UserError(
            f"{settings.data}{joined} is not what it was when {folder.path} was begun; begin "
            f"another run{folder.as_start}"
        )
    return run


def _run(
    folder: RunFolder,
    config: Config,
    settings: RunSettings,
    exact: Mapping[str, Sequence[str]] | None,
    learnt: Mapping[str, bool],
) -> Run:
    """Read the data set; `exact` and `learnt` are those of `open_splits`."""
    from detector.data.class_choice import choose
    from detector.data.findings import count_by_kind, counted, is_error
    from detector.data.open import open_dataset
    from detector.data.splitting.split_record import placed
    from training.doctor.whole_checks import check_whole
    from training.run.negatives import with_negatives
    from training.run.run import Run
    from training.run.splits import open_splits, to_overfit, train_val
    from training.run.tiled import in_tiles

    images = Path(settings.images) if settings.images else None
    source = open_dataset(settings.data, images, voc_origin=settings.voc_origin)
    whole = choose(open_splits(source, exact, learnt), settings.class_choice)
    training, validation = whole.split("train"), whole.split("val")
    for note in training.notes:
        print(f"note: {note}")
    for finding in filter(is_error, check_whole(whole)):
        print(f"ERROR: {finding}")
    if whole.findings:
        print(f"{len(whole.findings)} findings ({command_name('training.check')}), such as:")
        print(f"  {whole.findings[0]}")
    if gone := count_by_kind(whole.findings).get("missing-picture"):
        print(f"{counted(gone, 'image')} missing, and left out of training and validation")
    training, validation = train_val(training, validation)
    if settings.negatives:
        sides = placed(exact) if exact else learnt
        more = Path(settings.negatives)
        training, validation, notes = with_negatives(training, validation, more, sides)
        for note in notes:
            print(f"note: {note}")
    if settings.slice:
        training, validation, settings = in_tiles(training, validation, settings, config, print)
    if settings.overfit:
        training, validation = to_overfit(training, settings.overfit)
    return Run(folder, config, settings, training, validation)


def _say(result: Result, output: object, data: str) -> None:
    if result.failed:
        print(f"{result.failed} images could not be read", file=sys.stderr)
    if result.paused:
        print(
            f"stopped by {result.paused}; the state is saved. To go on: "
            f"{command_name('training.train')} --output {output} --resume"
        )
    else:
        print(f"saved {output}/best: AP {result.best_ap:.4f} on {data}")
        print(f"report: {output}/report.html")


if __name__ == "__main__":
    sys.exit(run(main))
