"""Assigners against the same rules as plain loops in NumPy."""

import numpy as np
import pytest

from configs.schema import ModelConfig
from detector.anchors import anchors_per_cell, feature_sizes, model_anchors
from detector.boxes import pairwise_iou
from training.batches.targets import BACKGROUND
from training.model.assigners import LEAST_QUALITY, Assigner, Found, Objects

pytestmark = pytest.mark.keras

PLUS = ModelConfig(head="ssdlite_plus", input_size=96)
SSDLITE = ModelConfig(input_size=96)
CLASSES = 3


def scene(config, seed, images=3, objects=5):
    """Objects of every size, and predictions near their anchors; the last image is empty."""
    rng = np.random.default_rng(seed)
    sides = np.exp(rng.uniform(np.log(0.02), np.log(0.7), (images, objects, 2)))
    corners = rng.uniform(0, 1 - sides)
    boxes = np.concatenate([corners, corners + sides], -1).astype(np.float32)
    labels = rng.integers(0, CLASSES, (images, objects))
    valid = np.ones(labels.shape, bool)
    valid[-1], valid[0, 0] = False, False
    anchors = model_anchors(config)
    moved = anchors + rng.normal(0, 0.03, (images, *anchors.shape)).astype(np.float32)
    found = np.concatenate([moved[..., :2], np.maximum(moved[..., 2:], moved[..., :2] + 0.01)], -1)
    probabilities = rng.uniform(0, 1, (images, len(anchors), CLASSES)).astype(np.float32)
    return Objects(boxes, labels, valid), Found(found, probabilities)


def plain(matcher, config, boxes, labels, found, probabilities):
    """The assignment of one image, object by object: rows and qualities of its anchors."""
    anchors = model_anchors(config).astype(np.float64)
    centres = (anchors[:, :2] + anchors[:, 2:]) / 2
    cell = 1 / feature_sizes(config)[0]
    overlap = pairwise_iou(boxes, found) if len(boxes) else np.zeros((0, len(anchors)))
    wishes = []
    for row, (box, label) in enumerate(zip(boxes, labels, strict=True)):
        middle, half = (box[:2] + box[2:]) / 2, np.maximum((box[2:] - box[:2]) / 2, cell)
        candidate = np.all(np.abs(centres - middle) < half, axis=1)
        score, iou = probabilities[:, label], overlap[row]
        distance = np.hypot(*(centres - middle).T)
        if matcher == "task_aligned":
            merit = score * iou**6
            best = sorted(np.flatnonzero(candidate & (merit > 0)), key=lambda one: -merit[one])[:13]
        elif matcher == "simota":
            merit = np.clip(score, 1e-6, 1) * np.maximum(iou, 1e-6) ** 3
            inside = sorted(iou[candidate], reverse=True)
            number = max(1, int(np.float32(sum(inside[:10]))))
            best = sorted(np.flatnonzero(candidate), key=lambda one: -merit[one])[:number]
        else:
            merit, near, start = pairwise_iou(box[None], anchors)[0], [], 0
            for size, per_cell in zip(feature_sizes(config), anchors_per_cell(config), strict=True):
                count = size * size * per_cell
                of_map = distance[start : start + count]
                limit = np.sort(of_map)[min(9 * per_cell, count) - 1]
                near += [start + one for one in np.flatnonzero(of_map <= limit + 1e-9)]
                start += count
            least = merit[near].mean() + merit[near].std(ddof=1)
            best = [one for one in near if candidate[one] and merit[one] >= least]
        closeness = 1 / (1 + distance / cell)
        preferred = merit * (1 + 1e-4 * closeness) + 1e-9 * closeness
        forced = int(np.argmax(np.where(candidate, preferred, -1)))
        chosen = {*best, forced}
        if matcher == "task_aligned":
            top, top_iou = max(merit[list(chosen)]), max(iou[list(chosen)])
            quality = merit / max(top, 1e-18) * top_iou
        else:
            quality = iou
        wishes.append((chosen, forced, quality))
    rows, qualities = np.full(len(anchors), BACKGROUND), np.zeros(len(anchors))
    for anchor in range(len(anchors)):
        wanting = [row for row, (chosen, _, _) in enumerate(wishes) if anchor in chosen]
        if not wanting:
            continue
        is_forced = {row: wishes[row][1] == anchor for row in wanting}
        owner = max(wanting, key=lambda row: (is_forced[row], overlap[row, anchor], -row))
        quality = wishes[owner][2][anchor]
        rows[anchor] = owner
        qualities[anchor] = max(quality, LEAST_QUALITY) if is_forced[owner] else quality
    return rows, qualities


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("config", [PLUS, SSDLITE], ids=["plus", "ssdlite"])
@pytest.mark.parametrize("matcher", ["atss", "simota", "task_aligned"])
def test_each_rule_is_that_of_plain_loops(matcher, config, seed):
    objects, found = scene(config, seed)
    rows, quality = (np.asarray(one) for one in Assigner(matcher, config)(objects, found))
    for image, valid in enumerate(objects.valid):
        boxes, labels = objects.boxes[image, valid], objects.labels[image, valid]
        expected, qualities = plain(
            matcher, config, boxes, labels, found.boxes[image], found.probabilities[image]
        )
        own = np.append(np.flatnonzero(valid), BACKGROUND)  # row -1 stays the background
        np.testing.assert_array_equal(rows[image], own[expected])
        np.testing.assert_allclose(quality[image], qualities, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("matcher", ["atss", "simota", "task_aligned"])
@pytest.mark.parametrize("side", [0.005, 0.02, 0.05, 0.3, 1.0])
def test_every_object_has_an_anchor_even_where_nothing_overlaps_it(matcher, side):
    centre = np.array([0.37, 0.61])
    low, high = np.clip([centre - side / 2, centre + side / 2], 0, 1)
    box = np.array([[[*low, *high]]], np.float32)
    nowhere = np.broadcast_to(np.float32([0.98, 0.0, 1.0, 0.02]), (1, len(model_anchors(PLUS)), 4))
    found = Found(nowhere, np.full((1, nowhere.shape[1], CLASSES), 0.01, np.float32))
    objects = Objects(box, np.array([[1]]), np.array([[True]]))
    rows, quality = (np.asarray(one) for one in Assigner(matcher, PLUS)(objects, found))
    assert (rows == 0).any()
    assert quality.max() >= LEAST_QUALITY


def test_two_tiny_objects_side_by_side_both_have_an_anchor():
    boxes = np.array([[[0.50, 0.50, 0.51, 0.51], [0.56, 0.50, 0.57, 0.51]]], np.float32)
    anchors = model_anchors(PLUS)[None]
    found = Found(anchors, np.full((1, anchors.shape[1], CLASSES), 0.5, np.float32))
    objects = Objects(boxes, np.array([[0, 0]]), np.array([[True, True]]))
    rows = np.asarray(Assigner("task_aligned", PLUS)(objects, found).rows)
    assert set(np.unique(rows)) == {BACKGROUND, 0, 1}


def test_what_lies_in_an_ignored_box_is_covered():
    boxes = np.array([[[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]], np.float32)
    covered = np.asarray(Assigner("atss", PLUS).covered(boxes, np.array([[True, False]])))
    centres = model_anchors(PLUS)[:, [0, 2]].mean(axis=1)
    np.testing.assert_array_equal(covered[0], centres < 0.5)
