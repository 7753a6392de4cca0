import json

import pytest
from PIL import Image

from configs.errors import UserError
from eval import coco, voc


@pytest.mark.parametrize("command", [coco.main, voc.main])
def test_a_results_file_is_not_looked_at_in_tiles(command, tmp_path):
    with pytest.raises(UserError, match="--slice belongs to a MODEL"):
        command(["--detections", str(tmp_path / "found.json"), "data", "--slice", "300"])


@pytest.mark.parametrize("command", [coco.main, voc.main])
def test_a_dry_run_tells_of_tiles_larger_than_an_image(command, tmp_path):
    Image.new("RGB", (320, 240)).save(tmp_path / "a.png")
    truth = {
        "images": [{"id": 1, "file_name": "a.png", "width": 320, "height": 240}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [9, 9, 50, 50]}],
        "categories": [{"id": 1, "name": "circle"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(UserError, match=r"a.png is 320x240 px, smaller than a tile of 321 px"):
        command(["shapes", str(tmp_path / "truth.json"), "--slice", "321", "--dry-run"])
