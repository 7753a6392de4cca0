"""`ClassMap`, the table of labels, class names and category ids; COCO's 80 classes.

A *label* is 0 ... C-1, an index into `ClassMap.names`. A *category id* is the data set's own
number, with gaps in COCO's case. The background has neither.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
