import json

import numpy as np
import pytest

from configs.errors import UserError
from detector.data.coco import coco_file
from detector.data.coco.read_coco import read_coco


def test_boxes_labels_and_marks_are_read(make):
    dataset = read_coco(make.coco())
    first, second = dataset
    assert (first.image_id, second.image_id) == (7, 3)  # in the file's order
    np.testing.assert_array_equal(first.boxes, [[0, 0, 64, 48]])
    np.testing.assert_array_equal(second.boxes, [[1.5, 2.25, 11.5, 22.25], [5, 6, 12, 14]])
    assert first.is_crowd.tolist() == [True]
    assert not second.is_crowd.any()
    assert second.elements == ("annotation 1", "annotation 5")
    assert (second.height, second.width) == (48, 64)
    assert second.boxes.dtype == np.float32


def test_labels_follow_the_category_ids_gaps_and_all(make):
    dataset = read_coco(make.coco())
    assert dataset.classes.names == ("cat", "zebra")
    assert dataset.classes.category_ids == (2, 90)
    assert dataset[1].labels.tolist() == [1, 0]


def test_the_area_is_the_files_own(make):
    assert read_coco(make.coco())[1].areas.tolist() == [200.0, 31.5]


def test_an_absent_area_is_that_of_the_box(make, ann):
    annotation = ann(1)
    del annotation["area"]
    assert read_coco(make.coco(annotations=[annotation]))[1].areas.tolist() == [56.0]


def test_images_without_objects_are_kept_as_negatives(make):
    dataset = read_coco(make.coco(annotations=[]))
    assert [len(sample) for sample in dataset] == [0, 0]
    assert dataset[0].boxes.shape == (0, 4)


def test_what_other_tools_call_ignored_is_difficult(make, ann):
    objects = [ann(1, ignore=1), ann(2, difficult="1"), ann(3, ignore=0)]
    assert read_coco(make.coco(annotations=objects))[1].is_difficult.tolist() == [True, True, False]


def test_what_ignore_alone_marks_can_be_told_from_difficult(make, ann):
    """pycocotools takes no notice of it, and evaluation has to do likewise."""
    objects = [ann(1, ignore=1), ann(2, difficult=1), ann(3, ignore=1, difficult=1), ann(4)]
    sample = read_coco(make.coco(annotations=objects))[1]
    assert sample.is_ignore.tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    "bbox",
    [
        pytest.param([0.1, 0.7, 0.2, 0.1], id="no float32"),
        pytest.param([15.92, 72.68, 29.56, 27.9], id="x + w - x is not w"),
        pytest.param([1, 2, 3, 4], id="whole numbers"),
        pytest.param([5, 5, -1e-6, 4], id="a negative width"),
        pytest.param([1 / 3, 1e-17, 1e5 / 7, 2 / 3], id="all digits"),
    ],
)
def test_the_files_own_numbers_are_kept_to_the_last_digit(make, ann, bbox):
    sample = read_coco(make.coco(annotations=[ann(1, bbox=bbox)]))[1]
    assert sample.own_xywh.tolist() == [bbox]
    x, y, w, h = bbox
    np.testing.assert_array_equal(sample.boxes, np.float32([[x, y, x + w, y + h]]))


def test_an_absent_area_is_that_of_the_files_own_numbers(make, ann):
    annotation = ann(1, bbox=[57.3, 21.8, 32, 32])
    del annotation["area"]
    assert read_coco(make.coco(annotations=[annotation]))[1].areas.tolist() == [1024.0]


def test_details_are_kept_only_on_request(make, ann):
    path = make.coco(
        annotations=[ann(4, segmentation=[[0, 0, 5, 0, 5, 5]], colour="red")], info={"year": 2020}
    )
    assert read_coco(path)[1].details == ()
    dataset = read_coco(path, details=True)
    kept = {"id": 4, "segmentation": [[0, 0, 5, 0, 5, 5]], "colour": "red"}
    assert dataset[1].details == (kept,)
    assert dataset.about["info"] == {"year": 2020}


