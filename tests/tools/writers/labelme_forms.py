"""labelme: its label files, with and without the image inside.

A rectangle is drawn from any corner to the opposite one, and kept in that order.
"""

from labelme._label_file import LabelFile
from source import boxes, copy, fresh, images


def shape(number, name, x1, y1, x2, y2):
    corners = ([x1, y1], [x2, y2]), ([x2, y2], [x1, y1]), ([x1, y2], [x2, y1])
    return {
        "label": name,
        "points": list(corners[number % 3]),
        "group_id": None,
        "description": "",
        "shape_type": "rectangle",
        "flags": {},
        "mask": None,
    }


def write(folder, one, with_image):
    file = folder / one["file"]
    LabelFile().save(
        str(file.with_suffix(".json")),
        shapes=[shape(i, *rest[1:]) for i, rest in enumerate(boxes(one))],
        image_path=one["file"],
        image_height=one["height"],
        image_width=one["width"],
        image_data=LabelFile.load_image_file(str(file)) if with_image else None,
    )


for form, with_image in (("labelme", False), ("labelme-with-image-data", True)):
    folder = copy(images(), fresh(form))
    for one in images():
        write(folder, one, with_image)
