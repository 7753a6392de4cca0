"""Exports a detector to each format, and checks the parity of each with the Keras network."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from configs.errors import UserError
from detector.artefact import DESCRIPTION, FILES, NMS_FILES, SAVED_MODEL, DetectorSpec, Export
from detector.command import child_command
from detector.exporting import converters, nms_check
from detector.exporting.frozen_graph import (
    SavedModelRuntime,
    folded_network,
    raw_function,
    write_saved_model,
)
from detector.exporting.int8 import LayerError, Quantizer, correct_biases
from detector.exporting.metadata import with_metadata
from detector.exporting.parity import LIMITS, Parity, compare, objections
from detector.files import explained
from detector.runtimes import Runtime, open_runtime
from detector.runtimes.keras_model import KerasRuntime

if TYPE_CHECKING:
    import keras

INT8 = "tflite-int8"
_WORST_LAYERS = 6  # that a remedy computes in float32; more, and the model is hardly int8
_BIAS_IMAGES = 50  # for the mean inputs of the layers

Tell = Callable[[str], None]


@dataclass(frozen=True)
class ExportJob:
    """A detector to export, and what it is compared on.

    Attributes:
        model: as the user named it.
        network: in Keras.
        spec: describes it.
        calibration: images, uint8 `(S, S, 3)`, for eight bits; none where none are wanted.
        comparison: likewise, to compare on.
        data: to measure mAP on; None for no mAP.
        images: images of a COCO JSON.
        voc_origin: what VOC's corners count from; None where the files show it.
        batch: of the graphs; None leaves it free.
    """

    model: str
    network: keras.Model
    spec: DetectorSpec
    calibration: Sequence[np.ndarray]
    comparison: Sequence[np.ndarray]
    data: str | None = None
    images: Path | None = None
    voc_origin: int | None = None
    batch: int | None = 1


@dataclass(frozen=True)
class Outcome:
    """What came of one export.

    Attributes:
        format: of `artefact.EXPORTS`.
        files: written, by name, below the folder given.
        parity: with the original.
        operations: in the graph.
        objections: why it is not to be relied on; none if it may be.
        notes: what was done to it, and which layers lose most.
        nms_file: the form with post-processing inside, where it was written.
        nms_objection: why that one is not to be relied on; "" if it may be.
    """

    format: str
    files: tuple[str, ...]
    parity: Parity
    operations: int
    objections: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    nms_file: str = ""
    nms_objection: str = ""

    def noting(self, note: str) -> Outcome:
        """The same with one more note."""
        return replace(self, notes=(*self.notes, note))

    def as_record(self, with_nms: bool = False) -> Export:
        """For `detector.json`; `with_nms` tells whether `nms_file` is kept too."""
        known = {name: one for name, one in vars(self.parity).items() if name != "detections"}
        lossy_nms = with_nms and bool(self.nms_objection)
        losses = {"accepted_loss": bool(self.objections), "accepted_nms_loss": lossy_nms}
        return Export(operations=self.operations, **losses, **known)


class _Attempt(NamedTuple):
    """A way to an eight-bit model.

    Attributes:
        what: in words.
        network: without batch norm, from which it is made.
        quantizer: of that network.
        in_float: tensors that stay in float32.
    """

    what: str
    network: keras.Model
    quantizer: Quantizer
    in_float: tuple[str, ...] = ()


class Exporter:
    """Exports one detector.

    Args:
        job: the detector, and what it is compared on.
        with_nms: also write the forms with post-processing inside.
        tell: takes a line for the user.
    """

    def __init__(self, job: ExportJob, with_nms: bool, tell: Tell) -> None:
        self._job, self._with_nms, self._tell = job, with_nms, tell
        self._original: Runtime = KerasRuntime(job.network)
        self._folded = folded_network(job.network, job.spec)

    def export(self, name: str, folder: Path) -> Outcome:
        """Write one format.

        Args:
            name: of `artefact.EXPORTS`.
            folder: gets its files, also where there are objections.

        Raises:
            UserError: a library is not installed, the folder cannot be written to, or mAP cannot
                be measured.
        """
        with explained(folder):
            if name == INT8:
                return self._export_int8(folder)
            self._write(name, folder)
            return self._with_post_processing(self._judge(name, folder), folder, self._folded)

    def _write(self, name: str, folder: Path) -> None:
        function = raw_function(self._folded, batch=self._job.batch)
        if name == SAVED_MODEL:
            with converters.quiet():
                write_saved_model(function, folder / SAVED_MODEL)
        elif name == "onnx":
            (folder / FILES[name]).write_bytes(converters.to_onnx(function).SerializeToString())
        elif name == "openvino":
            converters.write_openvino(function, folder / FILES[name])
        else:
            model = converters.to_tflite(function, half=name == "tflite-f16")
            (folder / FILES[name]).write_bytes(with_metadata(model, self._job.spec))

    def _judge(self, name: str, folder: Path) -> Outcome:
        """Compare what was written with the original."""
        job, written = self._job, sorted(one.name for one in folder.iterdir())
        file = folder / FILES.get(name, SAVED_MODEL)
        (folder / DESCRIPTION).write_text(job.spec.model_dump_json(), encoding="utf-8")
        runtime: Runtime = (
            SavedModelRuntime(file) if name == SAVED_MODEL else open_runtime(file, job.spec)
        )
        parity = compare(self._original, runtime, job.spec, job.comparison)
        if job.data and name != SAVED_MODEL:  # which nothing here runs over a data set
            parity = replace(parity, ap=(self._original_ap, self._ap(str(file))))
        (folder / DESCRIPTION).unlink()
        over = objections(parity, LIMITS[name])
        return Outcome(name, tuple(written), parity, converters.count_operations(file), tuple(over))

    @cached_property
    def _original_ap(self) -> float:
        self._tell(f"measuring mAP of the original on {self._job.data}")
        folder = Path(self._job.model)
        return self._ap(self._job.model, *(["--runtime", "keras"] if folder.is_dir() else []))

    def _ap(self, model: str, *more: str) -> float:
        """By the command of another room, which this one does not import."""
        images = ["--images", str(self._job.images)] if self._job.images else []
        if self._job.voc_origin is not None:
            images += ["--voc-origin", str(self._job.voc_origin)]
        with tempfile.TemporaryDirectory() as scratch:
            figures = Path(scratch) / "figures.json"
            command = child_command("eval.coco", model, str(self._job.data))
            command += ["--backend", "fast", "--json", str(figures), *images, *more]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                said = done.stderr.strip().splitlines() or ["eval.coco failed"]
                raise UserError(f"cannot measure mAP: {said[-1].removeprefix('error: ')}")
            return float(json.loads(figures.read_text(encoding="utf-8"))["AP"])

    def _with_post_processing(
        self, outcome: Outcome, folder: Path, network: keras.Model, objection: str = ""
    ) -> Outcome:
        """Write the form with NMS inside too, where it is wanted and the format has one.

        Args:
            outcome: of the format.
            folder: holds its file.
            network: from which that was made.
            objection: how the form differs from it in any case, in words.
        """
        name, job, file = outcome.format, self._job, NMS_FILES.get(outcome.format)
        if not self._with_nms:
            return outcome
        if not file:
            return outcome.noting(f"{name} has no form with post-processing inside")
        nms_check.write_nms_form(name, folder, network, job.spec, job.calibration)
        raw = open_runtime(folder / FILES[name], job.spec)
        share = nms_check.matched_share(folder / file, raw, job.spec, job.comparison)
        reasons = [objection] if objection else []
        if share is not None:
            said = f"{share:.1%} of the detections match those of the graph without"
            if share < nms_check.LEAST_SHARE:
                reasons.append(f"{said} (limit {nms_check.LEAST_SHARE:.0%})")
            else:
                outcome = outcome.noting(f"{file}: {said}")
        return replace(outcome, nms_file=file, nms_objection="; ".join(reasons))

    def _export_int8(self, folder: Path) -> Outcome:
        """As it is, and where that loses too much, with the first remedy that helps enough.

        Where none does, the best of them.
        """
        file = folder / FILES[INT8]
        made: list[tuple[_Attempt, Outcome, bytes]] = []
        for attempt in self._attempts():
            model = with_metadata(attempt.quantizer.model(attempt.in_float), self._job.spec)
            file.write_bytes(model)
            made.append((attempt, self._judge(INT8, folder), model))
            if not made[-1][1].objections:
                break
        attempt, outcome, model = max(made, key=lambda one: _merit(one[1]))
        file.write_bytes(model)
        outcome = outcome.noting(_about_errors(made[0][0].quantizer.errors()))
        for tried, found, _ in made if len(made) > 1 else ():
            outcome = outcome.noting(f"{tried.what}: {'; '.join(found.objections) or 'kept'}")
        kept = "it cannot keep layers in float32, and has all in eight bits"
        objection = kept if attempt.in_float else ""
        return self._with_post_processing(outcome, folder, attempt.network, objection)

    def _attempts(self) -> Iterator[_Attempt]:
        """What may be tried in turn; each is made only if it is asked for."""
        job = self._job
        network = folded_network(job.network, job.spec)
        correct_biases(network, job.calibration[:_BIAS_IMAGES])
        quantizer = Quantizer(raw_function(network, "float32", job.batch), job.calibration, network)
        plain = _Attempt("as it is", network, quantizer)
        yield plain
        errors = quantizer.errors()
        worst = errors[:_WORST_LAYERS]
        rest = [one for one in errors[_WORST_LAYERS:] if one.layer.startswith("head_")]
        names = ", ".join(one.layer for one in worst)
        for what, layers in (
            (f"{names} in float32", worst),
            ("these and all heads in float32", [*worst, *rest]),
        ):
            yield plain._replace(what=what, in_float=tuple(one.tensor for one in layers))


def _about_errors(errors: Sequence[LayerError]) -> str:
    shown = ", ".join(f"{one.layer} {one.error:.2f}" for one in errors[:5])
    return f"layers that lose most, in steps of their scale (0.29 is rounding alone): {shown}"


def _merit(outcome: Outcome) -> tuple[bool, float]:
    """For the best of several."""
    parity = outcome.parity
    measured = parity.ap[1] if parity.ap else parity.matched
    return not outcome.objections, -parity.class_logits.mean if measured is None else measured
