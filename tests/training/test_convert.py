import json

import pytest

from configs.errors import UserError
from detector.data.open import open_dataset
from training.convert import main


@pytest.fixture
def pets(voc_maker, tmp_path):
    """Ten images, without splits: a cat in each, a kitten in six, a dog in four."""
    maker = voc_maker(tmp_path / "pets")
    for number, letter in enumerate("abcdefghij"):
        other = "kitten" if number < 6 else "dog"
        maker.add(f"photo{letter}", ("cat", 1, 1, 40, 40), (other, 30, 30, 90, 90))
    return maker.root


@pytest.mark.parametrize("form", ["coco", "voc", "yolo"])
def test_chosen_and_merged_classes_are_written(pets, tmp_path, capsys, form):
    choice = ("--merge", "cat=kitten", "--classes", "cat")
    assert main([str(pets), str(tmp_path / "new"), "--to", form, *choice]) == 0
    said = capsys.readouterr().out
    assert "note: class cat takes the objects of cat (10), kitten (6)" in said
    assert "note: only cat: 4 objects of other classes are dropped" in said
    new = open_dataset(tmp_path / "new")
    assert new.classes.names == ("cat",)
    assert sum(len(sample) for sample in new) == 16


def test_a_class_that_is_not_there_leaves_nothing(pets, tmp_path):
    with pytest.raises(UserError, match="unknown class 'cats'; did you mean 'cat'"):
        main([str(pets), str(tmp_path / "new"), "--to", "voc", "--classes", "cats"])
    assert not (tmp_path / "new").exists()


def test_a_split_that_is_written_out_is_kept(pets, tmp_path, capsys):
    for split in ("train", "val"):
        assert main([f"{pets}:{split}", str(tmp_path / split), "--to", "coco"]) == 0
    said = capsys.readouterr().out
    assert said.count(f"note: the split is kept in {pets}/ssdlite_splits.json") == 1
    listed = json.loads((pets / "ssdlite_splits.json").read_text())
    for split, names in listed.items():
        written = {sample.path.name for sample in open_dataset(tmp_path / split)}
        assert written == {name.rpartition("/")[2] for name in names}


def test_a_whole_data_set_is_written_without_a_split_being_made(pets, tmp_path):
    assert main([str(pets), str(tmp_path / "new"), "--to", "coco"]) == 0
    assert not (pets / "ssdlite_splits.json").exists()
