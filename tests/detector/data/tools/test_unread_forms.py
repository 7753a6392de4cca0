import json

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset

LINE = json.dumps({"data_row": {"id": "1"}, "projects": {}})
OF_YOLO = json.dumps({"type": "dataset", "task": "detect", "class_names": {"0": "cell"}})


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("set.zip", "PK", "is packed; unpack it and name the folder"),
        ("set.tar.gz", "", "is packed; unpack it"),
        ("train.parquet", "PAR1", "save the images and a metadata.jsonl"),
        ("export.ndjson", LINE, "is Labelbox's export; convert it to COCO with its SDK"),
        ("export.ndjson", OF_YOLO, "is Ultralytics' NDJSON; convert it with convert_ndjson"),
        ("export.ndjson", '{"a": 1, "b": 2}', "lines with a, b are of no known form"),
        ("labels.csv", "filename,class,xmin\n", "a CSV with the columns filename, class, xmin is"),
        ("labels.csv", "", "a CSV with the columns nothing is none of"),
    ],
)
def test_a_form_that_is_not_read_is_named(make, name, text, says):
    path = make.text(name, text)
    for data in (path, make.root):
        with pytest.raises(UserError, match=says):
            open_dataset(data)


def test_it_says_nothing_where_another_form_is_there(make):
    make.voc("a")
    make.text("backup.zip", "PK")
    make.text("data.csv", "a,b\n")
    assert open_dataset(make.root).form == "VOC"
