"""Convert a data set to COCO JSON, VOC or YOLO."""

from __future__ import annotations

import sys

from configs.typed_form import command_name
from detector.command import EXIT_OK, CommandParser, path, run

_EXAMPLES = """examples:
  python -m training.convert my_voc_folder my_coco --to coco
  python -m training.convert annotations.json my_voc --images photos --to voc
  python -m training.convert my_coco:val my_yolo --to yolo
  python -m training.convert my_coco my_voc --to voc --merge cat=kitten,tomcat --classes cat,dog

DST must be new or empty; images are copied, SRC is never touched.
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    parser = CommandParser("training.convert", "Write a data set in another form.", _EXAMPLES)
    parser.add_data("src")
    parser.add_argument("target", type=path, metavar="DST", help="folder to write")
    parser.add_class_choice()
    parser.add_argument("--to", required=True, choices=("coco", "voc", "yolo"), help="form")
    args = parser.parse_args(argv)
    from detector.data.class_choice import choose, class_choice
    from detector.data.open import open_dataset
    from detector.data.write import check_new_folder, write_dataset

    check_new_folder(args.target)
    choice = class_choice(args.classes, args.merge)
    source = open_dataset(args.src, args.images, details=True, voc_origin=args.voc_origin)
    dataset = choose(source, choice)
    notes = write_dataset(dataset, args.target, args.to)
    for note in (*dataset.notes, *dataset.keep_splits(), *notes):
        print(f"note: {note}")
    if dataset.findings:
        lost = f"{len(dataset.findings)} findings in the source ({command_name('training.check')})"
        print(f"{lost}, such as: {dataset.findings[0]}", file=sys.stderr)
    objects = sum(len(sample) for sample in dataset)
    print(f"saved {args.target}: {len(dataset)} images, {objects} objects, {args.to.upper()}")
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
