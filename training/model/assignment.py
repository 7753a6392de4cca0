"""Targets of a batch: by SSD's matcher, or by an assigner that looks at what the network says."""

from __future__ import annotations

from typing import Any

import keras

from configs.schema import Config
from detector.anchors import model_anchors
from detector.box_coder import decode
from training.batches.targets import Targets, assign_targets, targets_of
from training.model.assigners import Assigner, Found, Objects
from training.model.keras_cv_parts import has_keras_cv, make_threshold_match

Tensor = Any
ops: Any = keras.ops  # Keras declares no return types


class TargetMaker:
    """Makes the targets of each batch, by the matcher of the configuration.

    Args:
        config: its `model` and `losses` count.
    """

    def __init__(self, config: Config) -> None:
        matcher, self._iou_threshold = config.losses.matcher, config.losses.iou_threshold
        self._anchors = ops.convert_to_tensor(model_anchors(config.model), "float32")
        self._variances = config.model.anchors.variances
        self._assigner = None if matcher == "iou" else Assigner(matcher, config.model)
        self._threshold_match = None
        if has_keras_cv():
            self._threshold_match = make_threshold_match(self._iou_threshold)

    def __call__(self, truth: dict[str, Tensor], outputs: dict[str, Tensor]) -> Targets:
        """The targets of a batch.

        Args:
            truth: of `training.model.trainer.as_tensors`.
            outputs: of the network; no gradient goes through what is made of them.
        """
        # Keras on PyTorch hands its loss what the batch holds, which is arrays
        boxes = ops.convert_to_tensor(truth["boxes_fraction"])
        labels = ops.convert_to_tensor(truth["labels"])
        is_ignored = ops.cast(truth["is_ignored"], "bool")
        if self._assigner:
            return self._assigned(self._assigner, boxes, labels, is_ignored, outputs)
        return assign_targets(
            boxes,
            labels,
            is_ignored,
            self._anchors,
            self._variances,
            self._iou_threshold,
            ops,
            self._threshold_match,
        )

    def _assigned(
        self,
        assigner: Assigner,
        boxes: Tensor,
        labels: Tensor,
        is_ignored: Tensor,
        outputs: dict[str, Tensor],
    ) -> Targets:
        deltas, logits = (
            ops.stop_gradient(ops.cast(outputs[name], "float32"))
            for name in ("box_deltas", "class_logits")
        )
        found = Found(
            decode(deltas, self._anchors, self._variances, ops), ops.sigmoid(logits[..., 1:])
        )
        valid = (labels >= 0) & ops.logical_not(is_ignored)
        rows, quality = assigner(Objects(boxes, labels, valid), found)
        covered = assigner.covered(boxes, is_ignored)
        targets = targets_of(rows, boxes, labels, covered, self._anchors, self._variances, ops)
        return targets._replace(quality=quality)
