import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from configs.errors import UserError
from detector.data.voc.voc_file import from_voc_corners, read_voc_annotation, to_voc_corners


def test_corners_are_one_based_and_inclusive(make, obj):
    """Pixel 1 to pixel 64 of a 64 px wide image is all of it."""
    path = make.xml("a.xml", obj("cat", 1, 1, 64, 48))
    np.testing.assert_array_equal(read_voc_annotation(path).objects[0].corners, [1, 1, 64, 48])


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 4096, width=32)))
def test_corners_there_and_back(boxes):
    np.testing.assert_allclose(from_voc_corners(to_voc_corners(boxes)), boxes, rtol=0, atol=1e-12)


def test_a_coordinate_may_be_a_float(make, obj):
    """VOC2012 itself holds 281.70000076293945."""
    path = make.xml("a.xml", obj("cat", "45.70000076293945", 6, " 50.5 ", 30))
    box = from_voc_corners(read_voc_annotation(path).objects[0].corners)
    np.testing.assert_allclose(box, [44.7, 5, 50.5, 30], atol=1e-5)


@pytest.mark.parametrize(
    ("extra", "difficult"),
    [
        pytest.param("", False, id="missing"),
        pytest.param("<difficult>1</difficult>", True, id="1"),
        pytest.param("<difficult>0</difficult>", False, id="0"),
        pytest.param("<difficult>True</difficult>", True, id="true"),
        pytest.param("<difficult/>", False, id="empty"),
        pytest.param("<difficult>Unspecified</difficult>", False, id="a word"),
    ],
)
def test_the_difficult_flag(make, obj, extra, difficult):
    path = make.xml("a.xml", obj("cat", 1, 1, 9, 9, extra))
    assert read_voc_annotation(path).objects[0].is_difficult is difficult


def test_everything_else_is_kept(make, obj):
    extra = "<pose>Left</pose><part><name>head</name></part><part><name>foot</name></part>"
    path = make.xml(
        "a.xml", obj("cat", 1, 1, 9, 9, extra), extra="<source><image>flickr</image></source>"
    )
    annotation = read_voc_annotation(path)
    assert annotation.objects[0].details == {
        "pose": "Left",
        "part": [{"name": "head"}, {"name": "foot"}],
    }
    assert annotation.about == {"source": {"image": "flickr"}}


def test_a_missing_size_and_filename_are_no_error(make, obj):
    annotation = read_voc_annotation(make.xml("a.xml", obj("cat", 1, 1, 9, 9), size=None))
    assert (annotation.height, annotation.width, annotation.filename) == (0, 0, "")
    assert not annotation.findings


def test_entities_are_refused(make):
    """A billion laughs would fill the memory; a file entity would read any file."""
    bomb = '<!DOCTYPE a [<!ENTITY l "lol"><!ENTITY m "&l;&l;">]><annotation>&m;</annotation>'
    with pytest.raises(UserError, match=r"a\.xml: has XML entities"):
        read_voc_annotation(make.text("a.xml", bomb))


def test_other_encodings_are_read(make, tmp_path, obj):
    text = (
        f'<?xml version="1.0" encoding="latin-1"?><annotation>{obj("Bär", 1, 1, 9, 9)}</annotation>'
    )
    (tmp_path / "a.xml").write_bytes(text.encode("latin-1"))
    assert read_voc_annotation(tmp_path / "a.xml").objects[0].name == "Bär"


def test_elements_nested_ten_thousand_deep_are_one_line(make):
    deep = "<a>" * 10_000 + "</a>" * 10_000
    with pytest.raises(UserError, match=r"a\.xml: "):
        read_voc_annotation(make.text("a.xml", f"<annotation>{deep}</annotation>"))


@pytest.mark.parametrize(
    ("degrees", "corners"),
    [
        pytest.param("0.0", (20, 20, 40, 30), id="not at all"),
        pytest.param("180", (20, 20, 40, 30), id="half a turn"),
        pytest.param("90", (25, 15, 35, 35), id="a quarter"),
        pytest.param("-90", (25, 15, 35, 35), id="back"),
        pytest.param("45", (30 - 10.6066, 25 - 10.6066, 30 + 10.6066, 25 + 10.6066), id="45"),
    ],
)
def test_a_box_that_cvat_has_rotated_becomes_the_box_around_it(make, obj, degrees, corners):
    noted = f"<attribute><name>rotation</name><value>{degrees}</value></attribute>"
    other = "<attribute><name>track_id</name><value>7</value></attribute>"
    extra = f"<attributes>{noted}{other}</attributes>"
    one = read_voc_annotation(make.xml("a.xml", obj("cat", 20, 20, 40, 30, extra))).objects[0]
    np.testing.assert_allclose(one.corners, corners, atol=1e-3)
    assert one.is_rotated == (degrees not in ("0.0", "180"))
    names = [entry["name"] for entry in one.details["attributes"]["attribute"]]
    assert names == (["track_id"] if one.is_rotated else ["rotation", "track_id"])


@pytest.mark.parametrize(
    "extra",
    [
        "<part><name>head</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>3</xmax>"
        "<ymax>3</ymax></bndbox></part>",
        "<keypoints><x1>3</x1><y1>4</y1></keypoints>",
        "<polygon><x1>3</x1><y1>4</y1></polygon>",
        "<attributes><attribute><name>rotation</name></attribute></attributes>",
        "<attributes>rotation</attributes>",
    ],
)
def test_what_else_an_object_holds_is_not_its_box(make, obj, extra):
    annotation = read_voc_annotation(make.xml("a.xml", obj("cat", 11, 6, 40, 30, extra)))
    assert annotation.objects[0].corners == (11, 6, 40, 30)
    assert not annotation.findings


@pytest.mark.parametrize("shape", ["robndbox", "polygon"])
def test_an_object_without_a_box_names_what_it_has(make, shape):
    text = f"<object><name>cat</name><{shape}><cx>9</cx></{shape}></object>"
    annotation = read_voc_annotation(make.xml("a.xml", text))
    assert annotation.objects == []
    assert f"has no bndbox, only a {shape}" in str(annotation.findings[0])
