import pytest

from configs.errors import UserError
from configs.load import load_config
from training.run_folder import Origin, RunFolder
from training.train import main


@pytest.fixture
def begun(tmp_path):
    """A run's folder, of a data set that has gone since; `begun("--data", "x")` resumes it."""
    origin = Origin(f"{tmp_path}/gone", None, "none", None, None, 40, "abc")
    RunFolder(tmp_path / "run").create(load_config("finetune"), origin, {})
    return lambda *more: main(["--output", str(tmp_path / "run"), "--resume", *more])


@pytest.mark.parametrize("spelling", ["gone", "gone/", "./gone"])
def test_the_same_data_may_be_named_otherwise(begun, tmp_path, spelling):
    with pytest.raises(UserError, match="no such data set"):  # and not: begun otherwise
        begun("--data", f"{tmp_path}/{spelling}")


@pytest.mark.parametrize(
    ("arguments", "change"),
    [
        (("--data", "other"), "--data: .*/gone -> other"),
        (("--images", "pictures"), "--images: None -> pictures"),
        (("--start", "coco"), "--start: none -> coco"),
        (("--time", "5m"), "--time: None -> 300.0"),
        (("--overfit", "2"), "--overfit: None -> 2"),
        (("--set", "train.epochs=7"), "train.epochs: 40 -> 7"),
    ],
)
def test_another_run_is_not_resumed(begun, arguments, change):
    with pytest.raises(UserError, match=f"was begun otherwise: {change}; .* begin another run$"):
        begun(*arguments)


def test_a_run_that_learnt_something_is_named_as_a_start(begun, tmp_path):
    (tmp_path / "run/best").mkdir()
    with pytest.raises(UserError, match=r"begin another run with --start .*/run$"):
        begun("--time", "5m")
