"""The doctor's checks of Python, packages, OpenCV, cameras, codecs, storage and hardware.

Each yields what it found and how to fix it. Those of models are in `demo.diagnosis.doctor_models`.
"""

from __future__ import annotations

import importlib.metadata
import shutil
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from configs.typed_form import command_name
from demo.diagnosis.subprocess_check import NoAnswerError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Ask = Callable[[str], dict[str, Any]]
"""The answer of a diagnostic, by its name in `demo.diagnosis.diagnostics`; raises NoAnswerError."""

PYTHONS = ((3, 11), (3, 13))
"""The first and the last version of Python that this program runs on; as in pyproject.toml."""

SET_UP = "in the project's folder: pip install -c constraints.txt -e ."
"""Installs what is missing or of another version."""

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_GB = 1e9
_LEAST_GB = 1.0


class Line(NamedTuple):
    """One finding.

    Attributes:
        check: what was looked at.
        status: "FAIL" if the webcam cannot work like this; "warn" if it works, but less well.
        found: what was found.
        fix: what to do about it; "" if nothing.
    """

    check: str
    status: Literal["ok", "warn", "FAIL"]
    found: str
    fix: str = ""


def warn_or_ok(check: str, found: str, fix: str) -> Line:
    """A warning if there is anything to fix."""
    return Line(check, "warn" if fix else "ok", found, fix)


def python() -> Line:
    """Version and word size, for which the packages have wheels."""
    bits = 8 * struct.calcsize("P")
    first, last = (".".join(map(str, version)) for version in PYTHONS)
    found = f"{sys.version.split()[0]}, {bits} bit"
    if PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1] and bits == 64:
        return Line("python", "ok", found)
    fix = f"install Python {first} to {last}, 64 bit (python.org), and set up anew with it"
    return Line("python", "FAIL", found, fix)


def packages(_: Ask) -> Iterator[Line]:
    """Whether what is installed is what the project asks for; nothing is imported."""
    wanted = _requirements()
    off = [f"{one.name} {found}" for one in wanted if (found := _why_off(one))]
    found = "; ".join(off) or f"all {len(wanted)} as the project asks"
    yield warn_or_ok("packages", found, SET_UP if off else "")


def _requirements() -> list[Requirement]:
    from packaging.requirements import Requirement

    if _PROJECT.exists():  # what was written down at the installation may be of an older state
        import tomllib

        lines = tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["dependencies"]
    else:
        lines = importlib.metadata.requires("ssdlite") or []
    found = [Requirement(line) for line in lines]
    return [one for one in found if one.marker is None or one.marker.evaluate({"extra": ""})]


def _why_off(wanted: Requirement) -> str:
    version = _version(wanted.name)
    if version is None:
        return "is missing"
    good = wanted.specifier.contains(version, prereleases=True)
    return "" if good else f"is {version}, not {wanted.specifier}"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def pin(package: str) -> str:
    """A package as pip takes it, at the version that is installed if there is one."""
    version = _version(package)
    return f"{package}=={version}" if version else package


def program(ask: Ask) -> Iterator[Line]:
    """Whether the webcam's own modules can be imported."""
    try:
        ask("program")
    except NoAnswerError as error:
        said = str(error) if error.fix else f"it cannot be imported: {error}"
        yield Line("program", "FAIL", said, error.fix or SET_UP)
    else:
        yield Line("program", "ok", "it can be imported")


