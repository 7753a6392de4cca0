import numpy as np
import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from detector.images import read_image
from detector.shapes import generator
from detector.shapes.generator import write_shapes
from detector.shapes.outlines import SHAPES

pytestmark = pytest.mark.slow  # hundreds of images are drawn


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "set"
    return folder, write_shapes(folder, 40, seed=3)


def test_what_was_drawn_can_be_read_back(written):
    folder, dataset = written
    known = {sample.path.name: sample for sample in dataset}
    opened = open_dataset(folder)
    assert len(opened) == 40
    assert set(opened.classes.names) == set(SHAPES)
    for sample in opened:
        drawn = known[sample.path.name]
        np.testing.assert_allclose(sample.boxes, drawn.boxes, atol=1e-3)
        names = [opened.classes.names[label] for label in sample.labels]
        assert names == [SHAPES[label] for label in drawn.labels]
        assert read_image(sample.path).shape == (drawn.height, drawn.width, 3)


def test_splits_share_no_image_and_leave_none_out(written):
    folder, _ = written
    splits = open_dataset(folder).splits
    rows = np.concatenate(list(splits.values()))
    assert {name: len(part) for name, part in splits.items()} == {"train": 28, "val": 6, "test": 6}
    assert sorted(rows.tolist()) == list(range(40))


def test_images_have_several_sizes(written):
    _, dataset = written
    assert len({(sample.height, sample.width) for sample in dataset}) == 4


def test_an_image_is_the_same_however_many_are_written(written, tmp_path):
    folder, _ = written
    write_shapes(tmp_path / "few", 3, seed=3)
    name = "JPEGImages/shapes_000002.jpg"
    assert (tmp_path / "few" / name).read_bytes() == (folder / name).read_bytes()


def test_a_split_without_a_share_is_left_out(tmp_path):
    dataset = write_shapes(tmp_path / "set", 4, val_share=0.5, test_share=0)
    assert {name: len(rows) for name, rows in dataset.splits.items()} == {"train": 2, "val": 2}


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty; name a new folder"):
        write_shapes(tmp_path, 3)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_shares_that_leave_nothing_to_train_on_are_refused(tmp_path):
    with pytest.raises(UserError, match="of 10 images, val 5 and test 5 leave none"):
        write_shapes(tmp_path / "set", 10, val_share=0.5, test_share=0.5)
    assert not (tmp_path / "set").exists()


def test_an_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(seed, index, *rest):
        if index == 2:
            raise KeyboardInterrupt
        return draw_scene(seed, index, *rest)

    draw_scene = generator.draw_scene
    monkeypatch.setattr(generator, "draw_scene", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_shapes(tmp_path / "set", 5)
    assert not list(tmp_path.iterdir())
