"""What the two heads cost: parameters, multiply-adds, and time in LiteRT, float and int8, in turns.

    python -m tests.bench.bench_heads [--classes 20] [--size 300] [--rounds 60]

Weights are random: they change no operation.
"""

import argparse
import time

import numpy as np

from configs.schema import ModelConfig
from detector.backend import start_keras

HEADS = ("ssdlite", "ssdlite_plus")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--classes", type=int, default=20)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=60)
    args = parser.parse_args()
    start_keras()
    models = {}
    for head in HEADS:
        config = ModelConfig(head=head, input_size=args.size)
        models |= _models(config, args.classes)
    for threads in (1, 2):
        times = _times(models, threads, args.rounds)
        for form in ("float", "int8"):
            base, plus = (1000 * times[head, form] for head in HEADS)
            print(
                f"{form:5} {threads} threads: {np.median(base):.2f} and {np.median(plus):.2f} ms; "
                f"ratio of medians {np.median(plus) / np.median(base):.3f}, "
                f"of the fastest {plus.min() / base.min():.3f}"
            )


def _models(config: ModelConfig, classes: int) -> dict[tuple[str, str], bytes]:
    from detector.costs import layer_costs
    from detector.exporting.converters import to_tflite
    from detector.exporting.frozen_graph import raw_function
    from detector.network import build_detector

    costs = layer_costs(build_detector(config, classes))
    parameters = sum(cost.parameters for cost in costs)
    multiply_adds = sum(cost.multiply_adds for cost in costs)
    network = build_detector(config, classes, None, None)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, network.input_shape[1:], dtype=np.uint8) for _ in range(4)]
    real = to_tflite(raw_function(network))
    whole = to_tflite(raw_function(network, "float32"), images)
    print(
        f"{config.head:13} {parameters:,} parameters, {multiply_adds / 1e9:.3f} G multiply-adds, "
        f"{len(real) / 1e6:.1f} and {len(whole) / 1e6:.1f} MB"
    )
    return {(config.head, "float"): real, (config.head, "int8"): whole}


def _times(
    models: dict[tuple[str, str], bytes], threads: int, rounds: int
) -> dict[tuple[str, str], np.ndarray]:
    """Seconds of each round, in which every model has its turn."""
    from ai_edge_litert.interpreter import Interpreter

    engines = {}
    for name, model in models.items():
        engine = Interpreter(model_content=model, num_threads=threads)
        engine.allocate_tensors()
        (about,) = engine.get_input_details()
        engine.set_tensor(about["index"], np.full(about["shape"], 100, about["dtype"]))
        engine.invoke()
        engines[name] = engine
    seconds = {name: np.zeros(rounds) for name in engines}
    for number in range(rounds):
        for name, engine in engines.items():
            start = time.perf_counter()
            engine.invoke()
            seconds[name][number] = time.perf_counter() - start
    return seconds


if __name__ == "__main__":
    main()
