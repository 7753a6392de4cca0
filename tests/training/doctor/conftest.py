"""Data sets in the three forms, with boxes in whatever order of numbers a test asks for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

WIDTH, HEIGHT = 640, 480


class Forms:
    """Writes data sets of ten images, with numbers for boxes as they are given."""

    def __init__(self, root: Path) -> None:
        self.root = root
        rng = np.random.default_rng(3)
        sides = rng.uniform(30, 300, (10, 4, 2))
        low = rng.uniform(0, 1, (10, 4, 2)) * ((WIDTH, HEIGHT) - sides)
        self.boxes = np.concatenate([low, low + sides], axis=2)
        """float64 (10, 4, 4), xyxy in pixels, all inside their images."""

    def image(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        coarse.resize((WIDTH, HEIGHT)).save(path)
        return path

    def text(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def coco(self, numbers: np.ndarray | None = None, **more) -> Path:
        """A COCO JSON; `numbers` (10, n, 4) are the values of `bbox`; `more` of each annotation."""
        if numbers is None:
            numbers = np.concatenate(
                [self.boxes[..., :2], self.boxes[..., 2:] - self.boxes[..., :2]], axis=2
            )
        images, annotations = [], []
        for index, rows in enumerate(numbers.tolist()):
            name = self.image(f"i{index}.jpg").name
            images.append({"id": index, "file_name": name, "width": WIDTH, "height": HEIGHT})
            annotations += [
                {"id": 100 * index + row, "image_id": index, "category_id": 1, "bbox": bbox, **more}
                for row, bbox in enumerate(rows)
            ]
        content = {"images": images, "annotations": annotations}
        categories = [{"id": 1, "name": "cell"}]
        return self.text("data.json", json.dumps({**content, "categories": categories}))

    def change(self, path: Path, change: Callable[[dict], object]) -> Path:
        """A JSON with a change."""
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        return path

    def voc(self, numbers: np.ndarray | None = None, extra: str = "") -> Path:
        """A VOC folder; `numbers` are the values of xmin, ymin, xmax and ymax."""
        for index, rows in enumerate((self.boxes if numbers is None else numbers).tolist()):
            self.image(f"JPEGImages/i{index}.jpg")
            objects = "".join(voc_object(row, extra) for row in rows)
            size = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height></size>"
            xml = f"<annotation>{size}{objects}</annotation>"
            self.text(f"Annotations/i{index}.xml", xml)
        return self.root

    def yolo(
        self,
        numbers: np.ndarray | None = None,
        label: str = "labels/{}.txt",
        image: str = "images/{}.jpg",
        where: str = "images",
        stems: Sequence[int] = range(10),
    ) -> Path:
        """A `data.yaml`; `numbers` stand behind the class index, by default as they should.

        `label` and `image` name the files of each stem, `where` is the entry for both splits, and
        `stems` are the images that have a label file.
        """
        if numbers is None:
            low, high = self.boxes[..., :2], self.boxes[..., 2:]
            size = (WIDTH, HEIGHT)
            numbers = np.concatenate([(low + high) / 2 / size, (high - low) / size], axis=2)
        for index, rows in enumerate(numbers.tolist()):
            self.image(image.format(f"i{index}"))
            if index in stems:
                lines = [" ".join(map(str, (0, *row))) for row in rows]
                self.text(label.format(f"i{index}"), "\n".join(lines))
        content = {"names": ["cell"], "train": where, "val": where}
        return self.text("data.yaml", yaml.safe_dump(content))


def voc_object(corners: Sequence[float], extra: str) -> str:
    pairs = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in pairs)
    return f"<object><name>cell</name>{extra}<bndbox>{box}</bndbox></object>"


@pytest.fixture
def forms(tmp_path) -> Forms:
    return Forms(tmp_path)
