import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from training.convert import main as convert

LABELIMG = "<path>/home/me/a.jpg</path><source><database>Unknown</database></source>"
VOC2007 = (
    "<source><database>The VOC2007 Database</database>"
    "<annotation>PASCAL VOC2007</annotation></source>"
)
DATUMARO = (
    "<source><database>Unknown</database><annotation>Unknown</annotation>"
    "<image>Unknown</image></source>"
)
LABEL_STUDIO = (
    "<source><database>MyDatabase</database><annotation>COCO2017</annotation></source>"
    "<owner><name>Label Studio</name></owner>"
)
FIFTYONE = "<path>/home/me/a.jpg</path><source><database></database></source>"
SUPERVISION = "<folder>VOC</folder><source><database>roboflow.ai</database></source>"
ROBOFLOW = "<path>a.jpg</path><source><database>roboflow.com</database></source>"

INSIDE = (11, 6, 40, 30)


@pytest.fixture
def voc_of(make, obj):
    """A data set with one XML for each argument: `voc_of(MARKS, corners, corners ...)`."""

    def write(marks, *corners, name="a"):
        make.image(f"images/{name}.jpg")
        objects = [obj("cat", *edges) for edges in corners]
        make.xml(f"annotations/{name}.xml", *objects, extra=marks)
        return make.root

    return write


def boxes_of(data, **options):
    return open_dataset(data, **options)[0].boxes.tolist()


def shifted(corners):
    return [corners[0] - 1, corners[1] - 1, *corners[2:]]


@pytest.mark.parametrize(
    ("marks", "corners", "why"),
    [
        pytest.param("", [(0, 0, 64, 48), INSIDE], "1 box begins at 0", id="the whole image"),
        pytest.param("", [(0, 9, 20, 20), (9, 0, 20, 20)], "2 boxes begin at 0", id="two zeros"),
        pytest.param("", [(-1, 9, 20, 20)], "1 box begins below 1", id="below zero"),
        pytest.param("", [(0.4, 9, 20, 20)], "1 box begins below 1", id="between 0 and 1"),
        pytest.param("", [(10.25, 8.5, 40.75, 30.125)], "1 box has fractions", id="fractions"),
        pytest.param(VOC2007, [(0, 6, 9, 9)], "1 box begins at 0", id="VOC's marks copied"),
        pytest.param(VOC2007, [(5.25, 6, 9, 9)], "1 box has fractions", id="not VOC's fractions"),
        pytest.param(ROBOFLOW, [(0, 6, 9, 9)], "1 box begins at 0", id="Roboflow"),
        pytest.param(LABELIMG, [INSIDE], "as labelImg writes them, with 1 for 0", id="labelImg"),
        pytest.param(
            DATUMARO, [("11.0", 6, 40, 30)], "as datumaro writes them", id="datumaro, CVAT"
        ),
        pytest.param(LABEL_STUDIO, [INSIDE], "as Label Studio writes them", id="Label Studio"),
        pytest.param(FIFTYONE, [INSIDE], "as FiftyOne writes them", id="FiftyOne"),
    ],
)
def test_corners_are_0_based(voc_of, marks, corners, why):
    dataset = open_dataset(voc_of(marks, *corners))
    np.testing.assert_allclose(dataset[0].boxes, np.array(corners, np.float32))
    assert len(dataset.notes) == 1
    assert dataset.notes[0].startswith("VOC corners are 0-based: ")
    assert why in dataset.notes[0]


@pytest.mark.parametrize(
    ("marks", "corners"),
    [
        pytest.param(VOC2007, [INSIDE], id="VOC"),
        pytest.param(VOC2007, [("45.70000076293945", 6, 50, 30)], id="VOC's own fractions"),
        pytest.param(SUPERVISION, [INSIDE], id="supervision"),
        pytest.param(SUPERVISION, [(0, 6, 9, 9), (1, 1, 9, 9)], id="supervision, outside"),
    ],
)
def test_corners_are_1_based_without_a_word(voc_of, marks, corners):
    dataset = open_dataset(voc_of(marks, *corners))
    expected = [shifted([float(edge) for edge in edges]) for edges in corners]
    np.testing.assert_allclose(dataset[0].boxes, expected, atol=1e-5)
    assert dataset.notes == ()


@pytest.mark.parametrize(
    "corners",
    [
        pytest.param([(1, 1, 64, 48), INSIDE], id="the whole image"),
        pytest.param([(1, 5, 64, 40), (5.5, 6, 9, 9)], id="its whole width, with fractions"),
        pytest.param([(1, row, 30, 40) for row in range(3, 15)], id="many at the left edge"),
    ],
)
def test_boxes_that_begin_at_1_show_where_the_edge_is(voc_of, corners):
    dataset = open_dataset(voc_of("", *corners))
    assert dataset[0].boxes.tolist() == [shifted(edges) for edges in corners]
    assert "VOC corners are 1-based: " in dataset.notes[0]


@pytest.mark.parametrize(
    ("marks", "corners"),
    [
        pytest.param("", [INSIDE], id="no marks"),
        pytest.param(ROBOFLOW, [INSIDE], id="Roboflow"),
        pytest.param(DATUMARO, [INSIDE], id="datumaro with whole numbers, which may be either"),
        pytest.param("", [INSIDE, (-20, 3, 400, 9)], id="a box that is wrong either way"),
        pytest.param("", [INSIDE, (0, 0, 0, 0)], id="a box without area"),
    ],
)
def test_where_nothing_tells_it_is_vocs_rule_and_a_note_names_the_switch(voc_of, marks, corners):
    dataset = open_dataset(voc_of(marks, *corners))
    assert dataset[0].boxes[0].tolist() == shifted(INSIDE)
    assert len(dataset.notes) == 1
    assert "--voc-origin 0 or voc_origin: 0" in dataset.notes[0]


