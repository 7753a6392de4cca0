"""What real tools write is read to a thousandth of a pixel: every folder of `tests/written/`.

`tests/tools/write_with_tools.py` says how they were made. Where a form cannot hold the truth, its
`expected.json` says what it holds, and why.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

WRITTEN = Path(__file__).parents[2] / "written"
FORMS = sorted(
    file.parent.relative_to(WRITTEN).as_posix() for file in WRITTEN.glob("*/*/layout.txt")
)
TRUTH = json.loads((WRITTEN / "truth.json").read_text())

NOT_READ = {
    "datumaro-1.13.12/label_me": "LabelMe's XML of old",
    "datumaro-1.13.12/wider_face": "WIDER FACE",
    "globox-2.9.0/txt": "absolute corners in text",
}
"""Forms that are refused by name, and what they are."""


class Image(NamedTuple):
    """An image as it should be read: its size, its split, and `(name, corners)` of its objects."""

    size: tuple[int, int]
    split: str
    objects: list


def expected(form: str) -> tuple[list[str], dict[str, Image]]:
    """The classes, and the images by the names that their files have in this form."""
    file = WRITTEN / form / "expected.json"
    differs = json.loads(file.read_text()) if file.exists() else {}
    truth = {one["file"]: one for one in TRUTH["images"]}
    images = {}
    for line in (WRITTEN / form / "layout.txt").read_text().splitlines():
        place, name, split = line.split()
        if name not in differs.get("absent", ()):
            one = truth[name]
            objects = differs.get("objects", {}).get(name, one["objects"])
            file_name = name if place == "-" else Path(place).name
            images[file_name] = Image((one["width"], one["height"]), split, objects)
    return differs.get("classes", TRUTH["classes"]), images


@pytest.mark.parametrize("form", [form for form in FORMS if form not in NOT_READ])
def test_a_data_set_is_read_as_its_tool_wrote_it(form, written):
    classes, images = expected(form)
    dataset = open_dataset(written(form))
    read = {sample.path.name: sample for sample in dataset}

    assert dataset.classes.names == tuple(classes)
    assert read.keys() == images.keys()
    for name, image in images.items():
        sample = read[name]
        assert (sample.width, sample.height) == image.size
        assert [dataset.classes.names[label] for label in sample.labels] == [
            name for name, _ in image.objects
        ]
        corners = np.reshape([corners for _, corners in image.objects], (-1, 4))
        np.testing.assert_allclose(sample.boxes, corners, rtol=0, atol=1e-3)
    for split in {image.split for image in images.values()} - {"-"}:
        members = {sample.path.name for sample in dataset.split(split)}
        assert members == {name for name, image in images.items() if image.split == split}


@pytest.mark.parametrize("form", NOT_READ)
def test_a_form_that_is_not_read_is_refused(form, written):
    with pytest.raises(UserError):
        open_dataset(written(form))
