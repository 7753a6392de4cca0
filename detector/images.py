"""Image files: found, decoded and encoded, here and nowhere else.

Every image becomes RGB uint8 `(H, W, 3)`, upright (EXIF orientation applied), whatever it was
stored as. Pillow decodes: its JPEG pixels equal OpenCV's, and unlike OpenCV it refuses a
truncated file instead of filling the rest with grey.
"""

import contextlib
import glob
import os
import re
import struct
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngImageFile

from configs.errors import UserError
from detector.files import atomic_path, walk

_HEIF = frozenset(".heic .heif .hif".split())  # what iPhones and some cameras store
WRITABLE = frozenset(".avif .bmp .gif .jfif .jpe .jpeg .jpg .png .ppm .tif .tiff .webp".split())
SUFFIXES = WRITABLE | _HEIF
# How files begin that may be animations, whatever they are called; the images of a TIFF are pages.
_MOVING = re.compile(rb"GIF8|\x89PNG|RIFF....WEBP|....ftypavi[fs]", re.DOTALL)

_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))
_WIDE_COLOUR = re.compile(r"\W*(RGB|L)[AX]?;16")  # Pillow's raw modes, at the start of arguments
_OME_BITS = re.compile(r"<Pixels\b[^>]*\bSignificantBits=\"(\d+)\"")


def read_image(path: Path) -> np.ndarray:
    """Read any image as RGB.

    Greyscale is repeated, transparency dropped, palettes and CMYK converted, 16 bits per channel
    scaled to 8, and of an animation the first frame is taken. White is 65535 in a grey image of
    more than 8 bits, whatever the image shows, or less where a TIFF says so: by 12 bits per
    sample, or by OME's `SignificantBits`. It is 1.0 in one of floating point numbers. The content
    decides what the file is, not its name.

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
    is_wide: bool = False  # more than 8 bits per channel, which `read_image` scales to 8

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
        is_wide = _has_16_bits(image)  # before EXIF, for which the image may be decoded
        orientation = _exif(image, path).get(ExifTags.Base.Orientation, 1)
        if orientation not in range(1, 9):  # what exif_transpose ignores
            orientation = 1
        width, height = image.size if orientation < 5 else image.size[::-1]
        return Header(height, width, orientation, image.format or "", is_wide)


def is_animated(path: Path) -> bool:
    """Whether an image file is an animation of several frames, by its header."""
    try:
        with path.open("rb") as file:
            if not _MOVING.match(file.read(12)):
                return False
        with _opened(path) as image:
            return bool(getattr(image, "is_animated", False))
    except (OSError, UserError):
        return False  # who decodes it says why


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
    with decoding(path), _open(path) as image:
        yield image


@contextlib.contextmanager
def decoding(path: Path) -> Iterator[None]:
    """Pillow works on an image's file, without warnings.

    Raises:
        UserError: whatever is wrong with the file.
    """
    try:
        with warnings.catch_warnings():
            # Damaged EXIF, or 89 to 178 megapixels: Pillow warns, and reads the image.
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield
    except FileNotFoundError as error:
        raise UserError(f"no such image: {path}") from error
    except IsADirectoryError as error:
        raise UserError(f"cannot read {path}: it is a folder; name the images in it") from error
    except UnidentifiedImageError as error:
        raise UserError(f"cannot read {path}: not an image in a known format") from error
    # On damaged files Pillow's decoders raise almost anything, struct.error and RuntimeError too.
    except Exception as error:
        raise UserError(f"cannot read {path}: {_reason(error)}") from error


def _open(path: Path) -> Image.Image:
    """Open an image; Pillow's decoder of HEIF is loaded by the first one."""
    try:
        return Image.open(path)
    except UnidentifiedImageError:
        with path.open("rb") as file:
            start = file.read(12)
        if start[4:8] != b"ftyp" or start[8:] not in _HEIF_BRANDS:
            raise
    from pi_heif import register_heif_opener

    # libheif turns the image itself, and the plugin resets the EXIF orientation.
    register_heif_opener()
    return Image.open(path)


def _exif(image: Image.Image, path: Path) -> Image.Exif:
    """The EXIF of an image; of a PNG, Pillow itself would decode all pixels to look behind them."""
    if isinstance(image, PngImageFile) and not _has_late_text(path):
        return Image.Image.getexif(image)
    return image.getexif()


def _has_late_text(path: Path) -> bool:
    """Whether a PNG has chunks behind its pixels that may hold EXIF, as ExifTool writes them."""
    pixels = False
    with path.open("rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if pixels and kind in (b"eXIf", b"tEXt", b"zTXt", b"iTXt"):
                return True
            pixels = pixels or kind == b"IDAT"
            file.seek(length + 4, os.SEEK_CUR)
    return False


def _has_16_bits(image: Image.Image) -> bool:
    """Whether an image has more than 8 bits per channel, as long as it is not decoded."""
    modes = (str(tile[3]) for tile in getattr(image, "tile", ()))
    return image.mode[0] in "IF" or any(map(_WIDE_COLOUR.match, modes))


def _white(image: Image.Image) -> float:
    """The value of white in a grey image of more than 8 bits."""
    if image.mode == "F":
        return 1.0
    # MaxSampleValue is not asked: by TIFF 6.0 it is what this one image happens to reach.
    tags = getattr(image, "tag_v2", {})
    said = _OME_BITS.search(str(tags.get(ExifTags.Base.ImageDescription, "")))
    bits = int(said[1]) if said else tags.get(ExifTags.Base.BitsPerSample, (16,))[0]
    return 2.0**bits - 1 if 8 < bits < 16 else 65535.0


def _narrow(image: Image.Image) -> np.ndarray:
    """A grey of more than 8 bits as uint8 `(H, W)`; Pillow's own conversion clips it at 255."""
    white = _white(image)
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
    if path.suffix.lower() not in WRITABLE:
        kind = "read-only" if path.suffix.lower() in _HEIF else "unknown"
        raise UserError(f"cannot write {path}: {kind} suffix {path.suffix!r}; use .jpg or .png")
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
    """The images in a folder and in those below it or linked in it, by their suffix, in no order.

    What is hidden is none of them: `.ipynb_checkpoints/` holds copies that Jupyter makes,
    `.thumbnails/` small ones, and a Mac leaves a `._name.jpg` beside each file that it copies.
    """
    for place, names in walk(folder):
        above = Path(place)
        yield from (above / name for name in names if name.lower().endswith(tuple(SUFFIXES)))


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