@pytest.mark.parametrize("place", ["images", "val2017", "../val2017", "../images/val2017"])
def test_images_are_found_where_they_usually_lie(make, place):
    entries = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}]
    path = make.coco(images=entries, annotations=[], name="sub/instances_val2017.json")
    make.image(f"sub/{place}/a.jpg")
    assert read_coco(path)[0].path.samefile(make.root / "sub" / place / "a.jpg")


def test_the_folder_of_the_images_can_be_given(make, tmp_path):
    path = make.coco(name="elsewhere/data.json")
    assert len(read_coco(path, images=tmp_path)) == 2
    with pytest.raises(UserError, match=r"one\.jpg.* are not in .*/elsewhere$"):
        read_coco(path, images=tmp_path / "elsewhere")


ID_TYPES = {"numbers": int, "texts": str, "floats": float}


@pytest.mark.parametrize("there", ID_TYPES)
@pytest.mark.parametrize("here", ID_TYPES)
def test_ids_match_whatever_type_they_were_written_in(make, ann, here, there):
    """pandas writes 3.0, and many a script "3"."""
    listed = [
        {"id": ID_TYPES[here](number), "file_name": name, "width": 64, "height": 48}
        for number, name in ((7, "one.jpg"), (3, "two.jpg"))
    ]
    objects = [
        ann(1, image_id=ID_TYPES[there](3), category_id=ID_TYPES[there](90)),
        ann(2, image_id=ID_TYPES[there](3)),
        ann(3, image_id=ID_TYPES[there](7)),
    ]
    dataset = read_coco(make.coco(images=listed, annotations=objects))
    assert [sample.image_id for sample in dataset] == [
        str(i) if here == "texts" else i for i in (7, 3)
    ]
    assert [sample.labels.tolist() for sample in dataset] == [[0], [1, 0]]
    assert not dataset.findings


def test_where_a_number_and_its_text_are_two_ids_each_is_itself(make, ann):
    listed = [
        {"id": 1, "file_name": "one.jpg", "width": 64, "height": 48},
        {"id": "1", "file_name": "two.jpg", "width": 64, "height": 48},
    ]
    objects = [ann(1, image_id=1), ann(2, image_id="1"), ann(3, image_id="1")]
    dataset = read_coco(make.coco(images=listed, annotations=objects))
    assert [sample.elements for sample in dataset] == [
        ("annotation 1",),
        ("annotation 2", "annotation 3"),
    ]


def test_an_object_of_an_image_that_is_left_out_goes_to_no_other(make, ann, kinds):
    listed = [
        {"id": 1, "file_name": "one.jpg", "width": 64, "height": 48},
        {"id": "1", "file_name": "nowhere.jpg", "width": 64, "height": 48},
    ]
    dataset = read_coco(make.coco(images=listed, annotations=[ann(1, image_id="1")]))
    assert [len(sample) for sample in dataset] == [0]
    assert kinds(dataset) == ["missing-picture"]


@pytest.mark.parametrize("image_id", ["03", 3.5, "3.0", True])
def test_ids_that_only_look_alike_do_not_match(make, ann, kinds, image_id):
    dataset = read_coco(make.coco(annotations=[ann(1, image_id=image_id)]))
    assert kinds(dataset) == ["dangling-id"]


def test_category_ids_may_be_floats_that_are_whole(make, ann):
    categories = [{"id": 90.0, "name": "zebra"}, {"id": 2.0, "name": "cat"}]
    dataset = read_coco(make.coco(annotations=[ann(1, category_id=2.0)], categories=categories))
    assert dataset.classes.category_ids == (2, 90)
    assert all(type(one) is int for one in dataset.classes.category_ids)
    assert dataset[1].labels.tolist() == [0]


