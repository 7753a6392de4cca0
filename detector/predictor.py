"""An image in, detections out: the one path that training, evaluation and demo share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from configs.schema import PostprocessConfig
from detector.artefact import DetectorSpec
from detector.classes import ClassMap
from detector.models import open_model
from detector.postprocess import FractionDetections, Postprocessor
from detector.preprocess import resize, to_source_pixels
from detector.runtimes import Runtime
from detector.runtimes.graph import EngineOptions
from detector.slicing.tiling import Tiling
from detector.types import Detections

STAGES = ("resize", "run", "decode", "nms")
"""What a call is timed by; the way back to the pixels of the source counts as part of NMS."""


class Predictor:
    """Resizes, runs, decodes, suppresses, and returns to the pixels of the source.

    Example:
        >>> predictor = Predictor.load("coco")
        >>> predictor(rgb_image).boxes
        array([[12.1, 30.7, 211.8, 299.2]], dtype=float32)

    Args:
        runtime: runs the network.
        spec: describes it.
        postprocess: thresholds; the model's own by default.
        file: what the network was read from.

    Attributes:
        spec: as given.
        classes: the class map.
        name: of the model.
        runtime: name of the engine: "keras", "tflite", "onnx" or "openvino".
        why: that network, in words, where it was chosen for its speed; "" otherwise.
        file: what was read, where the predictor was loaded: the network's file, or the folder of
            a preset in the cache.
        thresholds: in force.
        tiling: how images are cut into tiles; None where they are looked at whole.
        stage_ms: duration of each stage of the last call: `resize`, `run`, `decode`, `nms`.
    """

    tiling: Tiling | None = None

    def __init__(
        self,
        runtime: Runtime,
        spec: DetectorSpec,
        postprocess: PostprocessConfig | None = None,
        file: Path | None = None,
    ) -> None:
        self.spec = spec
        self.classes: ClassMap = spec.classes
        self.name = spec.name
        self.runtime = runtime.name
        self.file = file
        self.why = ""
        self.thresholds = postprocess or spec.postprocess
        self.stage_ms: dict[str, float] = {}
        self._runtime = runtime
        self._postprocess = Postprocessor(spec.model, self.thresholds)

    @classmethod
    def load(
        cls,
        model: str,
        runtime: str | None = None,
        options: EngineOptions | None = None,
        **thresholds: float | None,
    ) -> Predictor:
        """Load a model by name or path.

        Args:
            model: a preset, an artefact folder, or a `.tflite`, `.onnx`, `.xml` or `.npz` file
                (`detector.models.open_model`).
            runtime: which of a folder's networks to take, by its format
                (`detector.artefact.FILES`), or "auto", the fastest here; Keras by default.
            options: of the engine.
            thresholds: of `configs.schema.PostprocessConfig`, where they differ from the model's
                own: `score_threshold`, `iou_threshold`, `max_detections`, `class_agnostic`. None
                means no change.

        Raises:
            UserError: the model cannot be loaded.
        """
        engine, spec, file, why = open_model(model, runtime, options)
        changes = {name: value for name, value in thresholds.items() if value is not None}
        postprocess = PostprocessConfig(**{**spec.postprocess.model_dump(), **changes})
        predictor = cls(engine, spec, postprocess, file)
        predictor.why = why
        return predictor

    def __call__(self, image: np.ndarray) -> Detections:
        """Detect in one image.

        Args:
            image: uint8 `(H, W, 3)`, RGB.

        Returns:
            detections in pixels of `image`, best first.

        Raises:
            ValueError: `image` is not such an array, or the network's outputs are not finite.
        """
        (found,) = self._find([image])
        begun = time.perf_counter()
        boxes = to_source_pixels(found.boxes_fraction, *image.shape[:2])
        self.stage_ms["nms"] += 1000 * (time.perf_counter() - begun)
        return Detections(boxes, found.scores, found.labels)

    def _find(self, images: Sequence[np.ndarray]) -> list[FractionDetections]:
        """What NMS leaves in each of some images, which go through the runtime at once."""
        times = [time.perf_counter()]
        resized = [resize(image, self.spec.model.input_size) for image in images]
        batch = resized[0][None] if len(resized) == 1 else np.stack(resized)
        times.append(time.perf_counter())
        outputs = self._runtime.run(batch)
        times.append(time.perf_counter())
        candidates = [self._postprocess.decode(*one) for one in zip(*outputs, strict=True)]
        times.append(time.perf_counter())
        found = [self._postprocess.suppress(one) for one in candidates]
        times.append(time.perf_counter())
        milliseconds = (1000 * np.diff(times)).tolist()
        self.stage_ms = dict(zip(STAGES, milliseconds, strict=True))
        return found
