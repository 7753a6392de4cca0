import json

import pytest

from detector.data.json_kind import json_kind, unread

COCO = {"info": {}, "images": [{"id": 1}], "categories": [{"id": 1}], "annotations": [{"id": 1}]}
CAPTION = {"id": 1, "image_id": 1, "caption": "a cat"}
KINDS = {
    "COCO JSON": [
        COCO,
        COCO | {"annotations": []},
        COCO | {"categories": []},
        COCO | {"info": float("nan")},
    ],
    "COCO captions": [{"images": [], "annotations": [CAPTION]}],
    "COCO panoptic": [COCO | {"annotations": [{"segments_info": []}]}],
    "COCO image list": [
        {"images": [{"id": 1}], "categories": [{"id": 1}]},
        COCO | {"annotations": [], "categories": []},
    ],
    "COCO results": [[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}]],
    "LabelMe": [{"version": "5.0", "shapes": [], "imagePath": "a.jpg"}],
    "VIA": [
        {"_via_settings": {}, "_via_img_metadata": {}},
        {"a.jpg1554": {"filename": "a.jpg", "size": 1554, "regions": []}},
    ],
    "VIA 3": [{"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}}],
    "datumaro": [{"dm_format_version": "1.0", "infos": {}, "categories": {}, "items": []}],
    "Supervisely": [{"description": "", "tags": [], "size": {}, "objects": []}],
    "Supervisely project": [{"classes": [], "tags": [], "projectType": "images"}],
    "FiftyOne": [{"classes": ["cell"], "labels": {}}],
    "FiftyOne dataset": [{"samples": []}],
    "Label Studio": [[{"id": 1, "data": {}, "annotations": []}]],
    "Label Studio before 1.0": [[{"id": 1, "data": {}, "completions": []}]],
    "Label Studio JSON-MIN": [[{"image": "a.jpg", "annotator": 1, "annotation_id": 1}]],
    "CreateML": [[{"image": "a.jpg", "annotations": []}]],
    "Labelbox": [[{"data_row": {}, "projects": {}}]],
    "Scalabel": [[{"name": "a.jpg", "labels": []}], {"frames": [], "config": {}}],
    "": [{"images": 3}, {}, {"categories": [], "info": {}}, {"name": "pkg", "version": "1"}],
}
CASES = [(kind, content) for kind, contents in KINDS.items() for content in contents]


@pytest.mark.parametrize(("kind", "content"), CASES)
def test_a_json_is_told_by_its_keys(tmp_path, kind, content):
    (tmp_path / "a.json").write_text(json.dumps(content))
    assert json_kind(tmp_path / "a.json") == kind


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "3", "[" * 5000])
def test_what_is_no_json_of_a_data_set_is_of_no_kind(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert json_kind(tmp_path / "a.json") == ""


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_does_not_hide_the_form(tmp_path, encoding):
    (tmp_path / "a.json").write_text(json.dumps(COCO), encoding=encoding)
    assert json_kind(tmp_path / "a.json") == "COCO JSON"


def test_a_file_with_a_json_in_each_line_is_told_by_the_first(tmp_path):
    line = json.dumps({"data_row": {}, "projects": {}})
    (tmp_path / "a.json").write_text(f"{line}\n{line}\n")
    assert json_kind(tmp_path / "a.json") == "Labelbox"


def test_a_file_is_looked_at_again_when_it_has_changed(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(COCO))
    assert json_kind(path) == "COCO JSON"
    path.write_text("{}")
    assert json_kind(path) == ""


READ = "LabelMe VIA datumaro Supervisely FiftyOne CreateML".split()
READ += ["Label Studio", "Label Studio before 1.0", "Label Studio JSON-MIN"]
READ += ["Supervisely project"]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("", "COCO JSON", *READ)])
def test_a_form_that_is_not_read_is_named_with_what_to_do(tmp_path, kind):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(KINDS[kind][0]))
    said = str(unread(path))
    assert said.startswith(f"{path} is of {kind}, a form that is not read; ")
    assert len(said.split("; ")[1]) > 20


@pytest.mark.parametrize("kind", READ)
def test_of_a_form_that_is_read_elsewhere_the_folder_is_asked_for(tmp_path, kind):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(KINDS[kind][0]))
    assert str(unread(path)).startswith(f"{path} is of {kind}; name its folder")