def test_a_file_of_which_no_image_is_left_is_refused(make):
    listed = [{"id": 1.5, "file_name": "one.jpg", "width": 64, "height": 48}]
    message = r"none of its 1 images can be used, such as images\[0\]: has no id or no file_name"
    with pytest.raises(UserError, match=message):
        read_coco(make.coco(images=listed))


def test_the_real_parts_open_with_80_categories_and_their_crowds(test_data):
    for part, images, objects, crowds in (
        ("train2017", 310, 2716, 26),
        ("val2017", 188, 1692, 20),
    ):
        path = test_data / f"data/coco/annotations/instances_{part}.json"
        dataset = read_coco(path)
        assert len(dataset) == images
        assert sum(len(sample) for sample in dataset) == objects
        assert sum(int(sample.is_crowd.sum()) for sample in dataset) == crowds
        assert len(dataset.classes) == 80
        assert not dataset.findings
        # Bit for bit what the file says, as an independent reading has it.
        raw = json.loads(path.read_text())
        wanted = sum(sum(a["bbox"]) for a in raw["annotations"])
        boxes = np.concatenate([sample.boxes for sample in dataset]).astype(float)
        got = (boxes[:, :2] + boxes[:, 2:] - boxes[:, :2]).sum()
        np.testing.assert_allclose(got, wanted, rtol=1e-6)


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_annotations_parsed_in_pieces_are_those_of_the_whole(make, ann, monkeypatch, piece):
    """Ids as numbers and as text, boxes of whole numbers, flags as words, areas left out."""
    odd = [ann(1), ann("2", image_id="3"), ann(3, bbox=[1, 2, 3, 4]), ann(4, iscrowd="true")]
    odd += [ann(5, bbox=[1, 2]), ann(6, area="31.5"), ann(7, category_id=9.5), ann(7)]
    path = make.coco(annotations=odd)
    whole = read_coco(path)
    monkeypatch.setattr(coco_file, "_PIECE", piece)
    dataset = read_coco(path)
    assert dataset.findings == whole.findings
    for found, expected in zip(dataset, whole, strict=True):
        assert found.elements == expected.elements
        for name in ("boxes", "labels", "is_crowd", "is_difficult", "areas"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_what_is_no_annotation_is_named_by_its_place_in_the_file(make, ann, monkeypatch):
    monkeypatch.setattr(coco_file, "_PIECE", 2)
    path = make.coco(annotations=[ann(1), ann(2), ann(3), "nothing"])
    with pytest.raises(UserError, match=r"got `str` - at `\$\.annotations\[3\]`"):
        read_coco(path)


def test_what_only_a_conversion_reads_is_refused_in_the_same_words(make, ann):
    path = make.coco(annotations=[ann(1)])
    path.write_text(path.read_text().replace('"area": ', '"area": 1e999, "was": '))
    with pytest.raises(UserError, match=r"not a COCO data set|damaged JSON"):
        read_coco(path, details=True)


@pytest.mark.parametrize("number", [7, 2**62, 2**70])
def test_an_id_of_any_length_may_be_text_on_one_side(make, ann, number):
    path = make.coco(annotations=[ann(1, image_id=str(number))])
    content = json.loads(path.read_text())
    content["images"][0]["id"] = number
    path.write_text(json.dumps(content))
    assert len(read_coco(path)[0]) == 1


def test_annotations_that_are_no_list_are_named(make):
    path = make.coco()
    path.write_text(json.dumps({**json.loads(path.read_text()), "annotations": None}))
    with pytest.raises(UserError, match=r"at `\$\.annotations`"):
        read_coco(path)


@pytest.mark.parametrize("place", ["data", "photos", "../data", "../2024-05 Trip"])
def test_images_are_found_in_any_folder_beside_the_file(make, place):
    entries = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}]
    path = make.coco(images=entries, annotations=[], name="annotations/labels.json")
    image = make.image(f"annotations/{place}/a.jpg")
    assert read_coco(path)[0].path.samefile(image)


