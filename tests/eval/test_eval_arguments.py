import pytest

from configs.errors import UserError
from eval import coco, voc


@pytest.mark.parametrize("command", [coco.main, voc.main])
def test_a_results_file_is_not_looked_at_in_tiles(command, tmp_path):
    with pytest.raises(UserError, match="--slice belongs to a MODEL"):
        command(["--detections", str(tmp_path / "found.json"), "data", "--slice", "300"])
