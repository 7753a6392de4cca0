"""labelImg: what its main window calls on saving, without the window.

The window writes beside the image, or into one folder that the user chose.
"""

import os

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from libs.labelFile import LabelFile
from source import boxes, copy, fresh, images


def shapes(image):
    return [
        {"label": name, "difficult": False, "points": [(x1, y1), (x2, y1), (x2, y2), (x1, y2)]}
        for _, name, x1, y1, x2, y2 in boxes(image)
    ]


def write(form, suffix, save):
    folder = copy(images(), fresh(form))
    for one in images():
        file = folder / one["file"]
        save(LabelFile(), str(file.with_suffix(suffix)), shapes(one), str(file))


classes = []  # the window's list of labels, in the order in which they were first used
write("voc", ".xml", lambda file, *args: file.save_pascal_voc_format(*args, None))
write("yolo", ".txt", lambda file, *args: file.save_yolo_format(*args, None, classes))
write("createml", ".json", lambda file, *args: file.save_create_ml_format(*args, None, classes))
