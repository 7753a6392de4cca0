"""How fast a COCO JSON of train2017's size opens, against pycocotools in the same run.

Run by `make proofs`: python -m tests.bench.bench_coco [IMAGES]. Each opens the file in a process
of its own, in turn; the figures are seconds and the peak of that process's memory.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TRAIN2017 = (118_287, 860_001)  # images and boxes


def write_like_train2017(folder: Path, count: int) -> Path:
    """A COCO JSON with outlines, and an empty file for every image."""
    rng = np.random.default_rng(0)
    boxes = round(count * TRAIN2017[1] / TRAIN2017[0])
    images = [
        {
            "license": 3,
            "file_name": f"{i:012}.jpg",
            "coco_url": f"http://images.cocodataset.org/train2017/{i:012}.jpg",
            "height": 480,
            "width": 640,
            "date_captured": "2013-11-14 11:18:45",
            "flickr_url": "http://farm9.staticflickr.com/8186/8119368305_4e622c8349_z.jpg",
            "id": i,
        }
        for i in range(1, count + 1)
    ]
    (folder / "train2017").mkdir()
    for image in images:
        (folder / "train2017" / image["file_name"]).touch()
    path = folder / "instances_train2017.json"
    with path.open("w") as file:
        file.write('{"info": {}, "licenses": [], "images": ')
        json.dump(images, file)
        file.write(', "annotations": [')
        for i in range(boxes):
            file.write(", " * (i > 0) + json.dumps(_annotation(i, count, rng)))
        names = [{"supercategory": "thing", "id": i, "name": f"class {i}"} for i in range(1, 91)]
        file.write(f'], "categories": {json.dumps(names)}}}')
    return path


def _annotation(i: int, images: int, rng: np.random.Generator) -> dict:
    points = rng.uniform(0, 400, 2 * int(rng.integers(8, 36))).round(2).tolist()
    x, y, w, h = rng.uniform(1, 200, 4).round(2).tolist()
    return {
        "segmentation": [points],
        "area": w * h / 2,
        "iscrowd": 0,
        "image_id": int(rng.integers(1, images + 1)),
        "bbox": [x, y, w, h],
        "category_id": int(rng.integers(1, 91)),
        "id": i + 1,
    }


def _ours(path: Path) -> int:
    from detector.data.coco.read_coco import read_coco

    return len(read_coco(path))


def _theirs(path: Path) -> int:
    from pycocotools.coco import COCO

    return len(COCO(str(path)).imgs)


def _measure(opener, path: Path, answer) -> None:
    start = time.perf_counter()
    count = opener(path)
    seconds = time.perf_counter() - start
    answer.send((count, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def in_a_process(opener, path: Path) -> tuple[int, float, float]:
    """Images, seconds and peak MB of one opening."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe()
    process = context.Process(target=_measure, args=(opener, path, sender))
    process.start()
    answer = receiver.recv()
    process.join()
    return answer


def main() -> None:
    images = int(sys.argv[1]) if len(sys.argv) > 1 else TRAIN2017[0]
    with tempfile.TemporaryDirectory() as folder:
        path = write_like_train2017(Path(folder), images)
        print(f"{images:,} images, {path.stat().st_size / 1e6:.0f} MB of JSON")
        for _ in range(2):
            ours, theirs = in_a_process(_ours, path), in_a_process(_theirs, path)
            assert ours[0] == theirs[0] == images
            for name, (_, seconds, peak) in (("open_dataset", ours), ("pycocotools", theirs)):
                print(f"  {name:14}{seconds:7.2f} s   peak {peak:6.0f} MB")
            print(f"  {theirs[1] / ours[1]:.2f}x as fast, {ours[2] / theirs[2]:.2f}x the memory")


if __name__ == "__main__":
    main()
