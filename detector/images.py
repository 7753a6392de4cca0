"""Image files: found, decoded and encoded, here and nowhere else.

Every image becomes RGB uint8 `(H, W, 3)`, upright (EXIF orientation applied), whatever it was
stored as. Pillow decodes: its JPEG pixels equal OpenCV's, and unlike OpenCV it refuses a
truncated file instead of filling the rest with grey.
"""

import contextlib
import glob
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from configs.errors import UserError
from detector.files import atomic_path

SUFFIXES = frozenset(".bmp .gif .jfif .jpe .jpeg .jpg .png .ppm .tif .tiff .webp".split())


def read_image(path: Path) -> np.ndarray:
    """Read any image as RGB.

    Greyscale is repeated, transparency dropped, palettes and CMYK converted, 16 bits per channel
    scaled to 8, and of an animation the first frame is taken. White is 65535 in a grey image of
    more than 8 bits, and 1.0 in one of floating point numbers, whatever the image shows. The
    content decides what the file is, not its name.

    Returns:
        uint8 `(H, W, 3)`, RGB, upright, the caller's own to draw on.

    Raises:
        UserError: the file is missing, truncated, too large to decode safely, not an image, or
            a wide grey has pixels below black or above white.
    """
    with _opened(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode == "F" or image.mode.startswith("I"):
            return np.repeat(_narrow(image)[..., None], 3, axis=2)
        return np.array(image if image.mode == "RGB" else image.convert("RGB"))


@dataclass(frozen=True)
class Header:
    """What an image's file says before its pixels."""

    height: int  # px, upright
    width: int  # px, upright
    orientation: int  # EXIF's, 1 ... 8; 1 is upright. From 5 on, height and width are swapped
    format: str  # Pillow's name of the format, such as "JPEG"

    @property
    def is_transposed(self) -> bool:
        """Whether the stored image lies on its side."""
        return self.orientation >= 5


def read_header(path: Path) -> Header:
    """Size, EXIF orientation and format of an image, without decoding it.

    Raises:
        UserError: as `read_image`, as far as the first bytes tell.
    """
    with _opened(path) as image:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if orientation not in range(1, 9):  # what exif_transpose ignores
            orientation = 1
        width, height = image.size if orientation < 5 else image.size[::-1]
        return Header(height, width, orientation, image.format or "")


def read_thumbnail(path: Path, side: int) -> Image.Image:
    """A small YCbCr Pillow image, upright, at least `side` px high and wide where the file is.

    A JPEG is decoded at a fraction of its size, which takes a fraction of the time.

    Raises:
        UserError: as `read_image`.
    """
    with _opened(path) as image:
        image.draft("YCbCr", (side, side))
        ImageOps.exif_transpose(image, in_place=True)
        if image.mode[0] in "FI":
            image = Image.fromarray(_narrow(image))  # Pillow's own conversion clips it at 255
        return image if image.mode == "YCbCr" else image.convert("RGB").convert("YCbCr")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """A Pillow image while it is decoded; whatever is wrong with its file is a `UserError`."""
    try:
        with warnings.catch_warnings():
            # Damaged EXIF, or 89 to 178 megapixels: Pillow warns, and reads the image.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            with Image.open(path) as image:
                yield image
    except FileNotFoundError as error:
        raise UserError(f"no such image: {path}") from error
    except IsADirectoryError as error:
        raise UserError(f"cannot read {path}: it is a folder; name the images in it") from error
    except UnidentifiedImageError as error:
        raise UserError(f"cannot read {path}: not an image in a known format") from error
    # On damaged files Pillow's decoders raise almost anything, struct.error and RuntimeError too.
    except Exception as error:
        raise UserError(f"cannot read {path}: {_reason(error)}") from error


def _narrow(image: Image.Image) -> np.ndarray:
    """A grey of more than 8 bits as uint8 `(H, W)`; Pillow's own conversion clips it at 255."""
    white = 1.0 if image.mode == "F" else 65535.0
    grey = np.asarray(image).astype(np.float32)
    if not ((grey >= 0) & (grey <= white)).all():
        span = f"{grey.min():g} to {grey.max():g}"
        raise ValueError(f"its grey pixels are {span}, not 0 (black) to {white:g} (white)")
    return np.rint(grey * (255 / white)).astype(np.uint8)


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    said = " ".join(str(error).split()) or type(error).__name__
    return f"{said}; replace it or leave it out"


def write_image(path: Path, image: np.ndarray) -> None:
    """Write an RGB uint8 `(H, W, 3)` image in the format of the file's suffix, atomically.

    Raises:
        UserError: the suffix names no format that can be written, or the file cannot be.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UserError(f"cannot write {path}: unknown suffix {path.suffix!r}; use .jpg or .png")
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, quality=95)


def find_images(patterns: Iterable[str]) -> list[Path]:
    """The images that file names, folders and globs stand for.

    A folder stands for the images directly in it, by suffix, sorted by name, hidden ones left
    out; a file named outright is taken whatever its suffix. Each image is listed once, in the
    order given.

    Raises:
        UserError: a pattern matches nothing, or a folder holds no image or cannot be read.
    """
    try:
        found = [path for pattern in patterns for path in _matches(pattern)]
    except OSError as error:
        raise UserError(f"cannot look for {error.filename}: {error.strerror}") from error
    return list(dict.fromkeys(found))


def images_below(folder: Path) -> Iterator[Path]:
    """The images in a folder and in those below it, by their suffix, in no order.

    What is hidden is none of them: `.ipynb_checkpoints/` holds copies that Jupyter makes,
    `.thumbnails/` small ones, and a Mac leaves a `._name.jpg` beside each file that it copies.
    """
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden:
            yield path


def sample_photo() -> np.ndarray:
    """The portrait that matplotlib's wheel carries, a real photo on every installation.

    Returns:
        uint8 `(600, 512, 3)`, RGB: a person in uniform before a flag.
    """
    from matplotlib import cbook

    return read_image(Path(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)))


def _matches(pattern: str) -> list[Path]:
    path = Path(pattern)
    if path.is_dir():
        # A Mac leaves a hidden "._name.jpg", which is no image, beside each file it copies.
        images = sorted(p for p in path.iterdir() if _is_image(p) and p.name[0] != ".")
        if not images:
            raise UserError(f"no images in folder {path} (looked for {' '.join(sorted(SUFFIXES))})")
        return images
    if path.exists():
        return [path]
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    images = [match for match in matches if _is_image(match)]
    if not images:
        raise UserError(f"no such image, folder or pattern: {pattern}")
    return images


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()
