"""Fonts for text of any script: DejaVu Sans, which is always there, and this machine's own."""

import contextlib
import functools
import itertools
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import ImageFont, features

if TYPE_CHECKING:
    from matplotlib.ft2font import FT2Font

_SUFFIXES = (".ttf", ".otf", ".ttc")
_PLAIN = re.compile(r"regular|fallback|unicode", re.I)
_FANCY = re.compile(r"bold|italic|oblique|thin|light|black|mono|serif|condensed", re.I)
_EMPTY = re.compile(r"last ?resort|blank", re.I)  # these have a glyph, but no letter, for anything
_JOINED = re.compile("[\u0590-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u17ff]")
"""Letters that are joined, moved or written from the right: Hebrew to Khmer, without Thai."""

_CJK = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "FULLWIDTH")

_by_script: dict[str, list[Path]] = {}  # the fonts found for each
_exhausted: set[str] = set()  # scripts of which some letter is in no font


def font_runs(text: str, size: int) -> list[tuple[str, ImageFont.FreeTypeFont]]:
    """A text in parts, each with a font that has its letters.

    Letters that no font of this machine has become "?", and stderr says so, once per script.

    Args:
        text: one line.
        size: of the fonts, px.
    """
    if text.isascii():  # most are, and each frame has new ones
        return [(text, _load(_dejavu(), size))]
    files: list[Path | None] = []
    for letter in text:
        # An accent, or a sign that joins two letters, belongs to what is before it.
        if _joins(letter):
            files.append(files[-1] if files else _dejavu())
        else:
            files.append(_file_of(letter))
    runs = []
    for file, pairs in itertools.groupby(zip(files, text, strict=True), key=lambda pair: pair[0]):
        part = "".join(letter for _, letter in pairs)
        if file is None:
            _tell_missing(part[0], part)
        elif _JOINED.search(part) and not features.check("raqm"):
            _tell_unjoined()
        runs.append(("?" if file is None else part, _load(file or _dejavu(), size)))
    return runs


@functools.lru_cache(maxsize=4096)
def writable(name: str) -> str:
    """A name as it is written before figures; "" where a letter cannot be drawn, which is told."""
    missing = [letter for letter in name if not _joins(letter) and _file_of(letter) is None]
    if missing:
        _tell_missing(missing[0], name)
        return ""
    is_from_right = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in name)
    # Between marks of left-to-right, or the figures would stand on its other side, turned round.
    return f"\u200e{name}\u200e" if is_from_right and features.check("raqm") else name


@functools.cache
def _load(file: Path, size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.truetype(file, size)
    with contextlib.suppress(OSError, ValueError):  # most have no variations
        font.set_variation_by_name("Regular")  # some begin with a thin one
    return font


@functools.cache
def _dejavu() -> Path:
    import matplotlib  # its wheel carries DejaVu Sans: Latin, Greek, Cyrillic, Arabic and more

    return Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


def _joins(letter: str) -> bool:
    return unicodedata.category(letter) in ("Mn", "Mc", "Me", "Cf")


@functools.cache
def _file_of(letter: str) -> Path | None:
    """The font file for a letter; None where no font here has it.

    All fonts are opened only for a letter that those of its script do not have, and for no further
    one of a script once that was in vain: it may take seconds.
    """
    if _has(_dejavu(), letter):
        return _dejavu()
    script = _script(letter)
    found = _by_script.setdefault(script, [])
    if file := next((font for font in found if _has(font, letter)), None):
        return file
    if script in _exhausted:
        return None
    # First those named after it: others may have some of its letters only.
    fonts = sorted(_system_fonts(), key=lambda font: script.lower() not in font.stem.lower())
    file = next((font for font in fonts if _has(font, letter)), None)
    if file:
        found.append(file)
    else:
        _exhausted.add(script)
    return file


def _has(file: Path, letter: str) -> bool:
    face = _face(file)
    return face is not None and face.get_char_index(ord(letter)) != 0


@functools.lru_cache(maxsize=8)  # each keeps its file open
def _face(file: Path) -> "FT2Font | None":
    from matplotlib.ft2font import FT2Font

    try:
        face = FT2Font(str(file))
    except (OSError, RuntimeError, ValueError):  # damaged, or of another kind
        return None
    return face if face.scalable else None  # colour emoji have one size


@functools.cache
def _system_fonts() -> list[Path]:
    """Font files of this machine, those for plain text first."""
    files = {file for folder in _font_folders() for file in folder.rglob("*")}
    fonts = [
        one for one in files if one.suffix.lower() in _SUFFIXES and not _EMPTY.search(one.stem)
    ]
    return sorted(fonts, key=lambda o: (bool(_FANCY.search(o.stem)), not _PLAIN.search(o.stem), o))


def _font_folders() -> Iterator[Path]:
    home = Path.home()
    if sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts"
        yield Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft/Windows/Fonts"
    elif sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
    else:
        yield Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share") / "fonts"
        yield from (Path("/usr/local/share/fonts"), Path("/usr/share/fonts"))


def _script(letter: str) -> str:
    """As Unicode names it: "CJK", "HANGUL", "THAI"; "symbols" of what is no letter."""
    if unicodedata.category(letter)[0] not in "LN":
        return "symbols"
    return unicodedata.name(letter, "unnamed").partition(" ")[0]


_told: set[str] = set()  # scripts whose want has been told


def _tell_missing(letter: str, text: str) -> None:
    script = _script(letter)
    if script in _told:
        return
    _told.add(script)
    package = f"fonts-noto-{'cjk' if script in _CJK else 'core'}"
    package = "fonts-symbola" if script == "symbols" else package
    print(
        f"note: no font of this machine has {letter!r} of {text!r}: images show the number of the "
        f"class; install one that has, such as Debian's {package}",
        file=sys.stderr,
    )


@functools.cache
def _tell_unjoined() -> None:
    print(
        "note: Pillow finds no FriBiDi, so that letters of Arabic, Hindi and their like stand one "
        "by one in images; install it, such as Debian's libfribidi0",
        file=sys.stderr,
    )
