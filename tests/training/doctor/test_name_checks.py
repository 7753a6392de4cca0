from pathlib import Path

import pytest

from detector.classes import ClassMap
from detector.data.dataset import Dataset
from training.doctor.set_checks import check_names


@pytest.fixture
def suspects(sample_of):
    """The names suspected in a data set with so many objects of each class."""

    def find(**counts: int) -> list[str]:
        classes = ClassMap(tuple(name.replace("__", " ") for name in counts))
        labels = [label for label, count in enumerate(counts.values()) for _ in range(count)]
        sample = sample_of([[0, 0, 9, 9]] * len(labels), labels)
        findings = check_names(Dataset("d", Path("d"), classes, [sample]))
        return [f"{finding.element} {finding.message}" for finding in findings]

    return find


def test_a_rare_slip_beside_a_frequent_name(suspects):
    assert suspects(racoon=1, raccoon=216) == [
        "class 'racoon' 1 object; did you mean 'raccoon', which has 216?"
    ]


@pytest.mark.parametrize("other", ["Cat", "cat__", "CAT"])
def test_case_and_spaces_make_no_class_of_their_own(suspects, other):
    assert len(suspects(cat=30, **{other: 20})) == 1


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param({"cat": 40, "dog": 1}, id="unlike"),
        pytest.param({"horse": 40, "house": 30}, id="both frequent"),
        pytest.param({"mouse": 1, "horse": 200}, id="two letters"),
        pytest.param({"level_10": 1, "level_11": 200}, id="another number"),
        pytest.param({"raccoon": 200, "racoon": 0}, id="not used"),
        pytest.param({"raccoon": 200}, id="alone"),
    ],
)
def test_real_classes_are_left_in_peace(suspects, counts):
    assert suspects(**counts) == []