def test_labelimg_writes_1_where_it_means_0(voc_of):
    assert boxes_of(voc_of(LABELIMG, (1, 1, 20, 16))) == [[0, 0, 20, 16]]


def test_who_writes_a_0_beside_a_1_means_1(voc_of):
    corners = [(1, 1, 20, 16), (0, 5, 9, 9)]
    assert boxes_of(voc_of(LABELIMG, *corners)) == [list(edges) for edges in corners]


def test_each_writer_is_judged_by_itself(voc_of):
    voc_of(VOC2007, INSIDE, name="a")
    dataset = open_dataset(voc_of(LABELIMG, INSIDE, name="b"))
    assert [sample.boxes.tolist() for sample in dataset] == [[shifted(INSIDE)], [list(INSIDE)]]


def test_unmarked_files_follow_the_others(voc_of):
    voc_of(LABELIMG, INSIDE, name="b")
    dataset = open_dataset(voc_of("", INSIDE, name="a"))
    assert dataset[0].boxes.tolist() == [list(INSIDE)]
    assert "where nothing tells, VOC corners are taken as 0-based" in dataset.notes[1]


@pytest.mark.parametrize("origin", [0, 1])
@pytest.mark.parametrize("corners", [INSIDE, (0, 6, 9, 9)])
def test_the_user_decides(voc_of, origin, corners):
    dataset = open_dataset(voc_of("", corners), voc_origin=origin)
    assert dataset[0].boxes.tolist() == [shifted(corners) if origin else list(corners)]
    assert dataset.notes == ()


@pytest.mark.parametrize("origin", [0, 1])
def test_a_yaml_of_parts_decides(voc_of, make, origin):
    voc_of("", INSIDE)
    parts = make.text("parts.yaml", f"train: .\nvoc_origin: {origin}\n")
    assert boxes_of(parts) == [shifted(INSIDE) if origin else list(INSIDE)]


def test_the_command_line_beats_the_yaml(voc_of, make):
    voc_of("", INSIDE)
    parts = make.text("parts.yaml", "train: .\nvoc_origin: 0\n")
    assert boxes_of(parts, voc_origin=1) == [shifted(INSIDE)]


def test_a_part_that_is_a_yaml_decides_for_itself(voc_of, make):
    voc_of("", INSIDE)
    make.text("zero.yaml", "train: .\nvoc_origin: 0\n")
    parts = make.text("parts.yaml", "train: .\nval: zero.yaml\n")
    boxes = [sample.boxes.tolist() for sample in open_dataset(f"{parts}:val")]
    assert boxes == [[list(INSIDE)]]


@pytest.mark.parametrize("said", ["2", "true", "one", "0.0"])
def test_another_origin_is_refused(voc_of, make, said):
    voc_of("", INSIDE)
    parts = make.text("parts.yaml", f"train: .\nvoc_origin: {said}\n")
    with pytest.raises(UserError, match=r"voc_origin is .*, not 0 or 1"):
        open_dataset(parts)


@pytest.mark.parametrize("order", [("train", "valid"), ("valid", "train")])
def test_a_part_that_does_not_tell_follows_the_one_that_does(make, obj, order):
    for part, corners in zip(order, [(0, 6, 9, 9), INSIDE], strict=True):
        make.image(f"{part}/{part}.jpg")
        make.xml(f"{part}/{part}.xml", obj("cat", *corners))
    dataset = open_dataset(make.root)
    assert dataset.split(order[1])[0].boxes.tolist() == [list(INSIDE)]
    assert not any("--voc-origin" in note for note in dataset.notes)


def test_parts_that_tell_different_things_keep_to_them(make, obj):
    for part, marks in (("train", VOC2007), ("valid", LABELIMG)):
        make.image(f"{part}/{part}.jpg")
        make.xml(f"{part}/{part}.xml", obj("cat", *INSIDE), extra=marks)
    dataset = open_dataset(make.root)
    assert [s.boxes.tolist() for s in dataset] == [[shifted(INSIDE)], [list(INSIDE)]]


@pytest.mark.parametrize("marks", ["", VOC2007, LABELIMG, DATUMARO, LABEL_STUDIO, FIFTYONE])
@pytest.mark.parametrize("corners", [(0, 0, 64, 48), (1.5, 0.25, 9.75, 9.5), INSIDE])
def test_what_convert_writes_counts_from_1_and_is_read_so(voc_of, tmp_path, marks, corners):
    voc_of(marks, corners)
    before = open_dataset(tmp_path, details=True)
    assert convert([str(tmp_path), f"{tmp_path}/new", "--to", "voc"]) == 0
    after = open_dataset(tmp_path / "new")
    np.testing.assert_array_equal(after[0].boxes, before[0].boxes)
    assert after.notes == ()


def test_the_real_sets(test_data):
    """Raccoon and BCCD were drawn in labelImg, foda in CVAT."""
    origins = {
        name: open_dataset(test_data / "data" / name).voc_origin
        for name in ("VOCdevkit/VOC2012", "bccd", "raccoon", "foda")
    }
    assert origins == {"VOCdevkit/VOC2012": 1, "bccd": 0, "raccoon": 0, "foda": 0}
