"""The folder of a run: what it holds, and whether it is the run that is to be resumed."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config

from configs.errors import UserError
from configs.load import dump_config, first_error, load_config
from configs.schema import Config
from detector.artefact import is_artefact
from detector.classes import ClassChoice
from detector.data.class_choice import class_choice
from detector.data.splitting.split_record import placed, read_record
from detector.files import check_folder, explained, make_folder, write_text
from detector.slicing.tiling import LEAST_SIZE

if TYPE_CHECKING:
    from training.run.state import State

ARTEFACTS = ("best", "last")
_CONFIG, _SETTINGS, _RESULT = "config.yaml", "run.json", "result.json"


_Side = Annotated[float, Field(gt=0, le=1)]
_Shape = tuple[_Side, _Side]


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True)
class RunSettings:
    """What a run was made of, beside its configuration; the content of `run.json`.

    Attributes:
        data: as given.
        images: of a COCO JSON, as given.
        start: initial weights.
        overfit: images to overfit; None for training proper.
        seconds: after which it is to end; None for all epochs.
        epochs: planned; fewer than the configuration's where `seconds` do not allow more.
        fingerprint: of the names, sizes, boxes and labels of its images.
        finest: shapes of the finest anchors where they were fitted to the data (`fit_anchors`).
        voc_origin: what VOC's corners count from, as given; None where the files show it.
        classes: names of the classes trained on; None for all.
        merge: names of classes that are taken for one, by its name; None without.
        negatives: folder of images without objects, as given; None without.
        begun_in: the current folder when `data` and `images` were given, absolute.
        run_folder: where the run's folder was then, absolute.
        slice: the side of the tiles that images are cut into, px, or "auto" until the data are
            read; None for whole images.
        more_from: the epoch from which on `--more` trains a complete run; 0 before.
    """

    data: str
    images: str | None
    start: str
    overfit: Annotated[int, Field(ge=1)] | None
    seconds: Annotated[float, Field(gt=0)] | None
    epochs: Annotated[int, Field(ge=1, le=10**7)]
    fingerprint: str = ""
    finest: tuple[_Shape, _Shape, _Shape] | None = None
    voc_origin: Literal[0, 1] | None = None
    classes: Sequence[str] | None = None
    merge: Mapping[str, Sequence[str]] | None = None
    negatives: str | None = None
    begun_in: str | None = None
    run_folder: str | None = None
    slice: Annotated[int, Field(ge=LEAST_SIZE)] | Literal["auto"] | None = None
    more_from: Annotated[int, Field(ge=0)] = 0

    @property
    def tile(self) -> int | None:
        """`slice` once the data are read."""
        return self.slice if isinstance(self.slice, int) else None

    @property
    def class_choice(self) -> ClassChoice:
        """Of `classes` and `merge`, for the data set."""
        return class_choice(self.classes, (self.merge or {}).items())


@with_config(ConfigDict(extra="forbid", strict=True, allow_inf_nan=False))
@dataclass(frozen=True)
class RunResult:
    """What came of a run; the content of `result.json`.

    Attributes:
        AP: of its best model on the validation split, 0 ... 1.
        epochs: completed.
        seconds: trained.
    """

    AP: Annotated[float, Field(ge=-1, le=1)]
    epochs: Annotated[int, Field(ge=0, le=10**7)]
    seconds: float


_SETTINGS_FORM, _RESULT_FORM = TypeAdapter(RunSettings), TypeAdapter(RunResult)
T = TypeVar("T")


class RunFolder:
    """Names of the files of a run.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.in_use = path / ".running"  # what the lock's files are called, but for their suffixes
        self.config = path / _CONFIG
        self.state = path / "state.npz"
        self.splits = path / "splits.json"
        self.log = path / "log.csv"
        self.board = path / "tensorboard"
        self.failure = path / "failure.json"
        self.report = path / "report.html"

    def require_new(self) -> None:
        """Show that nothing would be overwritten.

        Raises:
            UserError: the folder holds something, or cannot be made.
        """
        path = self.path
        check_folder(path)
        if (path / _SETTINGS).is_file():
            raise UserError(f"{path} holds a run already; add --resume, or name a new folder")
        if path.exists() and any(self.in_use.name != one.stem for one in path.iterdir()):
            raise UserError(f"{path} holds something already; name a new folder for this run")

    def create(self, config: Config, settings: RunSettings, environment: dict[str, Any]) -> None:
        """Make the folder, with what is known before training.

        Raises:
            UserError: it cannot be written.
        """
        make_folder(self.path)
        write_text(self.config, dump_config(config))
        write_text(self.path / "environment.json", json.dumps(environment, indent=1))
        self.write(settings)

    def write(self, settings: RunSettings) -> None:
        """Write what the run is made of.

        Raises:
            UserError: it cannot be written.
        """
        write_text(self.path / _SETTINGS, json.dumps(asdict(settings), indent=1))

    def require_run(self) -> None:
        """Show that there is a run.

        Raises:
            UserError: there is none.
        """
        if not (self.path / _SETTINGS).is_file():
            raise UserError(
                f"{self.path} holds no run to resume ({_SETTINGS}); leave --resume out to begin one"
            )

    def read(self) -> tuple[Config, RunSettings]:
        """What the run was begun with.

        Raises:
            UserError: it is no run, or a file is damaged.
        """
        self.require_run()
        settings = _read(self.path / _SETTINGS, _SETTINGS_FORM)
        return load_config(self.config), settings

    def result(self) -> RunResult:
        """What came of a run that is complete.

        Raises:
            UserError: its file is damaged.
        """
        return _read(self.path / _RESULT, _RESULT_FORM)

    def go_on(self, settings: RunSettings) -> None:
        """Let a complete run be one that is not, with other settings.

        Killed in between, it is an incomplete run with nothing left to do.

        Raises:
            UserError: a file cannot be changed.
        """
        with explained(self.path / _RESULT, "remove"):
            (self.path / _RESULT).unlink(missing_ok=True)
        self.write(settings)

    def clean(self) -> None:
        """Remove what a killed process left half-done."""
        for file in self.path.glob(".*.part*"):
            file.unlink(missing_ok=True)
        for name in ARTEFACTS:
            for folder in self.path.glob(f".{name}.*/"):
                for half in (folder / "new", folder / "old"):  # killed between two renamings
                    if (
                        (folder / "old").exists()
                        and half.exists()
                        and not (self.path / name).exists()
                    ):
                        half.rename(self.path / name)
                shutil.rmtree(folder, ignore_errors=True)

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return (self.path / _RESULT).is_file()

    @property
    def as_start(self) -> str:
        """How another run can begin with what this one has learnt; "" where it kept nothing."""
        return f" with --start {self.path}" if (self.path / "best").is_dir() else ""

    def finish(self, state: State) -> None:
        """Note the result; the state stays, for the run may go on (`go_on`).

        Raises:
            UserError: the file cannot be written.
        """
        result = RunResult(state.best, state.epoch, round(state.seconds, 1))
        write_text(self.path / _RESULT, json.dumps(asdict(result), indent=1))

    def write_log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write `log.csv`, a row per epoch.

        Raises:
            UserError: it cannot be written.
        """
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_text(self.log, text.getvalue())


def _read(path: Path, form: TypeAdapter[T]) -> T:
    try:
        with explained(path, "read"):
            return form.validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"cannot read {path}: damaged ({first_error(error)})") from error


def learnt_by(start: str) -> dict[str, bool]:
    """The images of a run that another starts from, by name: whether it validated by them.

    Empty for weights of another kind, and of a run that kept no record.

    Raises:
        UserError: the record is damaged.
    """
    place = Path(start)
    try:
        is_run, is_model = is_artefact(place / "best"), is_artefact(place)
    except OSError:  # a name too long for the file system
        return {}
    run = place if is_run else place.absolute().parent if is_model else None
    record = read_record(RunFolder(run).splits) if run else None
    return placed(record) if record else {}


def with_finest(config: Config, finest: Sequence[Sequence[float]] | None) -> Config:
    """A configuration with other shapes of the finest anchors; None changes nothing."""
    if finest is None:
        return config
    values = config.model_dump()
    values["model"]["anchors"]["finest"] = finest
    return Config.model_validate(values)


def with_more(settings: RunSettings, folder: RunFolder, epochs: int) -> RunSettings:
    """The settings of a complete run that is to be trained for more epochs.

    Raises:
        UserError: it is not complete, or kept nothing to go on from.
    """
    if not folder.is_complete:
        raise UserError(f"{folder.path} is not complete yet; go on with --resume before --more")
    if not folder.state.is_file():
        raise UserError(
            f"{folder.path} holds no {folder.state.name}, which a run of an earlier version did "
            f"not keep; begin another run{folder.as_start}"
        )
    done = folder.result().epochs
    return replace(settings, epochs=done + epochs, more_from=done, seconds=None)
