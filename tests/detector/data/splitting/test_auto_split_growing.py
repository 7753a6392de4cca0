"""Sets that grow and shrink: what an automatic split promises, whatever is added or removed."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.data.splitting import auto_split
from detector.data.splitting.auto_split import automatic_splits
from detector.data.splitting.split_shares import Shares
from detector.types import Sample

pytestmark = pytest.mark.slow  # each example makes up to eight splits


def sample_of(name, label):
    flags = np.zeros(1, bool)
    box = np.array([[0, 0, 9, 9]], np.float32)
    return Sample(name, Path(name), 48, 64, box, np.array([label]), flags, flags)


@st.composite
def universes(draw):
    """Images by name: the class, and the source that they must not be parted from."""
    images = {}
    for number in range(draw(st.integers(1, 12))):
        label, kind = draw(st.integers(0, 3)), draw(st.sampled_from(["video", "copies", "photo"]))
        for one in range(draw(st.integers(1, 25))):
            names = {
                "video": (f"video{number}x_{one:03}.jpg", f"video {number} {one // 10}"),
                "copies": (f"p{number}y_jpg.rf.{one:x}a.jpg", f"copies {number}"),
                "photo": (f"photo-{number}-{'ab' * (one + 1)}.jpg", f"photo {number} {one}"),
            }
            name, source = names[kind]
            images[name] = (label, source)
    return images


@st.composite
def histories(draw):
    """A universe, look-alikes in it, and which of its images are there, step by step."""
    images = draw(universes())
    names = sorted(images)
    pairs = st.tuples(st.sampled_from(names), st.sampled_from(names))
    alike = [
        pair
        for pair in draw(st.lists(pairs, max_size=8))
        if images[pair[0]][0] == images[pair[1]][0]
    ]
    chance = st.sampled_from([0.1, 0.5, 0.9, 1])
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    steps = [
        [name for name in names if rng.random() < share]
        for share in draw(st.lists(chance, min_size=1, max_size=4))
    ]
    return images, alike, [step for step in steps if step]


def groups_of(names, images, seen):
    """Each image's group, where sequences are cut into runs of ten: `seen` pairs are alike."""
    groups = {name: images[name][1] for name in names}
    for a, b in seen:
        old, new = groups[a], groups[b]
        groups = {name: new if one == old else one for name, one in groups.items()}
    return groups


def split(monkeypatch, images, seen, names, placed):
    looks = [[names.index(a), names.index(b)] for a, b in seen]
    found = np.array(looks, np.int64).reshape(-1, 2)
    monkeypatch.setattr(auto_split, "alike_pairs", lambda _: found)
    samples = [sample_of(name, images[name][0]) for name in names]
    return automatic_splits(samples, names, placed)


@given(history=histories())
def test_what_is_promised_holds_for_every_history(history):
    images, alike, steps = history
    placed = {}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for names in steps:
            seen = [(a, b) for a, b in alike if {a, b} <= set(names)]  # both must be there
            made = split(monkeypatch, images, seen, names, placed)
            sides = dict(zip(names, made.is_val.tolist(), strict=True))
            backwards = split(monkeypatch, images, seen, names[::-1], placed)
            assert backwards.is_val[::-1].tolist() == made.is_val.tolist(), "the order counts"
            new = {name for name in names if name not in placed}
            assert {n: s for n, s in sides.items() if n in placed} == {
                n: s for n, s in placed.items() if n in sides
            }, "an image moved"
            check_shares(sides, new)
            check_groups(sides, placed, groups_of({*names, *placed}, images, seen), made.remarks)
            if not placed:
                check_classes(sides, images, groups_of(names, images, seen))
            placed |= sides


def check_shares(sides, new):
    least = Shares.of(len(sides)).least
    for side in (True, False):
        if sum(one == side for one in sides.values()) < least:
            assert all(sides[name] == side for name in new), "a part has not its share"


def check_groups(sides, placed, groups, remarks):
    on = {}
    for name, side in (placed | sides).items():
        on.setdefault(groups[name], set()).add(side)
    before = {}
    for name, side in placed.items():
        before.setdefault(groups[name], set()).add(side)
    torn = {group for group, found in on.items() if len(found) == 2}
    bridged = {group for group, found in before.items() if len(found) == 2}
    assert torn <= bridged or any("were parted" in one for one in remarks), "a group is parted"


def check_classes(sides, images, groups):
    for label in {images[name][0] for name in sides}:
        mine = [name for name in sides if images[name][0] == label]
        if len({groups[name] for name in mine}) > 1:
            assert {sides[name] for name in mine} == {False, True}, "a class is in one part"


@pytest.mark.parametrize(
    ("before", "copies"),
    [
        pytest.param(50, [(50, 74), (51, 85), (65, 98), (21, 45)], id="50 to 100"),
        pytest.param(60, [(3, 61), (12, 71), (23, 81), (34, 91)], id="60 to 100"),
        pytest.param(0, [(i, i + 10) for i in range(5, 90, 10)], id="all at once"),
    ],
)
def test_a_few_copies_in_a_list_of_photos_do_not_chain_its_runs(monkeypatch, before, copies):
    """Without that, forty of a hundred were in val."""
    names = [f"photo-{i}.jpg" for i in range(1, 101)]
    images = {name: (0, name) for name in names}
    seen = [(f"photo-{a}.jpg", f"photo-{b}.jpg") for a, b in copies]
    placed: dict[str, bool] = {}
    for count in filter(None, (before, 100)):
        there = [pair for pair in seen if {*pair} <= {*names[:count]}]
        made = split(monkeypatch, images, there, names[:count], placed)
        placed = dict(zip(names[:count], made.is_val.tolist(), strict=True))
    assert 15 <= sum(placed.values()) <= 25
    assert all(placed[a] == placed[b] for a, b in seen)
