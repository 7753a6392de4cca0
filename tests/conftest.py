"""What every test shares: Keras on demand, hypothesis profiles, and the optional real data."""

import os
import random
import re
import signal
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

from detector.types import Sample

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
# A suite in the background of a script is deaf to Ctrl-C, and so would be what it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["SSDLITE_HOME"] = tempfile.mkdtemp()  # not the cache of whoever runs the tests

settings.register_profile("ci", deadline=None, derandomize=True, max_examples=60)
settings.register_profile("proofs", deadline=None, max_examples=3000)
settings.load_profile("proofs" if os.environ.get("SSDLITE_PROOFS") else "ci")


# ---- who runs first

LONGEST = (
    *("tests/training/run/test_resume.py", "tests/training/run/test_loop.py"),
    *("tests/detector/test_export.py", "tests/training/run/test_begin_more.py"),
    *("tests/test_golden.py", "tests/test_docs.py", "tests/training/test_train.py"),
    *("tests/bench/test_bench_stream.py", "tests/detector/test_artefact.py"),
)
"""The files that take longest: a worker that began one last would work while the other waits."""


def _turn(item) -> int:
    file = item.nodeid.partition("::")[0]
    return LONGEST.index(file) if file in LONGEST else len(LONGEST)


# ---- TensorFlow only where it is asked for: `pytest -m "not keras"` runs without it

_KERAS_MODULE = re.compile(rb"^pytestmark = \[?\s*pytest\.mark\.keras\b", re.MULTILINE)


def pytest_configure(config):
    if "not keras" in config.option.markexpr:
        sys.modules["tensorflow"] = None  # a test that imports it, and is not marked, fails


def _may_import_keras_at_its_top(path):
    return path.suffix == ".py" and _KERAS_MODULE.search(path.read_bytes()) is not None


def pytest_ignore_collect(collection_path, config):
    unwanted = "not keras" in config.option.markexpr
    return True if unwanted and _may_import_keras_at_its_top(collection_path) else None


def pytest_collectstart(collector):
    if isinstance(collector, pytest.Module) and _may_import_keras_at_its_top(collector.path):
        _import_keras()


@pytest.hookimpl(tryfirst=True)  # before those are deselected that `-m` does not want
def pytest_collection_modifyitems(items):
    for item in items:
        if "keras" in item.fixturenames:
            item.add_marker("keras")
    items.sort(key=_turn)  # the others, and the tests of a file, keep their order


@pytest.hookimpl(tryfirst=True)  # before the fixtures
def pytest_runtest_setup(item):
    if item.get_closest_marker("keras"):
        _import_keras()
    _seed()


def _import_keras():
    """Importing TensorFlow warns about its own dependencies; our code must not warn at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
        import tensorflow  # noqa: F401
    return keras


def _seed() -> None:
    """Random weights are the same in every run, whichever tests ran before."""
    random.seed(0)  # Keras draws the seeds of its initialisers from it
    np.random.seed(0)  # noqa: NPY002
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _seeded():
    _seed()  # again, as the fixtures of a module or of the session may have drawn numbers


@pytest.fixture(scope="session")
def keras():
    """Keras on TensorFlow. Who uses it, directly or not, is marked `keras`."""
    return _import_keras()


@pytest.fixture(params=["numpy", pytest.param("keras.ops", marks=pytest.mark.keras)])
def xp(request):
    """The namespaces that production code passes: NumPy, and keras.ops inside a graph."""
    return np if request.param == "numpy" else _import_keras().ops


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real images and weights, which the project does not ship."""
    folder = os.environ.get("SSDLITE_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SSDLITE_TEST_DATA does not name the folder of real images and weights")
    return Path(folder)


