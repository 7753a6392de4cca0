"""How much sooner the fast back end has COCO's figures than pycocotools, in one run: `make proofs`.

python -m tests.bench.bench_evaluator [IMAGES]: synthetic truth and detections of val2017's size.
"""

import contextlib
import importlib.util
import io
import sys
import time
from pathlib import Path

from eval.scoring.coco_form import ground_truth, results
from eval.scoring.evaluator import run_protocol


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    path = Path(__file__).parents[1] / "eval" / "conftest.py"
    spec = importlib.util.spec_from_file_location("made", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    eval_set = made.random_set(0, images, classes=80, objects=14, found=107)
    objects = sum(len(image.sample) for image in eval_set.images)
    detections = sum(len(image.detections) for image in eval_set.images)
    print(f"{images:,} images, {objects:,} objects, {detections:,} detections")
    seconds = {}
    for backend in ("fast", "pycocotools") * 2:
        truth, found = ground_truth(eval_set), results(eval_set)
        start = time.perf_counter()
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = run_protocol(truth, found, backend)
        seconds.setdefault(backend, []).append(time.perf_counter() - start)
        print(f"  {backend:12}{seconds[backend][-1]:7.2f} s   AP {evaluation.stats[0]:.15f}")
    print(f"  {min(seconds['pycocotools']) / min(seconds['fast']):.1f}x as fast")


if __name__ == "__main__":
    main()
