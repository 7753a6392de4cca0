"""`ssdlite VERB ...`: a table of verbs, each the same as `python -m MODULE ...`."""

import argparse
import runpy
import sys

from configs.typed_form import use_verbs
from detector.command import CommandParser, escape_unencodable

VERBS = {
    "quickstart": ("demo.quickstart", "make, train and try a detector in three minutes, offline"),
    "webcam": ("demo.webcam", "live detection on a camera, a video or images"),
    "doctor": ("demo.doctor", "what works on this machine, and fixes for the rest"),
    "detect": ("detector.detect", "detect objects in images"),
    "shapes": ("training.shapes", "draw a data set of six shapes, to try everything out"),
    "check": ("training.check", "find what is wrong with a data set"),
    "preview": ("training.preview", "show what training will see"),
    "classify": ("training.classify", "name what images show; train that on yours"),
    "train": ("training.train", "train a detector on your own images"),
    "convert": ("training.convert", "write a data set as COCO, VOC or YOLO"),
    "export": ("detector.export", "to LiteRT, ONNX, OpenVINO, with proof that nothing was lost"),
    "eval": ("eval.coco", "measure COCO's mAP"),
    "compare": ("eval.compare", "two models side by side"),
    "bench": ("eval.latency", "speed, side by side"),
    "summary": ("detector.summary", "what a network costs"),
}


def main() -> None:
    """Run the module behind a verb, by name: this room imports no other."""
    escape_unencodable()  # for the help; each command does it for itself
    lines = [f"  {verb:11}{text} (python -m {module})" for verb, (module, text) in VERBS.items()]
    parser = CommandParser(
        prog="ssdlite",
        description="Small, fast object detection.",
        examples="\n".join(["verbs:", *lines, ""]),
        exits="that of the verb",
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB", help="one of the verbs below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="of the verb; try VERB --help")
    args = parser.parse_args()
    use_verbs({module: verb for verb, (module, _) in VERBS.items()})
    module = VERBS[args.verb][0]
    sys.argv = [module, *args.arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
