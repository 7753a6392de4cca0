"""Exports with NMS inside the graph: written, and compared with `detector.postprocess`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detector.artefact import NMS_FILES, DetectorSpec
from detector.boxes import clip
from detector.exporting import converters
from detector.exporting.frozen_graph import raw_function
from detector.exporting.metadata import with_metadata
from detector.exporting.nms_onnx import add_nms
from detector.exporting.nms_tflite import complete, with_nms
from detector.exporting.parity import count_partners
from detector.postprocess import FractionDetections, Postprocessor
from detector.runtimes import Runtime, open_graph
from detector.runtimes.graph import Output

if TYPE_CHECKING:
    import keras

LEAST_SHARE = 0.9
"""Of detections that match: LiteRT's operation clips no boxes before it suppresses others."""


def write_nms_form(
    format_name: str,
    folder: Path,
    network: keras.Model,
    spec: DetectorSpec,
    calibration: Sequence[np.ndarray],
) -> None:
    """Write the file of `artefact.NMS_FILES`.

    Args:
        format_name: one that has such a form.
        folder: gets it.
        network: of `folded_network`.
        spec: describes it.
        calibration: images, uint8 `(S, S, 3)`, for eight bits.
    """
    target = folder / NMS_FILES[format_name]
    if target.suffix == ".onnx":
        raw_model = converters.to_onnx(raw_function(network))  # of one image, whatever was asked
        target.write_bytes(add_nms(raw_model, spec).SerializeToString())
        return
    is_int8 = format_name == "tflite-int8"
    raw = raw_function(network, "float32" if is_int8 else "uint8")
    model = converters.to_tflite(
        with_nms(raw, spec), calibration if is_int8 else (), half=format_name == "tflite-f16"
    )
    target.write_bytes(with_metadata(complete(model, spec), spec))


def matched_share(
    file: Path, raw: Runtime, spec: DetectorSpec, images: Sequence[np.ndarray]
) -> float | None:
    """The share of detections that match, as in `detector.exporting.parity`.

    Args:
        file: of a form with post-processing.
        raw: the same network without, whose outputs our own post-processing gets.
        spec: describes both; its voting is left out, as no such form has it.
        images: uint8 `(S, S, 3)`, RGB.

    Returns:
        0 ... 1; None where neither finds anything.
    """
    graph, read = open_graph(file), _READERS[file.suffix]
    thresholds = spec.postprocess.model_copy(update={"voting_iou": None})
    postprocess = Postprocessor(spec.model, thresholds)
    partners = found = 0
    for image in images:
        deltas, logits = raw.run(image[None])
        ours, theirs = postprocess(deltas[0], logits[0]), read(graph(image[None]))
        partners += 2 * count_partners(ours, theirs)
        found += len(ours.scores) + len(theirs.scores)
    return partners / found if found else None


def _read_tflite(outputs: list[Output]) -> FractionDetections:
    boxes, labels, scores, count = (output.values[0] for output in outputs)
    number = int(count)
    xyxy = clip(boxes[:number, [1, 0, 3, 2]], 1.0, 1.0)
    return FractionDetections(xyxy, scores[:number], labels[:number].astype(np.int64))


def _read_onnx(outputs: list[Output]) -> FractionDetections:
    by_name: dict[str, Any] = {output.names[0]: output.values for output in outputs}
    return FractionDetections(by_name["boxes"], by_name["scores"], by_name["labels"])


_READERS: dict[str, Callable[[list[Output]], FractionDetections]] = {
    ".tflite": _read_tflite,
    ".onnx": _read_onnx,
}
