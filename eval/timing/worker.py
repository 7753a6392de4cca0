"""The worker process of a latency benchmark: loads one model and times it on request.

A process apart makes threads, memory and start-up the contender's own; that it then waits makes
rounds possible in which all contenders take turns.
"""

from __future__ import annotations

import signal
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from configs.errors import UserError

COLUMNS = ("read", "resize", "run", "decode", "nms", "end_to_end")
"""What an image is timed by; end to end is from the file to detections in its pixels."""

_WARM_UP = 2  # images that a turn begins with, untimed: another contender had the caches


@dataclass(frozen=True)
class Contender:
    """What is timed.

    Attributes:
        model: as `Predictor.load`; of a peer, a `.tflite` or `.onnx` file.
        threads: of the engine.
        runtime: of a model folder.
        is_peer: whether it is no detector of ours, and its outputs are ignored.
    """

    model: str
    threads: int
    runtime: str | None = None
    is_peer: bool = False


@dataclass(frozen=True)
class About:
    """What a contender says of itself.

    Attributes:
        name: of the model.
        runtime: name of the engine.
        file: what was read.
        input_hw: height and width of the input, px.
        outputs: how many the graph of a peer has.
    """

    name: str
    runtime: str
    file: Path
    input_hw: tuple[int, int]
    outputs: int | None = None


class Detector:
    """A detector of ours, at its own thresholds."""

    def __init__(self, contender: Contender) -> None:
        from detector.predictor import Predictor
        from detector.runtimes.graph import EngineOptions

        options = EngineOptions(contender.threads)
        predictor = Predictor.load(contender.model, contender.runtime, options)
        size = predictor.spec.model.input_size
        file = predictor.file or Path(contender.model)
        self.about = About(predictor.name, predictor.runtime, file, (size, size))
        self._predictor = predictor

    def __call__(self, image: np.ndarray) -> Sequence[float]:
        """Milliseconds to resize, run, decode and suppress."""
        from detector.predictor import STAGES

        self._predictor(image)
        return [self._predictor.stage_ms[stage] for stage in STAGES]


class Peer:
    """Any model of one image, channels last or first: resized to and run, nothing after."""

    def __init__(self, contender: Contender) -> None:
        from detector.runtimes import open_graph
        from detector.runtimes.graph import EngineOptions

        path = Path(contender.model)
        self._graph = graph = open_graph(path, EngineOptions(contender.threads))
        self._is_channels_first = graph.input_shape[1:2] == (3,)
        hwc = np.roll(graph.input_shape[1:], -1 if self._is_channels_first else 0).tolist()
        if len(hwc) != 3 or hwc[2] != 3 or graph.input_dtype not in (np.uint8, np.int8, np.float32):
            raise UserError(f"{path} takes no colour image: {graph.input_dtype} {hwc}")
        self._height, self._width = hwc[:2]
        outputs = len(graph(np.zeros(graph.input_shape, graph.input_dtype)))
        self.about = About(path.stem, graph.name, path, (hwc[0], hwc[1]), outputs)

    def __call__(self, image: np.ndarray) -> Sequence[float]:
        """As `Detector`; NaN for the stages that a peer does not have."""
        start = time.perf_counter()
        pixels = self._prepare(image)
        ready = time.perf_counter()
        self._graph(pixels)
        done = time.perf_counter()
        return [1000 * (ready - start), 1000 * (done - ready), np.nan, np.nan]

    def _prepare(self, image: np.ndarray) -> np.ndarray:
        import cv2

        pixels = cv2.resize(image, (self._width, self._height), interpolation=cv2.INTER_LINEAR)
        if self._is_channels_first:
            pixels = np.ascontiguousarray(pixels.transpose(2, 0, 1))
        if self._graph.input_dtype == np.int8:
            pixels = np.bitwise_xor(pixels, 0x80, dtype=np.uint8).view(np.int8)  # less 128
        return pixels[None].astype(self._graph.input_dtype, copy=False)


def serve(connection: Connection, contender: Contender, images: Sequence[Path]) -> None:
    """Load, detect once, say so, and then obey until told to end.

    Sends `About` when the first image is done; then, for each `(order, *arguments)` received,
    the result of that method of `_Service`; an exception in the place of either, and ends.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    try:
        service = _Service(contender, images)
        connection.send(service.about)
        while order := connection.recv():
            connection.send(getattr(service, order[0])(*order[1:]))
    except EOFError:
        pass
    except UserError as error:
        connection.send(error)
    except Exception:  # as text: not every exception can travel
        connection.send(RuntimeError(traceback.format_exc()))


class _Service:
    def __init__(self, contender: Contender, images: Sequence[Path]) -> None:
        import cv2

        cv2.setNumThreads(contender.threads)
        self._images = images
        self._subject = (Peer if contender.is_peer else Detector)(contender)
        self.about = self._subject.about
        self._time(images[0])

    def turn(self) -> np.ndarray:
        """Milliseconds by `COLUMNS` of every image, `(N, 6)`."""
        for _, image in zip(range(_WARM_UP), self._images, strict=False):
            self._time(image)
        return np.array([self._time(image) for image in self._images])

    def throughput(self, seconds: float) -> float:
        """Images per second, over and over for that long."""
        start, done = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - start) < seconds:
            self._time(self._images[done % len(self._images)])
            done += 1
        return done / elapsed

    def peak_memory_mb(self) -> float:
        """The most memory that this process has held."""
        import psutil

        status = Path("/proc/self/status")
        if status.exists():  # Linux; getrusage would count the process this one was forked from
            lines = status.read_text(encoding="utf-8").splitlines()
            kib = next(line.split()[1] for line in lines if line.startswith("VmHWM"))
            return int(kib) * 1024 / 1e6
        memory: Any = psutil.Process().memory_info()
        if hasattr(memory, "peak_wset"):  # Windows
            return memory.peak_wset / 1e6
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS

    def _time(self, path: Path) -> list[float]:
        from detector.images import read_image

        start = time.perf_counter()
        image = read_image(path)
        read = time.perf_counter() - start
        stages = self._subject(image)
        return [1000 * read, *stages, 1000 * (time.perf_counter() - start)]
