"""`ClassMap`, the table of labels, class names and category ids; a choice of them; COCO's 80.

A *label* is 0 ... C-1, an index into `ClassMap.names`. A *category id* is the data set's own
number, with gaps in COCO's case. The background has neither.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from configs.errors import UserError


@dataclass(frozen=True)
class ClassMap:
    """The classes of a model or a data set, in the order of their labels.

    Attributes:
        names: one per class, unique.
        category_ids: one per class, unique; by default 1 ... C.

    Raises:
        ValueError: there is no class, lengths differ, or a name or an id stands twice.
    """

    names: tuple[str, ...]
    category_ids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("a class map needs at least one class")
        if not self.category_ids:
            object.__setattr__(self, "category_ids", tuple(range(1, len(self.names) + 1)))
        if len(self.names) != len(self.category_ids):
            raise ValueError(
                f"{len(self.names)} class names, but {len(self.category_ids)} category ids"
            )
        for what, values in (("class name", self.names), ("category id", self.category_ids)):
            twice = [value for value in values if values.count(value) > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]!r} stands twice")

    def __len__(self) -> int:
        return len(self.names)

    def labels_of(self, names: Iterable[str]) -> list[int]:
        """The labels of class names, in the order given.

        Raises:
            UserError: a name is unknown; the message offers the nearest one.
        """
        return [self._label_of(name) for name in names]

    def _label_of(self, name: str) -> int:
        if name in self.names:
            return self.names.index(name)
        folded = {known.casefold(): known for known in self.names}
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.6)
        hint = f"did you mean {folded[near[0]]!r}?" if near else f"known: {', '.join(self.names)}"
        raise UserError(f"unknown class {name!r}; {hint}")


@dataclass(frozen=True)
class ClassChoice:
    """Which classes of a data set a model is of, and which of them it takes for one.

    Attributes:
        classes: names of those used, after merging; empty for all.
        merge: names of the classes that are taken for one, by its name. It may be one of the data
            set's own, whose objects are then joined by theirs.

    Raises:
        ValueError: a name is merged twice, or into one that is merged itself.
    """

    classes: tuple[str, ...] = ()
    merge: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        seen: dict[str, str] = {}
        for target, names in self.merge.items():
            for name in names:
                if seen.setdefault(name, target) != target:
                    raise ValueError(f"{name!r} is merged into {seen[name]!r} and {target!r}")
        chained = [name for name in self.merge if seen.get(name, name) != name]
        if chained:
            raise ValueError(f"{chained[0]!r} is merged into {seen[chained[0]]!r} itself")

    def __bool__(self) -> bool:
        return bool(self.classes or self.merge)

    def require_known(self, classes: ClassMap) -> None:
        """Show that a data set of these classes has all that are named.

        Raises:
            UserError: it lacks one.
        """
        classes.labels_of(name for names in self.merge.values() for name in names)
        merged = self._merged(classes)
        target_of = {name: target for target, names in self.merge.items() for name in names}
        for name in self.classes:
            if name not in merged and name in target_of:
                raise UserError(f"{name!r} is merged into {target_of[name]!r}; name that")
        ClassMap(tuple(merged)).labels_of(self.classes)

    def of(self, classes: ClassMap) -> tuple[ClassMap, list[int]]:
        """The classes that it makes of others, and the new label of each, -1 without.

        A class that others are merged into keeps its category id; a new one takes the first of
        theirs. Names that these classes lack count for nothing.

        Raises:
            UserError: none is left.
        """
        merged = self._merged(classes)
        kept = {
            name: ids for name, ids in merged.items() if not self.classes or name in self.classes
        }
        if not kept:
            raise UserError(
                f"none of the classes {', '.join(self.classes)} is there; known: "
                f"{', '.join(merged)}"
            )
        new = ClassMap(tuple(kept), tuple(ids[0] for ids in kept.values()))
        label_of = {number: label for label, ids in enumerate(kept.values()) for number in ids}
        return new, [label_of.get(number, -1) for number in classes.category_ids]

    def _merged(self, classes: ClassMap) -> dict[str, list[int]]:
        """Category ids by the name that their objects get, its own first."""
        target_of = {name: target for target, names in self.merge.items() for name in names}
        merged: dict[str, list[int]] = {}
        for name, number in zip(classes.names, classes.category_ids, strict=True):
            target = target_of.get(name, name)
            place = 0 if name == target else len(merged.get(target, ()))
            merged.setdefault(target, []).insert(place, number)
        return merged


def coco_classes(category_ids: Sequence[int] | None = None) -> ClassMap:
    """The class map of COCO: all 80 named categories, or those with the given ids.

    Raises:
        ValueError: an id is not one of COCO's 80.
    """
    table = dict(zip(COCO_CATEGORY_IDS, COCO_NAMES, strict=True))
    ids = COCO_CATEGORY_IDS if category_ids is None else tuple(map(int, category_ids))
    unknown = [category_id for category_id in ids if category_id not in table]
    if unknown:
        raise ValueError(f"not a COCO category id: {unknown[0]}")
    return ClassMap(tuple(table[category_id] for category_id in ids), ids)


COCO_NAMES = tuple(
    name.strip()
    for name in """
    person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light,
    fire hydrant, stop sign, parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant,
    bear, zebra, giraffe, backpack, umbrella, handbag, tie, suitcase, frisbee, skis, snowboard,
    sports ball, kite, baseball bat, baseball glove, skateboard, surfboard, tennis racket, bottle,
    wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
    hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop,
    mouse, remote, keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock,
    vase, scissors, teddy bear, hair drier, toothbrush
    """.split(",")
)
# COCO numbered 91 things and stuff; these eleven never got annotated boxes.
_COCO_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91})
COCO_CATEGORY_IDS = tuple(number for number in range(1, 92) if number not in _COCO_GAPS)
