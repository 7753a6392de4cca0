"""The arrays of a weights file, checked by name, shape and dtype as a network takes them."""

from collections.abc import Mapping, Sequence

import numpy as np

from configs.errors import UserError


class Variables:
    """The arrays of a weights file, handed out by name.

    Args:
        arrays: by the names of the file.
        origin: the file, for messages.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], origin: str) -> None:
        self._arrays = dict(arrays)
        self._origin = origin

    def take(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """One array as float32; it cannot be taken again.

        Raises:
            UserError: it is missing, was taken before, has another shape or is not finite.
        """
        if name not in self._arrays:
            raise UserError(f"{self._origin}: variable {name} is missing; is it the right model?")
        array = self._arrays.pop(name)
        if array.shape != tuple(shape):
            raise UserError(
                f"{self._origin}: variable {name} has shape {array.shape}, "
                f"this model needs {tuple(shape)}"
            )
        if not np.issubdtype(array.dtype, np.floating):
            raise UserError(f"{self._origin}: variable {name} is {array.dtype}, not a float array")
        if not np.isfinite(array).all():
            raise UserError(f"{self._origin}: variable {name} holds NaN or infinity; it is damaged")
        return array.astype(np.float32)

    def require_all_taken(self) -> None:
        """Show that nothing in the file was left over.

        Raises:
            UserError: a variable was never taken.
        """
        if self._arrays:
            first, *others = self._arrays
            more = f" and {len(others)} more" if others else ""
            raise UserError(f"{self._origin}: variable {first}{more} has no place in this model")
