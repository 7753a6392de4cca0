"""Speed of training steps, in turns within one run: `python -m tests.bench.bench_training`.

Every variant is a process of its own that waits for its turn, so that whatever else the machine
does falls on all alike. With SSDLITE_TORCH_PYTHON naming a Python that has PyTorch, the same
network in PyTorch (`tests.bench.torch_step`) takes its turn too.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from typing import Any

_BATCH, _SIZE, _CLASSES, _OBJECTS = 16, 300, 20, 24
_ROUNDS, _STEPS = 10, 3
_PAUSE = 1.0  # seconds in which the threads of the last turn stop waiting for more
_VARIANTS = {
    "stock": "Keras as it is",
    "fused": "fused batch norm, everything trains",
    "folded": "folded batch norm, every convolution trains",
    "tap": "folded, frozen up to the first tap",
    "loss": "matching, loss and its gradient alone",
}


def main() -> None:
    """Print a table of images per second and ratios."""
    workers = {name: _start([sys.executable, "-m", __spec__.name, name]) for name in _VARIANTS}
    if torch_python := os.environ.get("SSDLITE_TORCH_PYTHON"):
        sizes = ["--batch", str(_BATCH), "--size", str(_SIZE), "--classes", str(_CLASSES)]
        workers["torch"] = _start([torch_python, "-m", "tests.bench.torch_step", *sizes])
    for worker in workers.values():
        _answer(worker)  # ready
    seconds: dict[str, list[float]] = {name: [] for name in workers}
    for _ in range(_ROUNDS):
        for name, worker in workers.items():
            seconds[name].append(_ask(worker))
    print(
        f"| {_BATCH} images of {_SIZE} px | s a step | images/s | against stock | fastest turns |"
    )
    print("|---|---|---|---|---|")
    for name, times in seconds.items():
        step = statistics.median(times)
        pairs = zip(seconds["stock"], times, strict=True)
        ratio = statistics.median(stock / own for stock, own in pairs)
        about = _VARIANTS.get(name, "PyTorch, channels last, everything trains")
        fastest = min(seconds["stock"]) / min(times)
        print(f"| {about} | {step:.3f} | {_BATCH / step:.1f} | {ratio:.2f}x | {fastest:.2f}x |")
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()


def _start(command: list[str]) -> Any:
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _answer(worker: Any) -> dict[str, Any]:
    return json.loads(worker.stdout.readline())


def _ask(worker: Any) -> float:
    time.sleep(_PAUSE)
    worker.stdin.write(f"{_STEPS}\n")
    worker.stdin.flush()
    return _answer(worker)["seconds"] / _STEPS


def work(variant: str) -> None:
    """Train as many steps as each line of stdin says, and say how long that took."""
    from detector.backend import start_keras

    start_keras()
    run = _loss_alone() if variant == "loss" else _steps(variant)
    run(1)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        run(1)  # untimed: caches and threads are cold after the others' turns
        begun = time.perf_counter()
        run(int(line))
        print(json.dumps({"seconds": time.perf_counter() - begun}), flush=True)


def _batch() -> Any:
    """Images of noise with a dozen objects each."""
    import numpy as np

    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.7, (_BATCH, _OBJECTS, 2))
    sides = rng.uniform(0.05, 0.3, (_BATCH, _OBJECTS, 2))
    labels = rng.integers(0, _CLASSES, (_BATCH, _OBJECTS)).astype(np.int32)
    labels[:, _OBJECTS // 2 :] = -1
    truth = {
        "boxes_fraction": np.concatenate([corners, corners + sides], -1).astype(np.float32),
        "labels": labels,
        "is_ignored": np.zeros((_BATCH, _OBJECTS), np.int32),
    }
    return rng.integers(0, 256, (_BATCH, _SIZE, _SIZE, 3), dtype=np.uint8), truth


def _steps(variant: str) -> Any:
    import tensorflow as tf

    from configs.load import load_config
    from detector.blocks import STOCK_NORM
    from detector.ssdlite import build_ssdlite
    from training.model.fused_norm import FusedBatchNormalization
    from training.model.networks import freeze
    from training.model.optimizer import make_optimizer
    from training.model.trainer import Trainer

    config = load_config("finetune", [f"model.input_size={_SIZE}"])
    norm = {"stock": STOCK_NORM, "fused": FusedBatchNormalization}.get(variant)
    network = build_ssdlite(config.model, _CLASSES, norm)
    freeze(network, "tap" if variant == "tap" else "none")
    trainer: Any = Trainer(network, config)
    trainer.compile(optimizer=make_optimizer(config.train, _BATCH, 10_000), jit_compile=False)
    data = tf.data.Dataset.from_tensors(_batch()).repeat()
    return lambda count: trainer.fit(data, steps_per_epoch=count, shuffle=False, verbose=0)


def _loss_alone() -> Any:
    import keras
    import tensorflow as tf

    from configs.load import load_config
    from detector.anchors import model_anchors
    from detector.ssdlite import build_ssdlite
    from training.model.trainer import Trainer

    config = load_config("finetune", [f"model.input_size={_SIZE}"])
    trainer = Trainer(build_ssdlite(config.model, _CLASSES, None), config)
    _, truth = _batch()
    anchors = len(model_anchors(config.model))
    shapes = {"box_deltas": (_BATCH, anchors, 4), "class_logits": (_BATCH, anchors, _CLASSES + 1)}
    outputs = {name: keras.random.normal(shape, seed=0) for name, shape in shapes.items()}

    @tf.function
    def once(truth: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            loss = trainer.compute_loss(y=truth, y_pred=outputs, training=False)
        return tape.gradient(loss, outputs)

    def run(count: int) -> None:
        for _ in range(count):
            once(truth)["box_deltas"].numpy()

    return run


if __name__ == "__main__":
    work(sys.argv[1]) if len(sys.argv) > 1 else main()
