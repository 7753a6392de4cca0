import re

import numpy as np
import pytest

from configs.load import load_config
from configs.schema import Config, ModelConfig
from detector.anchors import model_anchors
from detector.command import run
from detector.data.open import open_dataset
from training import preview
from training.batches.loader import Batch
from training.doctor.preview_page import first_images, seen_in, to_html

ANCHORS = model_anchors(ModelConfig())


def one_image(boxes, is_ignored) -> Batch:
    """A batch of image 4, with room for five objects."""
    batch, count = Batch.empty(1, 300, 5), len(boxes)
    batch.indices[0] = 4
    batch.boxes_fraction[0, :count] = np.reshape(boxes, (-1, 4))
    batch.labels[0, :count] = range(count)
    batch.is_ignored[0, :count] = is_ignored
    return batch


def test_each_object_has_the_anchors_matched_to_it():
    boxes = [ANCHORS[427], ANCHORS[1500]]
    (seen,) = seen_in(one_image(boxes, [False, False]), Config())
    assert seen.index == 4
    for own, box in zip(seen.anchors_of, boxes, strict=True):
        assert (np.abs(own - box).max(axis=1) < 1e-6).any()


def test_ignored_objects_have_no_anchor():
    boxes = [ANCHORS[427], ANCHORS[1500]]
    (seen,) = seen_in(one_image(boxes, [True, False]), Config())
    assert seen.is_ignored.tolist() == [True, False]
    assert len(seen.anchors_of[0]) == 0 and len(seen.anchors_of[1]) > 0


def test_an_image_without_objects_is_shown_too():
    (seen,) = seen_in(one_image([], []), Config())
    assert seen.anchors_of == []


def test_images_are_of_the_first_epochs_size_and_so_are_their_anchors(voc):
    voc.add("a", ("cat", 10, 10, 90, 80))
    settings = ["model.head=ssdlite", "model.input_size=96", "train.input_sizes=[160]"]
    config = load_config("finetune", settings)
    dataset = open_dataset(voc.root)
    (seen,) = first_images(dataset, config, 1)
    assert seen.image.shape == (160, 160, 3)
    there = {tuple(one) for one in model_anchors(config.model.at_size(160)).tolist()}
    assert {tuple(one) for one in np.concatenate(seen.anchors_of).tolist()} <= there
    assert "finetune, 160 px" in to_html(dataset, config, "finetune", [seen])


PLUS = Config(model={"head": "ssdlite_plus"})


def test_of_ssdlite_plus_the_centres_that_can_be_an_objects_are_marked_at_their_cells():
    boxes = [[0.04, 0.04, 0.09, 0.09], [0.5, 0.5, 0.9, 0.9]]  # the first: 12 to 27 px
    (seen,) = seen_in(one_image(boxes, [False, True]), PLUS)
    marks, ignored = seen.anchors_of
    assert len(ignored) == 0
    expected = [(x, y) for y in (2.5 / 38, 1.5 / 38) for x in (1.5 / 38, 2.5 / 38)]
    expected += [(1.5 / 19, 1.5 / 19), (0.5 / 10, 0.5 / 10)]  # cells of 8 px, 16 and 30
    centres = (marks[:, :2] + marks[:, 2:]) / 2
    assert sorted(map(tuple, centres.round(4).tolist())) == [
        pytest.approx(one, abs=1e-4) for one in sorted(expected)
    ]
    sides = (marks[:, 2:] - marks[:, :2])[:, 0]
    np.testing.assert_allclose(sides, [0.25 / 38] * 4 + [0.25 / 19, 0.25 / 10], rtol=1e-4)


@pytest.fixture
def page(voc, tmp_path):
    """The page that the command writes about the folder."""

    def write(*arguments) -> str:
        target = tmp_path / "preview.html"
        parts = [str(voc.root), "--output", str(target), *arguments]
        assert run(lambda: preview.main(parts)) == 0
        return target.read_text()

    return write


def test_the_page_shows_the_batches_of_training(voc, page):
    for number in range(5):
        voc.add(f"p{number}", ("cat", 10, 10, 90, 80), ("dog", 60, 20, 100, 80))
    voc.add("negative")
    html = page("--count", "4")
    assert html.count("data:image/jpeg") == 4 + 1  # and the legend
    assert "Batch 1" in html and "Batch 2" not in html
    assert not re.search(r"<script|src=\"(?!data:)", html)


def test_the_training_split_is_shown_and_no_image_twice(voc, page):
    for stem in "abc":
        voc.add(stem, ("cat", 10, 10, 90, 80))
    voc.split("train", "a", "b")
    voc.split("val", "c")
    html = page()
    assert [name for name in ("a.jpg", "b.jpg", "c.jpg") if f"{name}:" in html] == [
        "a.jpg",
        "b.jpg",
    ]
    assert html.count("data:image/jpeg") == 2 + 1


def test_the_page_of_ssdlite_plus_speaks_of_candidates(voc, page, tmp_path):
    config = tmp_path / "plus.yaml"
    config.write_text("base: finetune\nmodel: {head: ssdlite_plus}\n")
    voc.add("a", ("cat", 10, 10, 90, 80))
    html = page("--config", str(config))
    assert "candidates per object" in html and "anchors whose centre lies in the object" in html
    assert re.search(r"a\.jpg: 1 object, [\d,]+ candidates", html)
    assert "anchors per object" not in html


def test_two_runs_write_the_same_page(voc, page):
    voc.add("a", ("cat", 10, 10, 90, 80))
    assert page() == page()


def test_a_bad_destination_is_told_before_any_work(voc, capsys):
    voc.add("a", ("cat", 10, 10, 90, 80))
    arguments = [str(voc.root), "--output", str(voc.root)]
    assert run(lambda: preview.main(arguments)) == 2
    assert "name a file" in capsys.readouterr().err


def test_voc_photos_are_shown_with_their_difficult_objects(test_data, tmp_path):
    target = tmp_path / "preview.html"
    data = str(test_data / "data" / "VOCdevkit" / "VOC2012")
    assert preview.main([data, "--output", str(target), "--count", "30"]) == 0
    assert re.search(r"\d+ ignored", target.read_text())
