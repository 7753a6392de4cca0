import json

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

RECT = {"name": "rect", "x": 1, "y": 2.5, "width": 10, "height": 20}


def region(shape=RECT, **attributes):
    return {"shape_attributes": dict(shape), "region_attributes": attributes or {"label": "cell"}}


def entry(name, regions, size=100):
    return {f"{name}{size}": {"filename": name, "size": size, "regions": regions}}


@pytest.fixture
def via(make):
    """Writes VIA's JSON: `via(entry, ...)`, as a project or only its annotations."""

    def write(*entries, project=False, name="via.json"):
        content = {key: value for one in entries for key, value in one.items()}
        for one in content.values():
            make.image(f"images/{one['filename']}")
        whole = {"_via_settings": {}, "_via_img_metadata": content, "_via_attributes": {}}
        return make.text(name, json.dumps(whole if project else content))

    return write


@pytest.mark.parametrize("project", [True, False])
@pytest.mark.parametrize("version", [1, 2])
def test_a_project_and_its_annotations(make, via, project, version):
    regions = [region(), region(label="bin")]
    listed = {str(i): one for i, one in enumerate(regions)} if version == 1 else regions
    path = via(entry("a.jpg", listed), entry("b.jpg", {} if version == 1 else []), project=project)
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert dataset.form == "VIA"
        assert dataset.classes.names == ("bin", "cell")
        assert dataset[0].boxes.tolist() == [[1, 2.5, 11, 22.5]] * 2
        assert len(dataset[1]) == 0


def test_the_csv(make):
    make.image("a.jpg")
    make.image("b.jpg")
    head = "filename,file_size,file_attributes,region_count,region_id"
    shape, label = (json.dumps(x).replace('"', '""') for x in (RECT, {"class": "cell"}))
    path = make.text(
        "via.csv",
        f"{head},region_shape_attributes,region_attributes\n"
        f'a.jpg,100,"{{}}",1,0,"{shape}","{label}"\n'
        'b.jpg,100,"{}",0,0,"{}","{}"\n',
    )
    for data in (path, make.root):
        dataset = open_dataset(data)
        assert [sample.boxes.tolist() for sample in dataset] == [[[1, 2.5, 11, 22.5]], []]


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"name": "circle", "cx": 20, "cy": 21, "r": 5}, [15, 16, 25, 26]),
        ({"name": "ellipse", "cx": 20, "cy": 20, "rx": 10, "ry": 5}, [10, 15, 30, 25]),
        (
            {"name": "ellipse", "cx": 20, "cy": 20, "rx": 10, "ry": 5, "theta": np.pi / 2},
            [15, 10, 25, 30],
        ),
        (
            {"name": "polygon", "all_points_x": [5, 9, 7], "all_points_y": [5, 2, 8]},
            [5, 2, 9, 8],
        ),
    ],
)
def test_of_other_shapes_the_bounds_are_the_box(make, via, shape, box):
    via(entry("a.jpg", [region(shape)]))
    np.testing.assert_allclose(open_dataset(make.root)[0].boxes, [box], atol=1e-4)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (region({"name": "point", "cx": 1, "cy": 2}), "is a point, which has no box"),
        (region({"name": "polyline", "all_points_x": [1, 2]}), "is a polyline"),
        (region({"name": "rect", "x": 1}), "its y is 'None'"),
        (region({"name": "polygon", "all_points_x": [1], "all_points_y": []}), "without an x or"),
        (region(label=""), "has no class"),
        (region(label={"cell": True, "bin": True}), "has 2 classes ticked"),
    ],
)
def test_a_region_without_a_box_is_refused_by_name(make, via, kinds, wrong, says):
    via(entry("a.jpg", [region(), wrong]))
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ({"balloon": "red"}, "red"),
        ({"label": "cell", "size": "large"}, "cell"),
        ({"Type": "cell", "size": "large"}, "cell"),
        ({"kinds": {"cell": True, "bin": False}}, "cell"),
    ],
)
def test_the_attribute_that_holds_the_class(make, via, attributes, name):
    via(entry("a.jpg", [region(**attributes)]))
    assert open_dataset(make.root).classes.names == (name,)


def test_an_attribute_that_cannot_be_told_is_asked_for(make, via):
    via(entry("a.jpg", [region(size="large", colour="red")]))
    with pytest.raises(UserError, match="which of its attributes colour, size is the class"):
        open_dataset(make.root)


def test_without_attributes_there_is_one_class(make, via):
    via(entry("a.jpg", [{"shape_attributes": RECT, "region_attributes": {}}]))
    dataset = open_dataset(make.root)
    assert dataset.classes.names == ("object",)
    assert "names no classes" in dataset.notes[0]