def make_detector(
    folder: Path, *class_names: str, backbone: str = "mobilenet_v2", head: str = "ssdlite"
) -> Path:
    """Writes a small random detector as a model folder, in Keras alone.

    MobileNetV1 has half the layers, and is built, traced and converted in half the time.
    """
    import keras

    from configs.schema import ModelConfig
    from detector import artefact
    from detector.artefact import DetectorSpec
    from detector.network import build_detector

    keras.utils.set_random_seed(0)
    config = ModelConfig(backbone=backbone, input_size=96, width_multiplier=0.35, head=head)
    network = build_detector(config, len(class_names))
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (4, 96, 96, 3), dtype=np.uint8)
    for layer in network.layers:  # as Keras draws them, activations fade to nothing
        if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D):
            is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
            shape = layer.kernel.shape
            inputs = np.prod(shape[:2] if is_depthwise else shape[:3])
            layer.kernel.assign(rng.normal(0, (2 / inputs) ** 0.5, shape))
    outputs = network.predict_on_batch(noise)
    for layer in network.layers:  # scores would all be near 0.5
        for kind, output in (("box", "box_deltas"), ("class", "class_logits")):
            if layer.name.endswith(f"_{kind}_conv"):
                layer.kernel.assign(0.3 * layer.kernel / outputs[output].std())
    if head == "ssdlite_plus":  # its anchors reach far out of so small an image; one cell does not
        smaller = np.log(0.25) / config.anchors.variances[2]
        network.get_layer("head_box_conv").bias.assign([0, 0, smaller, smaller])
    ids = range(3, 3 + 4 * len(class_names), 4)
    spec = DetectorSpec(name="tiny", model=config, class_names=class_names, category_ids=tuple(ids))
    artefact.save(folder, network, spec)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory, keras) -> Path:
    """A small random detector as a model folder, in all formats that are exact."""
    from detector import artefact
    from detector.exporting import converters
    from detector.exporting.frozen_graph import folded_network, raw_function

    folder = make_detector(tmp_path_factory.mktemp("exported") / "tiny", "a", "b")
    network, spec = artefact.load(folder)
    function = raw_function(folded_network(network, spec))
    (folder / "model.tflite").write_bytes(converters.to_tflite(function))
    (folder / "model.onnx").write_bytes(converters.to_onnx(function).SerializeToString())
    converters.write_openvino(function, folder / "model.xml")
    return folder


@pytest.fixture(scope="session")
def detector_maker(keras):
    """Writes a small random detector: `(folder, *class_names, backbone=..., head=...)`."""
    return make_detector


_VOC_SOURCE = (  # by which corners are known to count from 1
    "<source><database>The VOC2007 Database</database>"
    "<annotation>PASCAL VOC2007</annotation></source>"
)


class VocMaker:
    """Writes a small VOC folder, piece by piece; images are of noise, 128x96, no two alike."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, stem: str, *objects, suffix=".jpg", seed=None, size=(128, 96), **save) -> Path:
        """An image and its annotation; an object is (name, xmin, ymin, xmax, ymax) in VOC's way.

        Further arguments go to Pillow (`exif`, `format`).
        """
        rng = np.random.default_rng(list(stem.encode()) if seed is None else seed)
        coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        path = self._file(f"JPEGImages/{stem}{suffix}")
        coarse.resize(size, Image.Resampling.BICUBIC).save(path, **save)
        self._file(f"Annotations/{stem}.xml").write_text(
            f"<annotation><filename>{path.name}</filename>{_VOC_SOURCE}"
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


@pytest.fixture(scope="session")
def voc_maker() -> type[VocMaker]:
    """Writes VOC folders: `voc_maker(folder)`."""
    return VocMaker


@pytest.fixture
def voc(tmp_path) -> VocMaker:
    return VocMaker(tmp_path / "voc")


@pytest.fixture
def photos(tmp_path):
    """Writes small JPEG images, no two alike, each with two objects: `photos(count)`."""

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


@pytest.fixture(scope="session")
def squares(tmp_path_factory) -> Path:
    """Ten images of one bright square each, on dark noise; eight to learn from."""
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