def test_of_two_folders_with_the_images_none_is_guessed(make):
    entries = [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}]
    path = make.coco(images=entries, annotations=[], name="set/labels.json")
    images = [make.image(f"set/{place}/a.jpg").parent for place in ("new", "old")]
    with pytest.raises(UserError, match=f"may be those in {images[0]} and {images[1]}; name one"):
        read_coco(path)
    assert read_coco(path, images=images[1])[0].path.parent == images[1]


FOREIGN = [
    "../../label-studio/data/upload/1/{}",
    "/home/me/set/images/{}",
    "C:\\Users\\me\\images\\{}",
    "https://host.org/images/{}?x=1",
    "/data/local-files/?d=set/{}",
]


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("pattern", FOREIGN)
def test_a_moved_data_set_is_found_by_the_ends_of_its_paths(make, pattern, given):
    entries = [
        {"id": i, "file_name": pattern.format(name), "width": 64, "height": 48}
        for i, name in enumerate(["a.jpg", "b.jpg"])
    ]
    path = make.coco(images=entries, annotations=[], name="set/result.json")
    folder = make.image("set/images/a.jpg").parent
    make.image("set/images/b.jpg")
    dataset = read_coco(path, images=folder if given else None)
    assert [sample.path for sample in dataset] == [folder / "a.jpg", folder / "b.jpg"]
    assert dataset.findings == ()
    (note,) = dataset.notes
    assert note.startswith(f"2 images found by the end of the path: {pattern[:5]}")


def test_a_moved_image_that_two_could_be_is_told(make):
    entries = [
        {"id": i, "file_name": f"/home/me/{name}.jpg", "width": 64, "height": 48}
        for i, name in enumerate("ab")
    ]
    path = make.coco(images=entries, annotations=[], name="set/result.json")
    for name in ("x/a", "y/a", "x/b"):
        make.image(f"set/{name}.jpg")
    dataset = read_coco(path)
    assert len(dataset) == 1
    (finding,) = dataset.findings
    assert finding.kind.name == "missing-picture"
    assert f"may be {make.root}/set/x/a.jpg or {make.root}/set/y/a.jpg" in finding.message
    entries.pop()
    path = make.coco(images=entries, annotations=[], name="set/result.json")
    with pytest.raises(UserError, match=r"may be .*x/a\.jpg or .*y/a\.jpg; name their folder"):
        read_coco(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_says_the_encoding(make, encoding):
    path = make.coco()
    text = path.read_text()
    mark = "\ufeff" if encoding.endswith("-le") else ""
    path.write_text(mark + text, encoding=encoding)
    assert len(read_coco(path)) == 2


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_matters_only_in_a_box(make, ann, word):
    objects = [ann(1, area=0.125, note=0.125), ann(2), ann(3, bbox=[0.125, 6, 7, 8])]
    path = make.coco(annotations=objects)
    path.write_text(path.read_text().replace("0.125", word))
    dataset = read_coco(path, details=True)
    assert dataset[1].areas.tolist() == [56.0, 56.0]
    assert dataset[1].details[0] == {"id": 1, "note": None}
    (finding,) = dataset.findings
    assert (finding.kind.name, finding.element) == ("bad-object", "annotation 3")


def test_ids_that_start_anew_with_each_image_are_one_finding(make, ann):
    objects = [ann(i, image_id=image) for image in (3, 7) for i in range(1, 20)]
    dataset = read_coco(make.coco(annotations=[*objects, ann(50)]))
    assert sum(map(len, dataset)) == 39
    (finding,) = dataset.findings
    assert finding.message == "38 of 39 share their id with another, such as 1"


@pytest.mark.parametrize("flag", [1, 1.0, "1", "1.0", True, "true"])
def test_a_crowd_is_one_however_it_is_marked(make, ann, flag):
    dataset = read_coco(make.coco(annotations=[ann(1, iscrowd=flag), ann(2, iscrowd=0.0)]))
    assert dataset[1].is_crowd.tolist() == [True, False]
