"""How large the tiles of a model are, and why: as asked for, or as it was trained."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import TYPE_CHECKING, Literal, NamedTuple

from configs.errors import UserError

if TYPE_CHECKING:
    from detector.artefact import DetectorSpec

AUTO = "auto"
"""As a size: what fits the model."""

Asked = int | Literal["auto"]

LEAST_SIZE = 32
"""px; of a tile."""

_MOST_SIZE = 65_535  # likewise: the longest side of a JPEG
_OF_INPUT = 2  # tiles of a model that does not tell, in its input sizes: COCO's images to 300 px
_OVERLAP = (0.2, 0.5)  # least and most, of a tile's side
_DEFAULT_OVERLAP = 0.25
_ABOUT = (
    "look at large images in overlapping tiles of SIZE px, which finds small objects; auto: of the "
    "size that the model was trained on"
)
_BORDER = 0.06  # of a tile's side: what ends nearer to a border counts as cut, on either side


class Tiling(NamedTuple):
    """How images are cut.

    Attributes:
        size: of a tile, px.
        overlap: of neighbouring tiles, the least, as a share of their side.
        why: of the size, in words.
        is_asked: whether the size was asked for, so that no image may be smaller.
    """

    size: int
    overlap: float
    why: str
    is_asked: bool

    def in_words(self) -> str:
        """Its figures and reasons, one line."""
        return f"tiles of {self.size} px that overlap by {self.overlap:.0%} ({self.why})"

    def require_fits(self, name: object, height: int, width: int) -> None:
        """Show that an image is as large as a tile whose size was asked for.

        Raises:
            UserError: both its sides are smaller.
        """
        if self.is_asked and self.size > max(height, width):
            raise UserError(
                f"{name} is {width}x{height} px, smaller than a tile of {self.size} px; name a "
                f"smaller --slice, or {AUTO}, which takes small images whole"
            )


def add_slice_argument(parser: ArgumentParser, about: str = _ABOUT) -> None:
    """`--slice`; `about` says what a command does with it."""
    parser.add_argument(
        "--slice",
        nargs="?",
        const=AUTO,
        type=tile_size,
        metavar="auto|SIZE",
        help=about,
    )


def tile_size(text: str) -> Asked:
    """An argparse type: `auto`, or the side of a tile in px."""
    if text == AUTO:
        return AUTO
    if not text.isdecimal() or not LEAST_SIZE <= int(text) <= _MOST_SIZE:
        raise ArgumentTypeError(
            f"must be {AUTO} or {LEAST_SIZE} to {_MOST_SIZE} px, got {text}; in front of a file "
            f"name write --slice {AUTO}"
        )
    return int(text)


def overlap_for(object_px: float, size: int) -> float:
    """The overlap by which objects of a length, px, are whole in a tile: a share of its side."""
    least, most = _OVERLAP
    return round(min(max(object_px / size + _BORDER, least), most), 2)


def choose_tiling(asked: Asked, spec: DetectorSpec | None) -> Tiling:
    """The tiles for a model.

    By itself a tile is so large that the median object of the training images, if it has as many
    pixels, fills as much of it as it did of those images. Neighbours share so much that nine
    objects of ten are whole in one of them.

    Args:
        asked: the side of a tile, px, or `AUTO`.
        spec: of the model; None where only its weights tell, as of a preset.
    """
    sizes = spec.training_sizes if spec else None
    if asked != AUTO:
        size, why = asked, "as asked for"
    elif sizes and sizes.tile:
        size, why = sizes.tile, "as the model was trained"
    elif sizes:
        size = max(LEAST_SIZE, round(sizes.object_px / sizes.object_share))
        why = (
            f"in which an object of {sizes.object_px:.0f} px, the median in training, fills "
            f"{sizes.object_share:.0%} of the side, as it did there"
        )
    else:
        input_size = spec.model.input_size if spec else 300
        size = _OF_INPUT * input_size
        why = "twice the input size, as the model does not tell what it was trained on"
    overlap = overlap_for(sizes.large_object_px, size) if sizes else _DEFAULT_OVERLAP
    return Tiling(size, overlap, why, asked != AUTO)
