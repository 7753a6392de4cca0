"""Small real data sets in every form, made on the spot."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

EXIF_ORIENTATION = 0x0112


class Maker:
    """Writes images and annotations into one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def image(self, name: str, width=64, height=48, orientation=None, seed=None) -> Path:
        """An image of noise, no two alike unless their seeds are."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(sum(map(ord, name)) if seed is None else seed)
        coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
        image = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        exif = Image.Exif()
        if orientation:
            exif[EXIF_ORIENTATION] = orientation
        image.save(path, exif=exif)
        return path

    def text(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def xml(self, name: str, *objects: str, size=(64, 48), filename=None, extra="") -> Path:
        """A VOC annotation; `size` is width and height, None to leave it out."""
        said = f"<filename>{filename}</filename>" if filename else ""
        if size:
            said += f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
        return self.text(name, f"<annotation>{said}{extra}{''.join(objects)}</annotation>")

    def voc(self, *stems: str, **sets: str) -> Path:
        """A VOC folder with one cat per image, and lists as `train="a b"`."""
        for stem in stems:
            self.image(f"JPEGImages/{stem}.jpg")
            self.xml(f"Annotations/{stem}.xml", voc_object("cat", 11, 6, 40, 30))
        for split, members in sets.items():
            self.text(f"ImageSets/Main/{split}.txt", "\n".join(members.split()) + "\n")
        return self.root

    def coco(self, images=None, annotations=None, categories=None, name="data.json", **more):
        """A COCO JSON; without arguments, of two images, three objects and ids with a gap."""
        for file in ("one.jpg", "two.jpg"):
            self.image(file)
        content = {
            "images": images
            or [
                {"id": 7, "file_name": "one.jpg", "width": 64, "height": 48},
                {"id": 3, "file_name": "two.jpg", "width": 64, "height": 48},
            ],
            "annotations": annotations
            if annotations is not None
            else [
                coco_object(1, image_id=3, category_id=90, bbox=[1.5, 2.25, 10, 20]),
                coco_object(2, image_id=7, category_id=2, bbox=[0, 0, 64, 48], iscrowd=1),
                coco_object(5, image_id=3, category_id=2, bbox=[5, 6, 7, 8], area=31.5),
            ],
            "categories": categories or [{"id": 90, "name": "zebra"}, {"id": 2, "name": "cat"}],
            **more,
        }
        return self.text(name, json.dumps(content))

    def yolo(self, labels: dict[str, str], names=("cat", "dog"), **parts: str) -> Path:
        """A YOLO folder; `labels` maps stems to the text of their label files."""
        for stem, text in labels.items():
            self.image(f"images/{stem}.jpg")
            self.text(f"labels/{stem}.txt", text)
        content = {**(parts or {"train": "images", "val": "images"}), "names": list(names)}
        return self.text("data.yaml", yaml.safe_dump(content))


def voc_object(name, xmin, ymin, xmax, ymax, extra="") -> str:
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (xmin, ymin, xmax, ymax), strict=True)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in corners)
    return f"<object><name>{name}</name>{extra}<bndbox>{box}</bndbox></object>"


def coco_object(number, image_id=3, category_id=2, bbox=(5, 6, 7, 8), **more) -> dict:
    known = {"id": number, "image_id": image_id, "category_id": category_id, "bbox": list(bbox)}
    return {**known, "area": bbox[2] * bbox[3] if len(bbox) == 4 else 0, "iscrowd": 0, **more}


@pytest.fixture
def make(tmp_path) -> Maker:
    return Maker(tmp_path)


@pytest.fixture
def obj():
    """Text of a VOC object: `obj(name, xmin, ymin, xmax, ymax, extra="")`."""
    return voc_object


@pytest.fixture
def ann():
    """An entry of COCO's annotations: `ann(id, image_id=..., bbox=..., ...)`."""
    return coco_object


@pytest.fixture
def kinds():
    """The kinds of a data set's findings, by name."""
    return lambda dataset: [finding.kind.name for finding in dataset.findings]


WRITTEN = Path(__file__).parents[2] / "written"


@pytest.fixture
def written(tmp_path):
    """A form of `tests/written/` with its images: `written("globox-2.9.0/voc")` is a folder."""

    def lay_out(form: str) -> Path:
        folder = tmp_path / form
        not_the_tools = shutil.ignore_patterns("layout.txt", "expected.json")
        shutil.copytree(WRITTEN / form, folder, ignore=not_the_tools)
        truth = json.loads((WRITTEN / "truth.json").read_text())
        sizes = {one["file"]: (one["width"], one["height"]) for one in truth["images"]}
        for line in (WRITTEN / form / "layout.txt").read_text().splitlines():
            place, name, _ = line.split()
            if place != "-":
                Maker(folder).image(place, *sizes[name])
        return folder

    return lay_out
