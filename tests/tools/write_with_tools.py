"""`tests/written/`: what annotation tools and libraries write of one small truth.

`python -m tests.tools.write_with_tools OUT` makes a virtual environment for each tool below `OUT`,
lets it write every form that it knows into `OUT/TOOL-VERSION/FORM`, images and all, and copies what
is no image to `tests/written/`. There a form has two files that are not the tool's: `layout.txt`, a
line for each image (its path, or a dash where it is inside the tool's file, the image of the truth,
and its split), and, where the form cannot hold
the truth, `expected.json`, written by hand, which says what is to be read instead and why.

`writers/TOOL_forms.py` is the script that the tool's own Python runs. Needs a package index.
"""

import json
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

SCRIPTS = Path(__file__).parent / "writers"
WRITTEN = Path(__file__).parents[1] / "written"
TRUTH = json.loads((WRITTEN / "truth.json").read_text())
OF_ALL = ".*"


class Tool(NamedTuple):
    """A package, its version, and what else it needs."""

    package: str
    version: str
    script: str
    more: tuple[str, ...] = ()
    splits: str = "no form"  # a pattern of the forms that have train and val


TOOLS = [
    Tool("label-studio-sdk", "2.1.2", "label_studio_forms"),
    Tool("datumaro", "1.13.12", "datumaro_forms", ("tensorflow==2.21.0",), splits=OF_ALL),
    Tool("globox", "2.9.0", "globox_forms", splits="yolo-v5"),
    Tool("pylabel", "0.1.55", "pylabel_forms", ("pandas<3",), splits="yolo"),
    Tool("labelImg", "1.8.6", "labelimg_forms"),
    Tool("labelme", "6.3.1", "labelme_forms"),
    Tool("supervision", "0.31.2", "supervision_forms", splits="(yolo|coco|voc|labelme|createml)$"),
    Tool("fiftyone", "1.22.1", "fiftyone_forms", ("tensorflow==2.21.0",), splits="yolov5"),
    Tool("ultralytics", "8.4.190", "ultralytics_forms", splits=OF_ALL),
    Tool("datasets", "5.2.0", "datasets_forms", ("pillow",), splits=OF_ALL),
]


def main(out: Path) -> None:
    """Write everything with every tool, and collect it."""
    images = out / "images"
    draw_images(images)
    for tool in TOOLS:
        folder = out / f"{tool.package}-{tool.version}"
        write(tool, images, folder, out)
        for form in sorted(folder.iterdir()):
            collect(form, bool(re.match(tool.splits, form.name)), out)


def draw_images(folder: Path) -> None:
    """The images of the truth: noise that is always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in TRUTH["images"]:
        rng = np.random.default_rng(zlib.crc32(one["file"].encode()))
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        size = one["width"], one["height"]
        coarse.resize(size, Image.Resampling.BICUBIC).save(folder / one["file"], quality=90)


def write(tool: Tool, images: Path, folder: Path, out: Path) -> None:
    """Let a tool write its forms, in an environment of its own."""
    environment = out / "venv" / tool.package
    python = environment / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        packages = (f"{tool.package}=={tool.version}", *tool.more)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    subprocess.run([python, SCRIPTS / f"{tool.script}.py", images, folder], check=True)


def collect(form: Path, has_splits: bool, out: Path) -> None:
    """Copy what a tool wrote, but images, to `tests/written/`; note where its images were."""
    kept = WRITTEN / form.relative_to(out)
    for old in kept.rglob("*"):
        if old.is_file() and old != kept / "expected.json":
            old.unlink()
    lines = []
    for file in sorted(form.rglob("*")):
        place = file.relative_to(form)
        if file.suffix == ".jpg":
            image = next(one for one in TRUTH["images"] if file.name.endswith(one["file"]))
            lines.append(layout_line(place.as_posix(), image, has_splits))
        elif file.is_file():
            (kept / place).parent.mkdir(parents=True, exist_ok=True)
            content = file.read_bytes()
            is_text = b"\0" not in content
            (kept / place).write_bytes(at_home(content, out) if is_text else content)
    lines = lines or [layout_line("-", one, has_splits) for one in TRUTH["images"]]
    (kept / "layout.txt").write_text("".join(lines))


def layout_line(place: str, image: dict, has_splits: bool) -> str:
    """The path of an image in its form, its name in the truth, and its split or a dash."""
    return f"{place} {image['file']} {image['split'] if has_splits else '-'}\n"


def at_home(content: bytes, out: Path) -> bytes:
    """The same text as if it had been written in somebody's home."""
    return content.replace(str(out).encode(), b"/home/user/data")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