def opencv(ask: Ask) -> Iterator[Line]:
    """Which OpenCV there is; two packages install it into the same folder."""
    reinstall = f"pip install --force-reinstall --no-deps {pin('opencv-python')}"
    try:
        answer = ask("opencv")
    except NoAnswerError as error:
        # The wheel needs these of the system; servers and containers often lack them.
        libraries = ".so" in str(error) and sys.platform == "linux"
        apt = "sudo apt-get install libgl1 libglib2.0-0 libxcb1"
        fix = error.fix or (apt if libraries else reinstall)
        yield Line("opencv", "FAIL", str(error), fix)
        return
    gui, headless = _version("opencv-python"), _version("opencv-python-headless")
    found = f"{answer['version']}, windows: {answer['gui'] or 'none'}"
    if gui and headless and gui != headless:
        both = f"opencv-python {gui} and opencv-python-headless {headless} share their files"
        yield Line("opencv", "warn", f"{found}; {both}", reinstall)
    else:
        yield Line("opencv", "ok", found + ("; opencv-python-headless too" if headless else ""))


def window(ask: Ask) -> Iterator[Line]:
    """Whether a window can be opened."""
    try:
        reason = ask("opencv")["no_window"]
    except NoAnswerError:
        return  # said above
    if reason is None:
        yield Line("window", "ok", "can be opened")
        return
    found, _, fix = reason.partition(" (fix it: ")
    fix = fix.rstrip(")") or "sit at its screen, or set DISPLAY (over ssh: ssh -X)"
    yield Line("window", "warn", f"{found}: the webcam will save a video instead", fix)


def camera(ask: Ask) -> Iterator[Line]:
    """Which cameras there are; they are tried in turn until one gives a frame."""
    from demo.diagnosis.cameras import Camera, try_camera, why_no_camera

    cameras = [Camera(**fields) for fields in ask("cameras")["cameras"]]
    if not cameras:
        fix = f"{why_no_camera()}; videos and images need none (--source FILE)"
        yield Line("camera", "FAIL", "none found", fix)
    works = False
    for one in cameras:
        label = f"{one.index}: {one.name} ({one.backend})"
        if works:
            yield Line("camera", "ok", f"{label}, not tried")
            continue
        works, said = try_camera(one)
        if works:
            # Without --source the webcam takes number 0.
            start = f"{command_name('demo.webcam')} --source {one.index}" if one.index else ""
            yield Line("camera", "ok", f"{label}, {said}", start)
        else:
            yield Line("camera", "FAIL" if one is cameras[-1] else "warn", label, said)


def codecs(ask: Ask) -> Iterator[Line]:
    """Whether videos can be written here and read back."""
    reasons = ask("codecs")
    good = [suffix for suffix, reason in reasons.items() if not reason]
    bad = [f"{suffix}: {reason}" for suffix, reason in reasons.items() if reason]
    found = "; ".join([f"{', '.join(good) or 'nothing'} written and read back", *bad])
    fix = f"record with --save FILE{good[0]}" if good else SET_UP
    yield warn_or_ok("codecs", found, fix if bad else "")


def storage(_: Ask) -> Iterator[Line]:
    """Room and the right to write: in the current folder, and in the cache."""
    from detector.weights.download import cache_folder

    yield _storage("folder", Path.cwd(), "start the webcam in another folder")
    yield _storage("cache", cache_folder(), "set SSDLITE_HOME to a folder on another disk")


def _storage(check: str, folder: Path, elsewhere: str) -> Line:
    from configs.errors import UserError
    from detector.files import check_folder

    try:
        check_folder(folder)
    except UserError as error:
        return Line(check, "warn", str(error), elsewhere)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free / _GB
    home = Path.home()
    short = Path("~") / folder.relative_to(home) if folder.is_relative_to(home) else folder
    fix = f"make room, or {elsewhere}" if free < _LEAST_GB else ""
    return warn_or_ok(check, f"{short}, {free:.1f} GB free", fix)


def machine(_: Ask) -> Iterator[Line]:
    """CPU, memory and system."""
    import psutil

    from detector.hardware import describe_machine

    about = describe_machine()
    free = psutil.virtual_memory().available / _GB
    found = f"{about['cpu']}, {about['cores']} cores, {about['memory_gb']:g} GB memory"
    fix = "close other programs: little memory is free" if free < _LEAST_GB else ""
    yield warn_or_ok("machine", f"{found} ({free:.1f} free); {about['os']}", fix)
