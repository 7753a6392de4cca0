import json

import numpy as np
import pytest

from detector.data.open import open_dataset

BOX = {"type": "bbox", "label_id": 0, "group": 0, "attributes": {}, "bbox": [1, 2.5, 10, 20]}


@pytest.fixture
def datumaro(make):
    """Writes a part: `datumaro("train", {"a": [annotation, ...]})`."""

    def write(part, items, images="images/{part}/"):
        for name in items:
            make.image(f"{images.format(part=part)}{name}.jpg")
        labels = [{"name": name, "parent": "", "attributes": []} for name in ("cell", "dust bin")]
        listed = [
            {
                "id": name,
                "annotations": found,
                "image": {"path": f"{name}.jpg", "size": [48, 64]},
            }
            for name, found in items.items()
        ]
        content = {"categories": {"label": {"labels": labels}}, "items": listed}
        return make.text(f"annotations/{part}.json", json.dumps(content))

    return write


def test_a_file_for_each_part(make, datumaro):
    path = datumaro("train", {"a": [BOX, {**BOX, "label_id": 1}]})
    datumaro("val", {"a": []})
    dataset = open_dataset(make.root)
    assert dataset.form == "datumaro"
    assert dataset.classes.names == ("cell", "dust bin")
    assert list(dataset.splits) == ["train", "val"]
    assert dataset[0].boxes.tolist() == [[1, 2.5, 11, 22.5]] * 2
    assert [sample.path.parent.name for sample in dataset] == ["train", "val"]
    assert len(open_dataset(path)) == 1
    assert not dataset.findings


@pytest.mark.parametrize(
    ("annotation", "box"),
    [
        ({**BOX, "type": "polygon", "points": [5, 5, 9, 2, 7, 8], "bbox": None}, [5, 2, 9, 8]),
        ({**BOX, "type": "rotated_bbox", "bbox": None, "points": [20, 20, 20, 10, 90]},
         [15, 10, 25, 30]),
    ],
)  # fmt: skip
def test_of_other_shapes_the_bounds_are_the_box(make, datumaro, annotation, box):
    datumaro("default", {"a": [annotation]})
    np.testing.assert_allclose(open_dataset(make.root)[0].boxes, [box], atol=1e-4)


@pytest.mark.parametrize(
    ("annotation", "says"),
    [
        ({**BOX, "type": "points"}, "is a points, which has no box"),
        ({**BOX, "type": "mask"}, "is a mask, which has no box"),
        ({**BOX, "bbox": [1, 2]}, "is a bbox of 2 numbers"),
        ({**BOX, "label_id": 7}, "its label_id 7 is none of the 2 labels"),
        ({**BOX, "label_id": None}, "its label_id None"),
        ({**BOX, "bbox": [1, 2, 3, "x"]}, "its coordinate is 'x'"),
    ],
)
def test_an_annotation_without_a_box_is_refused_by_name(make, datumaro, kinds, annotation, says):
    datumaro("default", {"a": [BOX, annotation]})
    dataset = open_dataset(make.root)
    assert kinds(dataset) == ["bad-object"]
    assert says in str(dataset.findings[0])


def test_shapes_of_one_group_are_one_object(make, datumaro):
    pieces = [{**BOX, "group": 4}, {**BOX, "group": 4, "bbox": [20, 1, 5, 5]}, {**BOX, "group": 5}]
    datumaro("default", {"a": pieces})
    assert open_dataset(make.root)[0].boxes.tolist() == [[1, 1, 25, 22.5], [1, 2.5, 11, 22.5]]


def test_crowds_and_labels_of_whole_images(make, datumaro):
    crowd = {**BOX, "attributes": {"is_crowd": True}}
    datumaro("default", {"a": [crowd, {"type": "label", "label_id": 0}]})
    dataset = open_dataset(make.root)
    assert dataset[0].is_crowd.tolist() == [True]
    assert dataset.notes == ("1 image label left out",)
