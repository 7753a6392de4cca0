"""Metrics of a classifier: accuracy, recall and AUC, per class and macro-averaged."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field


class ClassFigures(BaseModel):
    """One class.

    Attributes:
        name: of the class.
        images: of the class among those measured.
        recall: share of them given this class, 0 ... 1; None where there are none.
        auc: area under the ROC curve of this class against the rest, 0 ... 1; None where either
            has no images.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    name: str
    images: int = Field(
        validation_alias=AliasChoices("pictures", "images"), serialization_alias="pictures"
    )
    recall: float | None
    auc: float | None


class Figures(BaseModel):
    """A whole split.

    Attributes:
        images: that were measured.
        accuracy: share given the right class, 0 ... 1.
        macro_recall: mean over the classes that have images.
        macro_auc: mean over the classes that have one; None where none has.
        classes: in the order of their labels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True)

    images: int = Field(
        validation_alias=AliasChoices("pictures", "images"), serialization_alias="pictures"
    )
    accuracy: float
    macro_recall: float
    macro_auc: float | None
    classes: tuple[ClassFigures, ...]


def measure(labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> Figures:
    """Compare predicted probabilities with the true labels.

    Args:
        labels: int64 `(N,)`, 0 ... C-1, at least one.
        probabilities: `(N, C)`.
        names: C of them.

    Raises:
        ValueError: a probability is not finite.
    """
    predicted = probabilities.argmax(axis=1)
    classes = tuple(
        _measure_class(name, labels == label, predicted == label, probabilities[:, label])
        for label, name in enumerate(names)
    )
    recalls = [one.recall for one in classes if one.recall is not None]
    aucs = [one.auc for one in classes if one.auc is not None]
    return Figures(
        images=len(labels),
        accuracy=float((predicted == labels).mean()),
        macro_recall=float(np.mean(recalls)),
        macro_auc=float(np.mean(aucs)) if aucs else None,
        classes=classes,
    )


def to_lines(figures: Figures) -> list[str]:
    """The figures as a table, the worst classes first."""
    worst = sorted(figures.classes, key=lambda one: (one.recall is None, one.recall))
    width = max(len("all classes"), *(len(one.name) for one in worst))
    lines = [f"accuracy {figures.accuracy:.4f} on {figures.images:,} images", ""]
    lines.append(f"{'class':{width}}{'images':>10}{'recall':>9}{'AUC':>9}")
    for one in worst:
        lines.append(_row(one.name, one.images, one.recall, one.auc, width))
    total = (figures.images, figures.macro_recall, figures.macro_auc)
    return [*lines, _row("all classes", *total, width)]


def _row(name: str, images: int, recall: float | None, auc: float | None, width: int) -> str:
    shown = ("-" if value is None else f"{value:.4f}" for value in (recall, auc))
    return f"{name:{width}}{images:>10,}{next(shown):>9}{next(shown):>9}"


def _measure_class(
    name: str, is_class: np.ndarray, is_predicted: np.ndarray, scores: np.ndarray
) -> ClassFigures:
    from sklearn.metrics import roc_auc_score

    some, all_of_it = bool(is_class.any()), bool(is_class.all())
    return ClassFigures(
        name=name,
        images=int(is_class.sum()),
        recall=float(is_predicted[is_class].mean()) if some else None,
        auc=float(roc_auc_score(is_class, scores)) if some and not all_of_it else None,
    )
