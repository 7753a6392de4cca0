import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

BOX = '<box label="cell" occluded="0" xtl="1.50" ytl="2.25" xbr="30.00" ybr="40.00" z_order="0"/>'


@pytest.fixture
def cvat(make):
    """Writes CVAT's XML: `cvat({"a.jpg": shapes, ...}, meta="", name="annotations.xml")`."""

    def write(images, meta="", name="annotations.xml", more="", attributes=""):
        text = "".join(
            f'<image id="{i}" name="{image}" width="64" height="48" {attributes}>{shapes}</image>'
            for i, (image, shapes) in enumerate(images.items())
        )
        return make.text(
            name, f"<annotations><version>1.1</version>{meta}{text}{more}</annotations>"
        )

    return write


def labels(*names, kind=""):
    listed = "".join(f"<label><name>{name}</name>{kind}</label>" for name in names)
    return f"<meta><task><labels>{listed}</labels></task></meta>"


@pytest.mark.parametrize("where", ["images/", "data/", ""])
def test_an_export_with_its_images(make, cvat, where):
    make.image(f"{where}a.jpg")
    make.image(f"{where}b.jpg")
    cvat({"a.jpg": BOX, "b.jpg": ""}, labels("dog", "cell"))
    dataset = open_dataset(make.root)
    assert dataset.form == "CVAT XML"
    assert dataset.classes.names == ("dog", "cell")
    assert dataset[0].boxes.tolist() == [[1.5, 2.25, 30, 40]]
    assert [len(sample) for sample in dataset] == [1, 0]
    assert not dataset.findings


def test_the_file_is_the_same_as_its_folder(make, cvat):
    make.image("images/a.jpg")
    path = cvat({"a.jpg": BOX})
    assert open_dataset(path)[0].boxes.tolist() == open_dataset(make.root)[0].boxes.tolist()


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        pytest.param(
            '<polygon label="cell" points="5.00,6.00;9.50,2.00;7.00,8.00"/>',
            [5, 2, 9.5, 8],
            id="polygon",
        ),
        pytest.param(
            '<ellipse label="cell" cx="20" cy="20" rx="10" ry="5"/>', [10, 15, 30, 25], id="ellipse"
        ),
        pytest.param(
            '<ellipse label="cell" cx="20" cy="20" rx="10" ry="5" rotation="90"/>',
            [15, 10, 25, 30],
            id="turned ellipse",
        ),
        pytest.param(
            '<mask label="cell" rle="3,4" left="7" top="8" width="10" height="4"/>',
            [7, 8, 17, 12],
            id="mask",
        ),
        pytest.param(
            '<box label="cell" xtl="10" ytl="15" xbr="30" ybr="25" rotation="90.00"/>',
            [15, 10, 25, 30],
            id="turned by 90 degrees",
        ),
        pytest.param(
            '<box label="cell" xtl="10" ytl="10" xbr="20" ybr="20" rotation="45"/>',
            [15 - 50**0.5, 15 - 50**0.5, 15 + 50**0.5, 15 + 50**0.5],
            id="turned by 45 degrees",
        ),
    ],
)
def test_of_other_shapes_the_bounds_are_the_box(make, cvat, shape, box):
    make.image("a.jpg")
    cvat({"a.jpg": shape})
    dataset = open_dataset(make.root)
    np.testing.assert_allclose(dataset[0].boxes, [box], atol=1e-4)
    assert "boxes are the bounds of what was drawn: 1 " in dataset.notes[0]


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ('<points label="cell" points="1,2"/>', "is a points, which has no box"),
        ('<polyline label="cell" points="1,2;3,4"/>', "is a polyline, which has no box"),
        ('<skeleton label="cell"><points label="nose" points="1,2"/></skeleton>', "is a skeleton"),
        ('<cuboid label="cell" xtl1="1"/>', "is a cuboid, which has no box"),
        ('<box label="" xtl="1" ytl="1" xbr="2" ybr="2"/>', "has no class"),
        ('<box label="cell" xtl="1" ytl="1" xbr="2"/>', "its ybr is 'None', not a number"),
        ('<box label="cell" xtl="nan" ytl="1" xbr="2" ybr="2"/>', "its xtl is 'nan'"),
        ('<polygon label="cell" points="1,2;3"/>', "points that are not pairs"),
        ('<polygon label="cell" points="1,2;3,4"/>', "is a polygon of 2 points"),
    ],
)
def test_a_shape_without_a_box_is_refused_by_name(make, cvat, kinds, shape, says):
    make.image("a.jpg")
    cvat({"a.jpg": BOX + shape})
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


def test_tags_of_whole_images_are_counted(make, cvat):
    make.image("a.jpg")
    cvat({"a.jpg": f'{BOX}<tag label="night"/><tag label="rain"/>'})
    assert open_dataset(make.root).notes == ("2 image tags left out",)


def test_labels_of_skeletons_and_tags_are_no_classes(make, cvat):
    make.image("a.jpg")
    kind = "<type>skeleton</type>"
    cvat({"a.jpg": BOX}, labels("cell") + labels("person", kind=kind))
    assert open_dataset(make.root).classes.names == ("cell",)


@pytest.mark.parametrize("placed", ["images/Train/", "images/"])
def test_a_project_has_subsets(make, cvat, placed):
    make.image(f"{placed}a.jpg")
    make.image(f"{placed}b.jpg")
    image = '<image id="{0}" name="{1}.jpg" subset="{2}" width="64" height="48">{3}</image>'
    more = image.format(0, "a", "Train", BOX) + image.format(1, "b", "Validation", BOX)
    cvat({}, more=more)
    dataset = open_dataset(make.root)
    assert {name: rows.tolist() for name, rows in dataset.splits.items()} == {
        "Train": [0],
        "Validation": [1],
    }
    assert [s.path.name for s in open_dataset(f"{make.root}:val")] == ["b.jpg"]


def test_a_file_for_each_part(make, cvat):
    make.image("images/a.jpg")
    make.image("images/b.jpg")
    cvat({"a.jpg": BOX}, name="train.xml")
    cvat({"b.jpg": BOX}, name="val.xml")
    dataset = open_dataset(make.root)
    assert list(dataset.splits) == ["train", "val"]
    assert not dataset.findings


def test_tracks_of_a_video_name_the_export_to_choose(make, cvat):
    cvat({}, more='<track id="0" label="cell"><box frame="0"/></track>')
    with pytest.raises(UserError, match=r'export it as "CVAT for images 1\.1" or "COCO 1\.0"'):
        open_dataset(make.root)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<annotations><image", "damaged XML"),
        ("<annotations></annotations>", "no annotated image in it"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "XML entities"),
    ],
)
def test_a_damaged_file_is_told(make, text, says):
    make.text("annotations.xml", text)
    with pytest.raises(UserError, match=says):
        open_dataset(make.root)


def test_attributes_are_details(make, cvat):
    make.image("a.jpg")
    cvat({"a.jpg": BOX.replace("/>", '><attribute name="age">old</attribute></box>')})
    details = open_dataset(make.root, details=True)[0].details[0]
    assert details == {"occluded": "0", "z_order": "0", "age": "old"}


def test_a_voc_folder_is_still_voc(make, obj):
    make.voc("a")
    assert open_dataset(make.root).form == "VOC"
