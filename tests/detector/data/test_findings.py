"""The table of kinds, and how findings read."""

from pathlib import Path

import pytest

from detector.data.findings import KINDS, FileFindings, count_by_kind, is_error


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_each_kind_has_a_severity_a_title_and_what_is_done_about_it(kind):
    assert kind.severity in ("error", "warning")
    assert kind.title and kind.action
    assert not (kind.title + kind.action).startswith((" ", "error", "warning"))


def test_a_finding_says_where_what_and_what_is_done():
    findings = FileFindings(Path("a.xml"))
    findings.add("bad-object", "object 3", "has no name")
    findings.add("missing-annotation", "", "there is no b.xml", Path("b.jpg"))
    first, second = findings.found
    assert str(first) == "a.xml: object 3: has no name; the object is left out"
    assert str(second).startswith("b.jpg: there is no b.xml; the image is left out")
    assert (is_error(first), is_error(second)) == (True, False)


def test_kinds_are_counted_in_the_order_of_the_table():
    findings = FileFindings(Path("a.json"))
    for kind in ("leak", "bad-object", "leak"):
        findings.add(kind, "", "")
    assert list(count_by_kind(findings.found).items()) == [("bad-object", 1), ("leak", 2)]
