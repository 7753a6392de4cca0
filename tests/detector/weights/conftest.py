"""A synthetic official model and a server to download from.

The model has the real names and shapes, random values, random batch norm.
"""

import contextlib
import hashlib
import http.server
import random
import threading

import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.weights import download
from detector.weights.download import RemoteFile

# ---- the model


@pytest.fixture(scope="session")
def official_shapes(keras) -> dict[str, tuple[int, ...]]:
    """Kernel shape of each unit of the official model, 91 class channels, by TensorFlow scope."""
    from detector.ssdlite import build_ssdlite
    from detector.weights.tf_od_api import official_units

    model = build_ssdlite(ModelConfig(), 90)
    return {unit.scope: model.get_layer(unit.conv).kernel.shape for unit in official_units()}


@pytest.fixture(scope="session")
def checkpoint_variables(official_shapes) -> dict[str, np.ndarray]:
    """All network variables of the TF1 checkpoint."""
    from detector.weights.tf_od_api import official_units

    rng = np.random.default_rng(0)
    variables = {}
    for unit in official_units():
        shape = official_shapes[unit.scope]
        fan_in = np.prod(shape[:2]) * (1 if unit.is_depthwise else shape[2])
        kernel = "depthwise_weights" if unit.is_depthwise else "weights"
        variables[f"{unit.scope}/{kernel}"] = rng.normal(0, fan_in**-0.5, shape)
        channels = shape[2] if unit.is_depthwise else shape[3]
        if unit.norm is None:
            variables[f"{unit.scope}/biases"] = rng.normal(0, 0.1, channels)
            continue
        norm = f"{unit.scope}/BatchNorm"
        variables[f"{norm}/gamma"] = rng.uniform(0.5, 1.5, channels)
        variables[f"{norm}/beta"] = rng.normal(0, 0.3, channels)
        variables[f"{norm}/moving_mean"] = rng.normal(0, 0.3, channels)
        variables[f"{norm}/moving_variance"] = rng.uniform(0.5, 1.5, channels)
    return {name: value.astype(np.float32) for name, value in variables.items()}


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (1, 300, 300, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def checkpoint_outputs(checkpoint_variables, image):
    """Raw outputs of the synthetic checkpoint, by plain tf.nn calls, TensorFlow's box order."""
    import tensorflow as tf

    variables = checkpoint_variables

    def unit(x, scope, stride=1, relu=True):
        depthwise = f"{scope}/depthwise_weights"
        if depthwise in variables:
            strides = (1, stride, stride, 1)
            x = tf.nn.depthwise_conv2d(x, variables[depthwise], strides, "SAME")
        else:
            x = tf.nn.conv2d(x, variables[f"{scope}/weights"], stride, "SAME")
        if f"{scope}/biases" in variables:
            return x + variables[f"{scope}/biases"]
        parts = ("moving_mean", "moving_variance", "beta", "gamma")
        norm = [variables[f"{scope}/BatchNorm/{part}"] for part in parts]
        x = tf.nn.batch_normalization(x, *norm, 0.001)
        return tf.nn.relu6(x) if relu else x

    root = "FeatureExtractor/MobilenetV2"
    x = unit(image.astype(np.float32) * (2 / 255) - 1, f"{root}/Conv", 2)
    maps = []
    for block in range(17):
        scope = f"{root}/expanded_conv" + (f"_{block}" if block else "")
        y = unit(x, f"{scope}/expand") if block else x
        if block == 13:
            maps.append(y)
        y = unit(y, f"{scope}/depthwise", 2 if block in (1, 3, 6, 13) else 1)
        y = unit(y, f"{scope}/project", relu=False)
        x = x + y if x.shape == y.shape else y
    maps.append(unit(x, f"{root}/Conv_1"))
    for number, depth in ((2, 512), (3, 256), (4, 256), (5, 128)):
        y = unit(maps[-1], f"{root}/layer_19_1_Conv2d_{number}_1x1_{depth // 2}")
        full = f"{root}/layer_19_2_Conv2d_{number}_3x3_s2_{depth}"
        maps.append(unit(unit(y, f"{full}_depthwise", 2), full))

    def heads(predictor, size):
        rows = []
        for level, x in enumerate(maps):
            scope = f"BoxPredictor_{level}/{predictor}"
            rows.append(tf.reshape(unit(unit(x, f"{scope}_depthwise"), scope), (1, -1, size)))
        return tf.concat(rows, axis=1).numpy()

    return heads("BoxEncodingPredictor", 4), heads("ClassPredictor", 91)


# ---- a server on the loopback: test_download*.py

CONTENT = random.Random(0).randbytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Answers with the replies of `script` in turn, and as `ranged` does when they are used up."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.script = []
        self.asked = []  # the Range header of each request, or None
        self.sent = []  # the bytes of each body
        self.resume = threading.Event()  # a stalled reply waits for this

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/models/model.bin"

    def remote(self, **known):
        return RemoteFile(self.url, **{"sha256": SHA256, "size": len(CONTENT)} | known)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.headers["Range"])
        reply = self.server.script.pop(0) if self.server.script else reply_ranged
        reply(self)

    def log_message(self, *args):
        pass


def reply_with(status, body=b"", length=None, **headers):
    """A reply whose Content-Length may lie."""
    headers["Content-Length"] = len(body) if length is None else length

    def reply(handler):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.server.sent.append(len(body))
        handler.wfile.write(body)

    return reply


def reply_ranged(handler):
    if handler.headers["Range"] is None:
        return reply_with(200, CONTENT)(handler)
    start = int(handler.headers["Range"].removeprefix("bytes=").removesuffix("-"))
    if start >= len(CONTENT):
        return reply_with(416)(handler)
    span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return reply_with(206, CONTENT[start:], Content_Range=span)(handler)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(download, "_WAIT", 0.001)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def new_server():
    """A server that does not answer yet: `with new_server() as server`."""
    return Server


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        yield server
        server.resume.set()
        server.shutdown()


@pytest.fixture
def answer():
    """A reply: `answer(status, body, length, **headers)`."""
    return reply_with


@pytest.fixture
def ranged():
    """The reply of a server that knows ranges."""
    return reply_ranged


@pytest.fixture
def whole(answer):
    return answer(200, CONTENT)


@pytest.fixture
def dropped(answer):
    return answer(200, CONTENT[:100_000], length=len(CONTENT))


@pytest.fixture
def stalled(answer):
    def reply(handler):
        answer(200, CONTENT[:200_000], length=len(CONTENT))(handler)
        handler.server.resume.wait(20)
        with contextlib.suppress(OSError):  # the other side may be gone by now
            handler.wfile.write(CONTENT[200_000:])

    return reply


@pytest.fixture
def hung_up():
    def reply(handler):
        handler.close_connection = True

    return reply


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def part_of():
    """A download that an earlier run left unfinished: `part_of(cache, content)`."""

    def write(cache, content):
        cache.mkdir()
        part = cache / "model.bin.part"
        part.write_bytes(content)
        return part

    return write


@pytest.fixture
def visible():
    """The names in a folder, without the lock: `visible(folder)`."""
    return lambda folder: sorted(path.name for path in folder.iterdir() if path.name != ".lock")


@pytest.fixture
def no_file_over():
    """The system refuses to write more than so many bytes to a file: a full disk, in effect."""

    @contextlib.contextmanager
    def limit(size):
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return limit
