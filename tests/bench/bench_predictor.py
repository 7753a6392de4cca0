"""Prints what a frame costs against the bare network, side by side in one run: `make proofs`.

Not a test: speed never decides one.
"""

import os
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from detector.images import read_image
from detector.predictor import Predictor
from detector.preprocess import resize


def main() -> None:
    data = Path(os.environ.get("SSDLITE_TEST_DATA", ""))
    weights = data / "weights/ssdlite_mobilenet_v2_coco_20classes.npz"
    if not weights.is_file():
        sys.exit("SSDLITE_TEST_DATA does not name the folder of real images and weights")
    live = Predictor.load(str(weights))  # at the webcam's threshold
    strict = Predictor.load(str(weights), score_threshold=0.001)  # at the evaluation's
    photos = sorted((data / "data/coco/val2017").glob("*.jpg"))[:40]
    network, whole, postprocess = [], [], []
    for frame in [cv2.resize(read_image(photo), (640, 480)) for photo in photos] * 5:
        resized = resize(frame, 300)[None]
        network.append(milliseconds(lambda r=resized: live._runtime.run(r)))
        whole.append(milliseconds(lambda f=frame: live(f)))
        strict(frame)
        postprocess.append(strict.stage_ms["decode"] + strict.stage_ms["nms"])
    bare, full = np.median(network), np.median(whole)
    print(f"network alone              {bare:6.1f} ms")
    print(f"640x480 frame to detections {full:5.1f} ms: {full / bare:.3f} of the network alone")
    print(f"post-processing at 0.001   {np.median(postprocess):6.1f} ms")


def milliseconds(call) -> float:
    start = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    main()
