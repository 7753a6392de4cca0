"""What each change of how `ssdlite_plus` learns gives, in short runs of the command itself.

    python -m tests.bench.bench_learning --start WEIGHTS --output DIR DATA [DATA ...]
        [--seeds 3] [--only NAME,NAME] [--set K=V ...]

Each run is of the recipe `finetune` with one thing changed, and its figure the AP on the data
set's val after the last epoch, so that none is chosen by it. A run that is complete in DIR is read
and not trained again, one that was stopped goes on, so that hours of them can be had in pieces;
`--show` only reads. Runs of another `--set` belong in another DIR.
"""

import argparse
import csv
import subprocess
import sys
from pathlib import Path

import numpy as np

_SHORT = ("model.input_size=300", "train.epochs=15", "train.evaluate_every=15")
CHANGES = {
    "ssdlite": ("model.head=ssdlite",),
    "as it is": (),
    "matcher iou, with ssdlite's losses": ("loss.matcher=iou",),
    "matcher atss": ("loss.matcher=atss",),
    "matcher simota": ("loss.matcher=simota",),
    "quality_focal": ("loss.classification=quality_focal",),
    "smooth_l1": ("loss.box=smooth_l1",),
    "boxes count more": ("loss.box_weight=5",),
    "three sizes": ("train.input_sizes=[256,300,352]",),
    "mosaic": ("augment.mosaic_probability=0.5", "augment.mosaic_until=0.7"),
    "rare classes more often": ("loader.repeat_threshold=1.0",),
    "slow backbone": ("train.backbone_rate=0.2",),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--start", required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--show", action="store_true")
    args = parser.parse_args()
    names = args.only.split(",") if args.only else list(CHANGES)
    for seed in range(args.seeds):
        for name in names:
            for data in args.data:
                run = _folder(args.output, data, name, seed)
                if not args.show and not (run / "result.json").exists():
                    changed = (*_SHORT, *args.set, *CHANGES[name], f"seed={seed}")
                    _train(run, data, args.start, changed)
    print("| | " + " | ".join(Path(data).name for data in args.data) + " |")
    print("|---" * (1 + len(args.data)) + "|")
    for name in names:
        cells = [_cell(args.output, data, name, args.seeds) for data in args.data]
        print(f"| {name} | {' | '.join(cells)} |")


def _folder(output: Path, data: str, name: str, seed: int) -> Path:
    return output / f"{Path(data).name}-{name.replace(' ', '_')}-{seed}"


def _train(run: Path, data: str, start: str, changed: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "training.train", "--output", str(run)]
    if (run / "state.npz").exists():
        command.append("--resume")
    else:
        command += ["--data", data, "--start", start]
        command += [word for one in changed for word in ("--set", one)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _cell(output: Path, data: str, name: str, seeds: int) -> str:
    """The mean over the seeds that there are, and each."""
    values = []
    for seed in range(seeds):
        run = _folder(output, data, name, seed)
        if (run / "result.json").exists():
            with (run / "log.csv").open(newline="") as file:
                values.append(float(list(csv.DictReader(file))[-1]["AP"]))
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else ""
    return f"{np.mean(values):.3f} ({', '.join(f'{value:.3f}' for value in values)})"


if __name__ == "__main__":
    main()
