"""What real tools write is read to a thousandth of a pixel: every folder of `tests/written/`.

`tests/tools/write_with_tools.py` says how they were made. Where a form cannot hold the truth, its
`expected.json` says what it holds, and why.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from training.check import main as check

WRITTEN = Path(__file__).parents[2] / "written"
FORMS = sorted(
    file.parent.relative_to(WRITTEN).as_posix() for file in WRITTEN.glob("*/*/layout.txt")
)
TRUTH = json.loads((WRITTEN / "truth.json").read_text())

ROW = re.compile(r"\| (.+) \| (\S+) (\S+) \| `ssdlite check (\S+)` \| (yes|no)(.*) \|")


class Row(NamedTuple):
    """A row of the table in docs/data.md."""

    form: str
    is_read: bool
    but: str  # what the tool has changed


def rows() -> dict[str, Row]:
    """The table, by the folder in `tests/written/`."""
    lines = (WRITTEN.parents[1] / "docs/data.md").read_text(encoding="utf-8").splitlines()
    found = filter(None, map(ROW.fullmatch, lines))
    return {f"{m[2]}-{m[3]}/{m[4]}": Row(m[1], m[5] == "yes", m[6]) for m in found}


ROWS = rows()
READ = [form for form, row in ROWS.items() if row.is_read]


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


@pytest.mark.parametrize("form", READ)
def test_a_data_set_is_read_as_its_tool_wrote_it(form, written):
    classes, images = expected(form)
    dataset = open_dataset(written(form))
    read = {sample.path.name: sample for sample in dataset}

    assert dataset.form == ROWS[form].form
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


def test_the_docs_have_a_row_for_each_folder():
    assert sorted(ROWS) == FORMS


@pytest.mark.parametrize("form", READ)
def test_the_docs_say_what_a_tool_has_changed(form):
    assert bool(ROWS[form].but) == (WRITTEN / form / "expected.json").exists()


@pytest.mark.slow
@pytest.mark.parametrize("form", ROWS)
def test_the_command_in_the_docs_counts_every_object(form, written, tmp_path):
    classes, images = expected(form)
    command = [str(written(form)), "--json", str(tmp_path / "check.json")]
    if not ROWS[form].is_read:
        with pytest.raises(UserError):
            check(command)
        return
    check(command)
    counts = json.loads((tmp_path / "check.json").read_text())["counts"]
    assert counts["images"] == len(images)
    assert counts["objects"] == sum(len(image.objects) for image in images.values())
    assert list(counts["per_class"]) == classes
