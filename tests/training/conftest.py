from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector.types import Sample


@pytest.fixture(params=["numpy", "keras.ops"])
def xp(request):
    """The namespaces that production code passes: NumPy, and keras.ops inside a graph."""
    if request.param == "numpy":
        return np
    return pytest.importorskip("keras").ops


class VocMaker:
    """Writes a small VOC folder, piece by piece; pictures are of noise, 128x96, no two alike."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, stem: str, *objects, suffix=".jpg", seed=None, size=(128, 96), **save) -> Path:
        """A picture and its annotation; an object is (name, xmin, ymin, xmax, ymax) in VOC's way.

        Further arguments go to Pillow (`exif`, `format`).
        """
        rng = np.random.default_rng(list(stem.encode()) if seed is None else seed)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        path = self._file(f"JPEGImages/{stem}{suffix}")
        coarse.resize(size, Image.Resampling.BICUBIC).save(path, **save)
        self._file(f"Annotations/{stem}.xml").write_text(
            f"<annotation><filename>{path.name}</filename>"
            f"<size><width>{size[0]}</width><height>{size[1]}</height></size>"
            f"{''.join(_xml(*one) for one in objects)}</annotation>"
        )
        return path

    def split(self, name: str, *stems: str) -> None:
        """A list of `ImageSets/Main`."""
        self._file(f"ImageSets/Main/{name}.txt").write_text("".join(f"{s}\n" for s in stems))

    def _file(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _xml(name, *corners, difficult=0) -> str:
    tags = zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    box = "".join(f"<{tag}>{value}</{tag}>" for tag, value in tags)
    head = f"<name>{name}</name><difficult>{difficult}</difficult>"
    return f"<object>{head}<bndbox>{box}</bndbox></object>"


@pytest.fixture
def voc(tmp_path) -> VocMaker:
    return VocMaker(tmp_path / "voc")


@pytest.fixture
def sample_of():
    """A sample of a picture that is never read: `sample_of(boxes, labels, ...)`."""

    def make(boxes, labels=None, height=100, width=200, crowd=(), difficult=(), name="a") -> Sample:
        count = len(boxes)
        rows = np.arange(count)
        return Sample(
            name,
            Path(f"{name}.jpg"),
            height,
            width,
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(labels if labels is not None else [0] * count, np.int64),
            np.isin(rows, crowd),
            np.isin(rows, difficult),
            source=Path(f"{name}.xml"),
            elements=tuple(f"object {row + 1}" for row in range(count)),
        )

    return make


@pytest.fixture
def photos(tmp_path):
    """Writes small JPEG pictures, no two alike, each with two objects: `photos(count)`."""

    def make(count: int) -> list[Sample]:
        rng = np.random.default_rng(count)
        samples = []
        for i in range(count):
            height, width = rng.integers(60, 90, 2).tolist()
            path = tmp_path / f"{i}.jpg"
            Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(path)
            boxes = np.array([[5, 10, 40, 50], [20, 4, 55, 30]], np.float32)
            flags = np.zeros(2, bool)
            samples.append(
                Sample(i, path, height, width, boxes, np.array([i, i + 100]), flags, flags)
            )
        return samples

    return make


# A network and a run small enough for a test.
TINY = (
    "model.input_size=96",
    "model.width_multiplier=0.35",
    "loader.batch_size=4",
    "train.evaluate_every=1",
)


@pytest.fixture
def tiny():
    """Settings for `load_config` or `--set`: `tiny("train.epochs=2")`."""
    return lambda *more: [*TINY, *more]


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    """Ten pictures of one bright square each, on dark noise; eight to learn from."""
    root = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    maker = VocMaker(root)
    names = [f"p{letter}" for letter in "abcdefghij"]
    for name in names:
        pixels = rng.integers(0, 60, (80, 100, 3), np.uint8)
        x, y = rng.integers(2, 40, 2)
        pixels[y : y + 36, x : x + 36] = 220
        box = (x + 1, y + 1, x + 36, y + 36)  # VOC counts from 1, both ends included
        path = maker.add(name, ("square", *box), size=(100, 80))
        Image.fromarray(pixels).save(path)
    maker.split("train", *names[:8])
    maker.split("val", *names[8:])
    return root


@pytest.fixture
def eagerly(monkeypatch):
    """Training steps run as they are written: slower each, but there is no graph to build."""
    import functools

    from training.trainer import Trainer

    compile_eagerly = functools.partialmethod(Trainer.compile, run_eagerly=True)
    monkeypatch.setattr(Trainer, "compile", compile_eagerly)
