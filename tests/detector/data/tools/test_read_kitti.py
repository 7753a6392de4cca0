import pytest

from detector.data.open import open_dataset

CAR = "Car 0.88 3 -0.69 1.50 2.25 30.00 40.00 1.60 1.57 3.23 -2.70 1.74 3.68 -1.29"


@pytest.fixture
def kitti(make):
    """Writes label files and their images: `kitti({"a": lines}, under="training/")`."""

    def write(labels, under="", folders=("label_2", "image_2")):
        for stem, text in labels.items():
            make.image(f"{under}{folders[1]}/{stem}.png")
            make.text(f"{under}{folders[0]}/{stem}.txt", text)

    return write


@pytest.mark.parametrize("folders", [("label_2", "image_2"), ("labels", "data")])
def test_a_file_for_each_image(make, kitti, folders):
    kitti({"a": f"{CAR}\nPedestrian{CAR[3:]}\n", "b": ""}, folders=folders)
    dataset = open_dataset(make.root)
    assert dataset.form == "KITTI"
    assert dataset.classes.names == ("Car", "Pedestrian")
    assert dataset[0].boxes.tolist() == [[1.5, 2.25, 30, 40]] * 2
    assert len(dataset[1]) == 0


def test_a_class_with_a_space_and_a_score(make, kitti):
    """As datumaro writes it."""
    kitti({"a": f"dust bin{CAR[3:]} 1.0"})
    assert open_dataset(make.root).classes.names == ("dust bin",)


def test_regions_without_labels_are_counted(make, kitti):
    kitti({"a": f"{CAR}\nDontCare{CAR[3:]}\nDontCare{CAR[3:]}"})
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert dataset.notes == ("2 regions of DontCare left out",)


def test_an_image_without_a_label_file_is_empty(make, kitti, kinds):
    kitti({"a": CAR})
    make.image("image_2/b.png")
    dataset = open_dataset(make.root)
    assert [len(sample) for sample in dataset] == [1, 0]
    assert kinds(dataset) == ["missing-label-file"]


def test_a_label_file_without_an_image_is_told(make, kitti, kinds):
    kitti({"a": CAR})
    make.text("label_2/b.txt", CAR)
    dataset = open_dataset(make.root)
    assert len(dataset) == 1
    assert kinds(dataset) == ["missing-picture"]


def test_folders_of_splits(make, kitti):
    kitti({"a": CAR}, under="training/")
    kitti({"b": CAR}, under="val/")
    assert list(open_dataset(make.root).splits) == ["training", "val"]


@pytest.mark.parametrize("line", ["Car 1 2 3", f"{CAR} 1 2", "Car", CAR.replace("30.00", "x")])
def test_a_line_of_other_columns_is_left_out_and_told(make, kitti, kinds, line):
    kitti({"a": f"{CAR}\n{line}"})
    dataset = open_dataset(make.root)
    assert len(dataset[0]) == 1
    assert kinds(dataset) == ["bad-object"]


@pytest.mark.parametrize("text", ["0 0.5 0.5 0.25 0.25", "", "# a comment\n0 0.5 0.5 0.25 0.25"])
def test_yolo_is_not_taken_for_it(make, text):
    make.image("images/a.jpg")
    make.text("labels/a.txt", text)
    assert open_dataset(make.root).form == "YOLO"
