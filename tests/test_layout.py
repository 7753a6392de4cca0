"""How the tree is laid out and worded: file names, module lengths, the field's words."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from tests.conftest import LONGEST

ROOT = Path(__file__).parents[1]
ROOMS = ("configs", "detector", "eval", "training", "demo")
MODULES = sorted(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
WORDED = [
    *MODULES,
    *DOCS,
    *(ROOT / "docs/draw_figures").glob("*.py"),
    *(file for room in ROOMS for file in (ROOT / room).rglob("*.html")),
    *(ROOT / "configs").glob("*.yaml"),
]

MOST_LINES = 300
LONGER: dict[str, int] = {}
"""Modules that may be longer, and by how much: none."""

DIALECT = {
    r"pictures?": "image; photo where a person's is meant",
    r"mend(s|ed|ing)?": "fix",
    r"invented": "false positive",
    r"(goes|went|go|going) by a wrong name|taken for another": "misclassified",
    r"(learn\w*|know\w*|train\w*) (\w+ ){0,4}by heart|by_heart": "overfit",
    r"drawn (pictures?|sheets?)": "synthetic images",
    r"false alarms?": "false positives",
    r"who is who": "track ids",
    r"what became of": "outcomes",
    r"stands? still until": "on demand",
    r"questions to this machine": "diagnostics in a subprocess",
    r"closed to other sites": "blocks DNS rebinding",
    r"good at every moment": "append-only, flushed per frame",
    r"tally|followers?": "stats, tracks",
    r"(?-i:Keeper|Watch|Feed|Ahead|Tally|Follower|Scored(Set)?)": "the module's new name",
}
"""Words that only this project had, and what torchvision's readers say."""

ALLOWED = {
    "CHANGELOG.md": "picture",  # former keys of JSON
    "DECISIONS.md": "picture",
    "detector/artefact.py": '"pictures"',  # a key of detector.json
    "detector/data/voc/voc_folders.py": '"pictures", "photos"',  # folders of users
    "detector/files.py": "picture",
    "training/classify.py": "training_pictures",  # a key of classifier.json
    "training/classifier/class_metrics.py": "pictures",  # likewise
}
"""Lines that may have a word of the dialect: those that hold the text, by file."""

KEPT = re.compile(r"\b[a-z]+-picture\b|.*# .*\b0\.1\b.*")
"""Kinds of findings, which JSON names, and lines that keep a key of version 0.1."""


