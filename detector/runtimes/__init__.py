"""What runs a network: one small adapter per engine behind one protocol."""

from typing import Protocol

import numpy as np


class Runtime(Protocol):
    """Runs a network on raw pixels."""

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw outputs.

        Args:
            images: uint8 `(B, S, S, 3)`, RGB, already resized.

        Returns:
            `box_deltas` float32 `(B, A, 4)` and `class_logits` float32 `(B, A, C + 1)`.
        """
        ...
