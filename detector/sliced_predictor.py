"""A predictor that looks at an image in tiles: small objects of large images are found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Self

import numpy as np

from detector.postprocess import FractionDetections, across_classes
from detector.predictor import Predictor
from detector.preprocess import to_source_pixels
from detector.slicing.merging import TileDetections, merge
from detector.slicing.tiles import make_tiles
from detector.slicing.tiling import Asked, Tiling, choose_tiling
from detector.types import Detections

BATCH = 8
"""Tiles that go through the runtime at once, so that memory does not grow with the image."""

_MOST = 10  # times `max_detections` are merged, the best: time stays linear in the tiles


class SlicedPredictor(Predictor):
    """Detects in the tiles of an image, and once in the whole, which shows what no tile does.

    An image of one tile is detected in as ever. Otherwise it is called as a `Predictor`, and has
    its attributes; `stage_ms` are sums over the tiles; merging counts as part of
    NMS.

    Attributes:
        tiling: how images are cut, never None.
        on_tiles: told of each batch how many of an image's tiles there were in it; does nothing
            unless set.
    """

    tiling: Tiling  # pyright: ignore[reportIncompatibleVariableOverride]
    on_tiles: Callable[[int], object]

    @classmethod
    def of(cls, predictor: Predictor, asked: Asked) -> Self:
        """The same model, on tiles of `asked` px or of its own choice."""
        sliced = cls(predictor._runtime, predictor.spec, predictor.thresholds, predictor.file)
        sliced.why, sliced.tiling = predictor.why, choose_tiling(asked, predictor.spec)
        sliced.on_tiles = lambda _: None
        return sliced

    def __call__(self, image: np.ndarray) -> Detections:
        """As `Predictor`.

        Raises:
            UserError: a tile is larger than the image, where its size was asked for.
            ValueError: as `Predictor`.
        """
        if image.ndim != 3:
            return super().__call__(image)  # raises, with the reason
        height, width = image.shape[:2]
        self.tiling.require_fits("an image", height, width)
        tiles = make_tiles(height, width, self.tiling.size, self.tiling.overlap)
        if len(tiles) == 1:
            detections = super().__call__(image)
            self.on_tiles(1)
            return detections
        (whole,) = self._find([image])
        totals = dict(self.stage_ms)
        found: list[FractionDetections] = []
        for start in range(0, len(tiles), BATCH):
            batch = tiles[start : start + BATCH]
            found += self._find([image[y1:y2, x1:x2] for x1, y1, x2, y2 in batch.tolist()])
            totals = {stage: totals[stage] + ms for stage, ms in self.stage_ms.items()}
            self.on_tiles(len(batch))
        begun = time.perf_counter()
        merged = self._merged(found, tiles, whole, height, width)
        boxes = to_source_pixels(merged.boxes_fraction, height, width)
        totals["nms"] += 1000 * (time.perf_counter() - begun)
        self.stage_ms = totals
        return Detections(boxes, merged.scores, merged.labels)

    def _merged(
        self,
        found: Sequence[FractionDetections],
        tiles: np.ndarray,
        whole: FractionDetections,
        height: int,
        width: int,
    ) -> FractionDetections:
        """Of an image of that size, what was found in its tiles and in the whole of it."""
        sides = np.array([width, height] * 2, np.float32)
        corners, extents = tiles[:, [0, 1, 0, 1]], (tiles[:, 2:] - tiles[:, :2])[:, [0, 1, 0, 1]]
        boxes = [
            (one.boxes_fraction * extent + corner) / sides
            for one, corner, extent in zip(found, corners, extents, strict=True)
        ]
        counts = [len(one.scores) for one in found]
        parts = TileDetections(
            FractionDetections(
                np.concatenate(boxes).astype(np.float32),
                np.concatenate([one.scores for one in found]),
                np.concatenate([one.labels for one in found]),
            ),
            np.repeat((tiles / sides).astype(np.float32), counts, axis=0),
        )
        best = np.argsort(-parts.found.scores, kind="stable")
        parts = parts.pick(best[: _MOST * self.thresholds.max_detections])
        # What is smaller is whole in a tile, where it is seen better.
        extent = (whole.boxes_fraction[:, 2:] - whole.boxes_fraction[:, :2]) * sides[:2]
        longest = np.max(extent, axis=1)
        is_large = longest > self.tiling.overlap * self.tiling.size
        coarse = FractionDetections(*(values[is_large] for values in whole))
        return merge(parts, coarse, self._postprocess.suppress, across_classes(self.thresholds))
