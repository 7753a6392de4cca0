"""Metrics of a classifier: accuracy, recall and AUC, per class and macro-averaged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

_FORM = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)
_IMAGES = Field(validation_alias=AliasChoices("pictures", "images"), serialization_alias="pictures")


class ClassFigures(BaseModel):
    """One class: recall and the area under the ROC curve of it against the rest, 0 ... 1.

    `recall` is None where the class has no images, `auc` where it or the rest has none.
    """

    model_config = _FORM

    name: str
    images: Annotated[int, _IMAGES]
    recall: float | None
    auc: float | None


class Figures(BaseModel):
    """A whole split; shares are 0 ... 1."""

    model_config = _FORM

    images: Annotated[int, _IMAGES]  # that were measured
    accuracy: float  # share given the right class
    macro_recall: float  # mean over the classes that have images
    macro_auc: float | None  # mean over the classes that have one; None where none has
    classes: tuple[ClassFigures, ...]  # in the order of their labels


def measure(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> Figures:
    """Compare predicted probabilities with the true labels.

    Args:
        labels: int64 `(N,)`, 0 ... C-1, at least one.
        probabilities: `(N, C)`.
        names: C of them.

    Raises:
        ValueError: a probability is not finite.
    """
    from sklearn.metrics import roc_auc_score

    predicted, classes = probabilities.argmax(axis=1), []
    for label, name in enumerate(names):
        is_class, some = labels == label, label in labels
        auc = None
        if some and not is_class.all():
            auc = float(roc_auc_score(is_class, probabilities[:, label]))
        recall = float((predicted == label)[is_class].mean()) if some else None
        count = int(is_class.sum())
        classes.append(ClassFigures(name=name, images=count, recall=recall, auc=auc))
    recalls = [one.recall for one in classes if one.recall is not None]
    aucs = [one.auc for one in classes if one.auc is not None]
    return Figures(
        images=len(labels),
        accuracy=float((predicted == labels).mean()),
        macro_recall=float(np.mean(recalls)),
        macro_auc=float(np.mean(aucs)) if aucs else None,
        classes=tuple(classes),
    )


def to_lines(figures: Figures) -> list[str]:
    """The figures as a table, the worst classes first."""
    worst = sorted(figures.classes, key=lambda one: (one.recall is None, one.recall))
    width = max(len("all classes"), *(len(one.name) for one in worst))
    rows = [(one.name, one.images, one.recall, one.auc) for one in worst]
    rows.append(("all classes", figures.images, figures.macro_recall, figures.macro_auc))
    lines = [f"accuracy {figures.accuracy:.4f} on {figures.images:,} images", ""]
    lines.append(f"{'class':{width}}{'images':>10}{'recall':>9}{'AUC':>9}")
    for name, images, *shares in rows:
        recall, auc = ("-" if share is None else f"{share:.4f}" for share in shares)
        lines.append(f"{name:{width}}{images:>10,}{recall:>9}{auc:>9}")
    return lines
