import numpy as np
import pytest

from configs.schema import Config
from detector.anchors import model_anchors
from detector.boxes import scale
from training.model.anchor_coverage import measure_anchor_coverage

CONFIG = Config()


PLUS = Config(model={"head": "ssdlite_plus"})


def coverage(*samples, config=CONFIG):
    return measure_anchor_coverage(samples, config, "coco_300")


def test_an_object_in_an_anchors_place_is_reached_and_has_positives(sample_of):
    anchor = scale(model_anchors(CONFIG.model)[[427]], 100, 200)
    found = coverage(sample_of(anchor))
    assert found.best_iou[0] == pytest.approx(1, abs=1e-3) and not found.unreached[0]
    assert found.positives[0] >= 1


def test_a_small_object_is_out_of_reach_and_counted(sample_of):
    found = coverage(sample_of([[100, 50, 106, 53]]))  # 9x9 px at 300
    np.testing.assert_allclose(found.sides, [[9, 9]], rtol=1e-3)
    assert found.unreached[0] and found.positives[0] == 1


def test_only_what_is_trained_on_counts(sample_of):
    boxes = [[0, 0, 90, 90], [5, 5, 95, 95], [10, 10, 80, 80], [40, 40, 30, 60]]
    found = coverage(sample_of(boxes, crowd=[0], difficult=[1]))
    np.testing.assert_allclose(found.boxes, [[0.05, 0.1, 0.4, 0.8]], rtol=1e-6)


def test_objects_know_their_images(sample_of):
    box = [10, 10, 80, 80]
    found = coverage(sample_of([box]), sample_of([]), *[sample_of([box, box])] * 20)
    assert found.owners.tolist() == [0] + [i for i in range(2, 22) for _ in range(2)]


def test_the_table_holds_every_object_once(sample_of):
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 90, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(2, 100, (60, 2))], axis=1)
    found = coverage(sample_of(boxes))
    rows = found.by_size()
    assert sum(row.objects for row in rows) == len(found)
    assert sum(row.unreached for row in rows) == found.unreached.sum()


def test_a_data_set_of_negatives_has_an_empty_coverage(sample_of):
    assert len(coverage(sample_of([]))) == 0
    assert [row.mean_best_iou for row in coverage().by_size()] == [None] * 4


def test_ssdlite_plus_counts_the_anchors_whose_centre_lies_in_an_object(sample_of):
    # At 300 px its cells are of 8, 16, 30, 60 and 100 px; the images have 200x100.
    small = [8, 4, 19, 9.5]  # from 12 to 28.5 px: 2x2 centres, then 1, 1 and 0
    whole = [0, 0, 200, 100]
    found = coverage(sample_of([small, whole]), config=PLUS)
    assert found.best_iou is None
    assert found.positives.tolist() == [4 + 1 + 1, 13]  # and no more than 13 of any
    assert not found.unreached.any()


@pytest.mark.parametrize(("matcher", "most"), [("simota", 10), ("atss", 9 * 5)])
def test_other_assigners_take_another_number(sample_of, matcher, most):
    config = Config(model=PLUS.model, loss={"matcher": matcher})
    assert coverage(sample_of([[0, 0, 200, 100]]), config=config).positives.tolist() == [most]


def test_ssdlite_plus_matched_by_iou_is_measured_by_it(sample_of):
    config = Config(model=PLUS.model, loss={"matcher": "iou"})
    anchor = scale(model_anchors(PLUS.model)[[427]], 100, 200)
    assert coverage(sample_of(anchor), config=config).best_iou[0] == pytest.approx(1, abs=1e-3)


def test_the_rows_of_ssdlite_plus_begin_at_its_finer_cell(sample_of):
    found = coverage(sample_of([[100, 50, 106, 53]]), config=PLUS)  # 9x9 px at 300
    rows = {row.name: row.objects for row in found.by_size()}
    assert rows == {"under 8": 0, "8 to 16": 1, "16 to 32": 0, "32 to 96": 0, "over 96": 0}
    assert not found.small[0] and coverage(sample_of([[100, 50, 106, 53]])).small[0]
    assert {row.mean_best_iou for row in found.by_size()} == {None}