def name(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def test_a_file_name_stands_in_one_room_only():
    rooms = defaultdict(set)
    for file in MODULES:
        rooms[file.name].add(file.relative_to(ROOT).parts[0])
    several = {file: sorted(found) for file, found in rooms.items() if len(found) > 1}
    assert several.keys() == {"__init__.py"}, several


@pytest.mark.parametrize("record", ["Source", "View", "Result"])
def test_a_record_is_one_class_in_the_whole_tree(record):
    pattern = re.compile(rf"^class {record}\b", re.M)
    homes = [name(file) for file in MODULES if pattern.search(file.read_text(encoding="utf-8"))]
    assert len(homes) <= 1, homes


def test_modules_are_short():
    lines = {name(file): len(file.read_text(encoding="utf-8").splitlines()) for file in MODULES}
    assert {file: n for file, n in lines.items() if n > LONGER.get(file, MOST_LINES)} == {}


def test_every_module_begins_with_a_sentence_that_says_what_it_holds():
    firsts = {}
    for file in MODULES:
        text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
        firsts[name(file)] = text.partition("\n\n")[0]
    assert {file: text for file, text in firsts.items() if not re.search(r"[.:?]$", text)} == {}
    twice = [file for file, text in firsts.items() if list(firsts.values()).count(text) > 1]
    assert twice == []


def test_words_are_the_fields():
    assert [place for file in WORDED for place in dialect(file)] == []


def dialect(file: Path) -> list[str]:
    """Lines with a word of the dialect, and what to say instead."""
    place = name(file) if file.is_relative_to(ROOT) else file.name
    allowed = ALLOWED.get(place)
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        for pattern, instead in DIALECT.items():
            text = KEPT.sub("", line)
            matched = re.search(rf"(?<![A-Za-z])({pattern})(?![A-Za-z])", text, re.I)
            if matched and not (allowed and allowed in line):
                found.append(f"{place}:{number}: {matched[0]!r}, say {instead}")
    return found


@pytest.mark.parametrize(
    ("line", "finds"),
    [
        pytest.param("the picture is read", True, id="a word"),
        pytest.param("training_pictures = 3", True, id="in an identifier"),
        pytest.param("recommended, amend, depicture", False, id="within another word"),
        pytest.param("learn a few photos by heart", True, id="a phrase"),
        pytest.param("class Tally:", True, id="a class"),
        pytest.param('KINDS["unreadable-picture"]', False, id="a kind of finding"),
        pytest.param('"mend": line.fix,  # its name in 0.1', False, id="a former key"),
        pytest.param("watch the page, feed the loader, scored at 0.5", False, id="plain English"),
    ],
)
def test_a_word_of_the_dialect_is_found(line, finds, tmp_path):
    file = tmp_path / "text.md"
    file.write_text(line)
    assert bool(dialect(file)) == finds


@pytest.mark.parametrize("doc", DOCS, ids=name)
def test_every_file_that_the_docs_name_is_there(doc):
    """`boxes.py` may stand for the one file of that name."""
    spans = [
        child.content
        for token in MarkdownIt().enable("table").parse(doc.read_text(encoding="utf-8"))
        for child in token.children or ()
        if child.type == "code_inline"
    ]
    files = [one for one in spans if re.fullmatch(r"[\w./-]+\.(py|yaml|html)", one)]
    missing = {one for one in files if not any(f"/{has}".endswith(f"/{one}") for has in NAMEABLE)}
    assert missing <= NOT_OURS


NAMEABLE = [
    name(file) for folder in (*ROOMS, "docs", "tests") for file in (ROOT / folder).rglob("*.*")
]
NOT_OURS = {"data.yaml", "parts.yaml", "config.yaml", "report.html", "my_run/report.html"}
"""Files of users and of runs, of which the docs speak."""


def test_tests_are_named_after_what_they_test():
    """A test file begins with the name of a module of the folder that it mirrors."""
    strangers = []
    for file in sorted(ROOT.glob("tests/*/**/test_*.py")):
        folder = ROOT / file.parent.relative_to(ROOT / "tests")
        if folder.is_dir() and folder.relative_to(ROOT).parts[0] in ROOMS:
            stems = [module.stem for module in folder.glob("*.py")]
            subject = file.stem.removeprefix("test_")
            if not any(subject.startswith(stem) for stem in stems):
                strangers.append(name(file))
    assert set(strangers) <= SUBJECTS


def test_the_files_that_are_begun_first_are_there():
    assert [file for file in LONGEST if not (ROOT / file).is_file()] == []


SUBJECTS = {
    "tests/detector/test_built_in.py",  # a model, not a module
    "tests/eval/test_built_in.py",
    "tests/detector/data/test_broken.py",  # all readers
    "tests/detector/data/test_fuzz.py",
    "tests/detector/data/test_written.py",
    "tests/detector/runtimes/test_options.py",  # all runtimes
    "tests/detector/runtimes/test_runtimes.py",
    "tests/eval/scoring/test_slices.py",  # AP by size and by shape
    "tests/training/doctor/test_name_checks.py",  # those checks of the set that look at names
    "tests/training/batches/test_assign.py",  # `assign_targets` on real data
    "tests/training/model/test_anchors_fit.py",  # of `anchor_coverage`
    "tests/training/model/test_backends.py",  # the whole step, on each backend
    "tests/training/run/test_recipes.py",
    "tests/training/run/test_resume.py",
}
"""Tests that are named after what several modules do together."""
