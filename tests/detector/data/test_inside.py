import json

import pytest

from configs.errors import UserError
from detector.data.inside import data_root, refuse_strays
from detector.data.open import open_dataset
from detector.data.write import write_dataset


def coco(make, name, *file_names):
    images = [
        {"id": i, "file_name": file_name, "width": 64, "height": 48}
        for i, file_name in enumerate(file_names)
    ]
    content = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    return make.text(name, json.dumps(content))


def refusal(*data, **options):
    with pytest.raises(UserError) as caught:
        refuse_strays(open_dataset(*data, **options))
    return str(caught.value)


def test_an_image_outside_of_the_data_set_is_named_with_the_way_out(make):
    make.image("set/ok.jpg")
    secret = make.image("private/mine.jpg")
    coco(make, "set/a.json", "ok.jpg", "../private/mine.jpg")
    said = refusal(make.root / "set")
    assert f"names {make.root}/set/../private/mine.jpg outside of its folder" in said
    assert "--images" in said
    assert refusal(make.root / "set" / "a.json") == said.replace("/set names", "/set/a.json names")
    whole = open_dataset(make.root / "set", images=make.root)
    refuse_strays(whole)
    assert len(whole) == 2
    assert secret.exists()


def test_how_many_there_are_is_told(make):
    make.image("set/ok.jpg")
    for name in "abc":
        make.image(f"private/{name}.jpg")
    path = coco(make, "set/x.json", "ok.jpg", *(f"../private/{name}.jpg" for name in "abc"))
    assert "private/a.jpg and 2 more images outside" in refusal(path)


def test_an_absolute_path_elsewhere_is_outside(make):
    make.image("set/ok.jpg")
    path = coco(make, "set/x.json", "ok.jpg", str(make.image("private/mine.jpg")))
    assert "private/mine.jpg outside" in refusal(path)


def test_an_absolute_path_into_the_data_set_is_inside(make):
    path = coco(make, "set/x.json", str(make.image("set/photos/one.jpg")))
    refuse_strays(open_dataset(path))


def test_a_folder_beside_the_one_of_the_json_is_outside(make):
    make.image("private/mine.jpg")
    assert "outside" in refusal(coco(make, "set/x.json", "private/mine.jpg"))


def test_a_yolo_list_may_not_leave_the_data_set(make):
    make.image("set/images/ok.jpg")
    make.image("private/mine.jpg")
    make.text("set/train.txt", "images/ok.jpg\n../private/mine.jpg\n")
    path = make.text("set/data.yaml", "train: train.txt\nnames: [cat]\n")
    assert "private/mine.jpg outside" in refusal(path)
    refuse_strays(open_dataset(path, images=make.root / "private"))


def test_nothing_is_written_of_what_is_refused(make):
    make.image("set/ok.jpg")
    make.image("private/mine.jpg")
    dataset = open_dataset(coco(make, "set/x.json", "ok.jpg", "../private/mine.jpg"))
    with pytest.raises(UserError, match="outside"):
        write_dataset(dataset, make.root / "out", "coco")
    assert not (make.root / "out").exists()


def test_a_link_in_the_data_set_lies_there(make):
    target = make.image("archive/one.jpg")
    (make.root / "set").mkdir()
    (make.root / "set" / "one.jpg").symlink_to(target)
    (make.root / "set" / "all").symlink_to(target.parent)
    refuse_strays(open_dataset(coco(make, "set/x.json", "one.jpg", "all/one.jpg")))


@pytest.mark.parametrize("data", ["annotations/x.json", "annotations", "."])
@pytest.mark.parametrize("name", ["a.jpg", "../images/a.jpg", "images/a.jpg"])
def test_images_beside_a_folder_of_annotations_are_inside(make, monkeypatch, data, name):
    make.image("set/images/a.jpg")
    coco(make, "set/annotations/x.json", name)
    monkeypatch.chdir(make.root / "set")
    refuse_strays(open_dataset(data))
    refuse_strays(open_dataset(make.root / "set" / data))


def test_a_data_set_reached_by_a_link_is_itself(make):
    path = coco(make, "set/x.json", str(make.image("set/a.jpg")))
    (make.root / "link").symlink_to(path.parent)
    refuse_strays(open_dataset(make.root / "link"))


@pytest.mark.parametrize(
    "text",
    [
        "path: ../datasets/x\ntrain: images\nval: images\n",
        "train: ../datasets/x/images\nval: ../datasets/x/images\n",
        "path: {root}/datasets/x\ntrain: list.txt\nval: list.txt\n",
        "train: [../datasets/x/images]\n",
        "train: ../datasets/x/list.txt\n",
    ],
)
def test_a_folder_that_a_yaml_names_is_inside(make, text):
    make.image("datasets/x/images/a.jpg")
    make.text("datasets/x/list.txt", "./images/a.jpg\n")
    path = make.text("cfg/x.yaml", text.format(root=make.root) + "names: [cat]\n")
    refuse_strays(open_dataset(path))


def test_parts_may_lie_anywhere(make):
    make.voc("a", "b")
    make.image("other/set/ok.jpg")
    coco(make, "other/set/x.json", "ok.jpg")
    path = make.text("cfg/parts.yaml", "train: ..\nval: ../other/set\n")
    refuse_strays(open_dataset(path))


def test_a_part_may_not_leave_its_folder(make):
    make.image("private/mine.jpg")
    for part in ("one", "two"):
        make.image(f"{part}/ok.jpg")
    coco(make, "one/x.json", "ok.jpg")
    coco(make, "two/x.json", "ok.jpg", "../private/mine.jpg")
    assert "private" in refusal(make.text("cfg/parts.yaml", "train: ../one\nval: ../two\n"))


def test_the_root_of_a_folder_of_annotations_is_above_it(tmp_path):
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "set").mkdir()
    assert data_root(tmp_path / "Annotations") == tmp_path
    assert data_root(tmp_path / "Annotations" / "x.json") == tmp_path
    assert data_root(tmp_path / "set") == tmp_path / "set"
