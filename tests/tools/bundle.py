"""Pack a trained detector small enough to ship: weights in float16, and eight bits for the CPU."""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configs.errors import UserError
from detector.command import EXIT_OK, CommandParser, path, run, run_child

if TYPE_CHECKING:
    import h5py

_WEIGHTS = "model.weights.h5"  # within the archive that Keras writes
_EXAMPLES = """examples:
  python -m tests.tools.bundle my_run/best --calibrate my_data:train --data my_data:test \\
    --output packed

The folder gets model.keras with its weights in float16 (they are float32 again once loaded),
model_int8.tflite, and detector.json with the AP of both on --data.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    from detector import artefact
    from detector.data.open import open_dataset
    from detector.files import check_folder

    if not (args.model / artefact.NETWORK).is_file():
        raise UserError(f"{args.model} holds no {artefact.NETWORK}; name the best of a run")
    if args.output.resolve() == args.model.resolve():
        raise UserError(f"{args.model} would lose its float32 weights; name another --output")
    check_folder(args.output)
    for data in (args.calibrate, args.data):
        open_dataset(data)  # raises where there is none
    if args.dry_run:
        print(f"would pack {args.model} into {args.output}, calibrated on {args.calibrate}")
        return EXIT_OK
    _export(args)
    halve(args.model / artefact.NETWORK, args.output / artefact.NETWORK)
    note_digest(args.output)
    ap = _record(args)
    total = sum(file.stat().st_size for file in args.output.iterdir())
    print(f"saved {args.output}: {total / 1e6:.2f} MB; in float16, AP {ap:.4f} on {args.data}")
    return EXIT_OK


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser("tests.tools.bundle", "Pack a trained detector for shipping.", _EXAMPLES)
    add = parser.add_argument
    add("model", type=path, metavar="MODEL", help="model folder with its Keras network")
    add("--calibrate", required=True, metavar="DATA", help="images that settle eight bits")
    add("--data", required=True, metavar="DATA", help="to measure AP on")
    add("--licence", metavar="TEXT", help="for its description")
    add("--source", metavar="TEXT", help="where it comes from, likewise")
    add("--output", type=path, required=True, metavar="FOLDER")
    parser.add_dry_run()
    return parser.parse_args(argv)


def _export(args: argparse.Namespace) -> None:
    """By its command, so that the export is the one that everybody gets."""
    command = ["detector.export", str(args.model), "--to", "tflite-int8"]
    command += ["--calibrate", args.calibrate, "--data", args.data, "--output", str(args.output)]
    if run_child(command):
        raise UserError("the export failed, as said above")


def halve(source: Path, target: Path) -> None:
    """Copy a `.keras` file with its weights in float16; Keras loads them as float32.

    Args:
        source: the file.
        target: the copy.

    Raises:
        UserError: the file is damaged, a weight is too large for float16, or the copy cannot be
            written.
    """
    from detector.files import atomic_path

    try:
        with (
            atomic_path(target) as temporary,
            zipfile.ZipFile(source) as old,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as new,
        ):
            for name in old.namelist():
                data = old.read(name)
                new.writestr(name, _halved(data) if name == _WEIGHTS else data)
    except zipfile.BadZipFile as error:
        raise UserError(f"cannot read {source}: damaged or not a Keras model") from error


def _halved(weights: bytes) -> bytes:
    import h5py

    copy = io.BytesIO()
    with h5py.File(io.BytesIO(weights)) as old, h5py.File(copy, "w") as new:
        new.attrs.update(old.attrs)
        old.visititems(lambda place, node: _copy(place, node, new))
    return copy.getvalue()


def _copy(place: str, node: Any, target: h5py.File) -> None:
    import h5py
    import numpy as np

    if isinstance(node, h5py.Dataset):
        values = node[()]
        if values.dtype == np.float32:
            if np.abs(values).max(initial=0) > np.finfo("f2").max:
                raise UserError(f"{place} has a weight that is too large for float16")
            values = values.astype("f2")
        made: Any = target.create_dataset(place, data=values)
    else:
        made = target.require_group(place)
    made.attrs.update(node.attrs)


def note_digest(folder: Path) -> None:
    """Put the digest of the packed network into the description."""
    from detector import artefact
    from detector.digests import digest_of
    from detector.files import write_text

    spec = artefact.read_spec(folder)
    digests = {**spec.digests, artefact.NETWORK: digest_of(folder / artefact.NETWORK)}
    text = spec.model_copy(update={"digests": digests}).model_dump_json(indent=1)
    write_text(folder / artefact.DESCRIPTION, text)


def _record(args: argparse.Namespace) -> float:
    """Measure the Keras network as packed, and put that into the description; gives its AP."""
    from detector import artefact
    from detector.files import write_text
    from eval.scoring.evaluator import evaluate
    from eval.scoring.inference import score

    figures = evaluate(score(str(args.output), args.data, runtime="keras")).figures
    spec = artefact.read_spec(args.output)
    known = {
        "name": args.output.absolute().name,
        "licence": args.licence or spec.licence,
        "source": args.source or spec.source,
        "metrics": {name: round(figures[name], 4) for name in ("AP", "AP50")},
    }
    text = spec.model_copy(update=known).model_dump_json(indent=1)
    write_text(args.output / artefact.DESCRIPTION, text)
    return figures["AP"]


if __name__ == "__main__":
    sys.exit(run(main))
