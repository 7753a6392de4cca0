import json

import pytest

from detector.data.json_kind import json_kind

KINDS = {
    "COCO JSON": {"info": {}, "images": [], "annotations": [], "categories": []},
    "LabelMe": {"version": "5.0", "shapes": [], "imagePath": "a.jpg"},
    "VIA": {"_via_settings": {}, "_via_img_metadata": {}},
    "COCO results": [{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 0.5}],
    "CreateML": [{"image": "a.jpg", "annotations": []}],
    "Label Studio": [{"id": 1, "data": {}, "annotations": []}],
    "": {"images": 3},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_json_is_told_by_its_keys(tmp_path, kind):
    (tmp_path / "a.json").write_text(json.dumps(KINDS[kind]))
    assert json_kind(tmp_path / "a.json") == kind


@pytest.mark.parametrize("text", ["", "{", "[]", "[1]", "3", "[" * 5000])
def test_what_is_no_json_of_a_data_set_is_of_no_kind(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    assert json_kind(tmp_path / "a.json") == ""
