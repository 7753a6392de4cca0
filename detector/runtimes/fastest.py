"""Which of a model's formats is the fastest on this machine: measured, not guessed.

Formats take turns, so that a machine that slows down slows all of them. The answer is kept, by
machine and model, so that only the first start pays for it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from configs.errors import UserError
from detector import artefact
from detector.files import write_text
from detector.hardware import describe_machine
from detector.runtimes import Runtime, open_runtime
from detector.runtimes.graph import EngineOptions
from detector.weights.download import cache_folder

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec

_SECONDS = 1.0  # of measuring, for all formats together
_TURN = 6  # calls; several, as the threads of the engine before still spin during the first,
_WARM_UP = 2  # which do not count
_LEAST_TURNS = 2


class Choice(NamedTuple):
    """A format and the reason.

    Attributes:
        format: of `artefact.FILES`.
        why: in words; "" where there was no choice.
    """

    format: str
    why: str


def choose(folder: Path, spec: DetectorSpec, options: EngineOptions) -> Choice:
    """The format that runs fastest here.

    Keras takes no part where another format runs: starting it takes longer than all
    measurements, and no engine was ever slower. Neither do formats that were accepted in spite of
    a loss, unless there is nothing else, nor those whose engine is not installed.

    Args:
        folder: of the model.
        spec: describes it.
        options: of the engines.

    Raises:
        UserError: the folder holds no network that can run here.
    """
    present = [name for name in artefact.formats(folder) if name != "keras"]
    able = [name for name in present if not _is_lossy(spec, name)] or present
    if not able:
        return Choice("keras", "")
    store, key = cache_folder() / "fastest.json", _key(folder, able, options)
    known = _read(store)
    if _is_of(known.get(key), able):
        return _best(known[key], "")
    runtimes, refusals = _open(folder, able, spec, options)
    refused = "; ".join(dict.fromkeys(refusals))  # formats of one engine say the same
    if not runtimes:
        if (folder / artefact.NETWORK).is_file() and options == EngineOptions(options.threads):
            return Choice("keras", refused)
        raise UserError(refused)
    if len(runtimes) == 1:
        return Choice(next(iter(runtimes)), refused)
    times = measure(runtimes, spec.model.input_size)
    _keep(store, {**known, key: times})
    return _best(times, refused)


def _best(times: Mapping[str, float], refused: str) -> Choice:
    best, *others = sorted(times, key=lambda name: times[name])
    slower = ", ".join(f"{name} {times[name]:.1f}" for name in others)
    why = f"{times[best]:.1f} ms an image here" + (f" ({slower})" if slower else "")
    return Choice(best, f"{why}; {refused}" if refused else why)


def measure(
    runtimes: Mapping[str, Runtime], input_size: int, seconds: float = _SECONDS
) -> dict[str, float]:
    """Time networks in turns.

    Args:
        runtimes: by name; each has run once.
        input_size: S, px.
        seconds: for all together, unless two turns of each take longer.

    Returns:
        the median milliseconds of an image, by name.
    """
    image = np.random.default_rng(0).integers(0, 256, (1, input_size, input_size, 3), np.uint8)
    times: dict[str, list[float]] = {name: [] for name in runtimes}
    end = time.perf_counter() + seconds
    turns = 0
    while turns < _LEAST_TURNS or time.perf_counter() < end:
        for name, runtime in runtimes.items():
            times[name] += _turn(runtime, image)[_WARM_UP:]
        turns += 1
    return {name: round(float(np.median(taken)), 2) for name, taken in times.items()}


def _turn(runtime: Runtime, image: np.ndarray) -> list[float]:
    taken = []
    for _ in range(_TURN):
        begun = time.perf_counter()
        runtime.run(image)
        taken.append(1000 * (time.perf_counter() - begun))
    return taken


def _is_lossy(spec: DetectorSpec, name: str) -> bool:
    return name in spec.exports and spec.exports[name].accepted_loss


def _open(
    folder: Path, names: list[str], spec: DetectorSpec, options: EngineOptions
) -> tuple[dict[str, Runtime], list[str]]:
    """Those that can run here, and why the others cannot."""
    runtimes: dict[str, Runtime] = {}
    refusals = []
    for name in names:
        try:
            runtimes[name] = open_runtime(folder / artefact.FILES[name], spec, options)
        except UserError as error:
            refusals.append(str(error))
    return runtimes, refusals


def _key(folder: Path, names: list[str], options: EngineOptions) -> str:
    """Of machine, engines, model and options: changes where the answer may."""
    files = [(folder / artefact.FILES[name]).stat() for name in names]
    sizes = [(file.st_size, file.st_mtime_ns) for file in files]
    said = json.dumps([describe_machine(), str(folder.resolve()), names, sizes, str(options)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _read(store: Path) -> dict[str, Any]:
    try:
        known = json.loads(store.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _is_of(times: Any, names: list[str]) -> bool:
    """Whether these are times of some of the formats; a file may hold anything."""
    return (
        isinstance(times, dict)
        and bool(times)
        and set(times) <= set(names)
        and all(isinstance(one, float) and one > 0 for one in times.values())
    )


def _keep(store: Path, known: dict[str, Any]) -> None:
    try:
        write_text(store, json.dumps(known, indent=1))
    except UserError:  # a cache that cannot be written to costs a second at each start
        return
