import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from detector.command import run
from detector.data.findings import KINDS
from detector.data.open import open_dataset
from detector.data.write import write_dataset
from training import check

CAT = ("cat", 10, 10, 50, 50)


@pytest.fixture
def doctor(capsys):
    """Runs the command; exit code and what it printed."""

    def call(*arguments) -> tuple[int, str]:
        code = run(lambda: check.main([str(argument) for argument in arguments]))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return call


@pytest.fixture
def ailing(voc):
    """A data set with one of nearly everything."""
    for stem in ("a", "b", "c", "d"):
        voc.add(stem, *[CAT] * 3, ("dog", 60, 20, 100, 80), ("Dog", 60, 20, 100, 80))
    voc.add("e", ("cat", 50, 10, 10, 50), ("cat", 20, 20, 20, 60), ("cat", 300, 5, 340, 40))
    voc.add("f", ("cat", -30, 5, 40, 40), ("cat", 5, 5, 7, 40), format="PNG")
    exif = Image.Exif()
    exif[0x0112] = 3
    voc.add("g", CAT, exif=exif)
    voc.add("copy", CAT, seed=list(b"a"))
    truncated = voc.add("h", CAT)
    truncated.write_bytes(truncated.read_bytes()[:-200])
    voc.split("train", "a", "c", "d", "e", "f", "g", "h")
    voc.split("val", "b", "copy", "d")
    return voc


def test_a_sound_data_set_ends_with_0(voc, doctor):
    for stem in "abcd":
        voc.add(stem, *[("cat", x, 10, x + 40, 60) for x in (1, 30, 60)])
    code, text = doctor(voc.root)
    assert code == 0
    assert "4 images, 12 objects of 1 of 1 class" in text
    assert text.endswith("nothing is wrong\n")


def test_warnings_alone_end_with_0(voc, doctor):
    voc.add("a", CAT, CAT)
    code, text = doctor(voc.root)
    assert code == 0
    assert "warning: object annotated twice; both are trained on" in text
    assert "a.xml: object 2 (cat): box at x 9...50, y 9...50 is exactly object 1 (cat)" in text


def test_what_would_spoil_training_ends_with_1(ailing, doctor):
    code, text = doctor(ailing.root)
    assert code == 1
    assert re.search(r"\d+ problems would spoil training; \d+ warnings\n$", text)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "no such data set"),
        (["VOC", "--config", "coco_30"], "no configuration 'coco_30'"),
        (["VOC:tset"], "tset"),
        (["VOC", "--json", "VOC"], "it is a folder"),
        (["VOC", "--fix", "VOC"], "is not empty"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(voc, doctor, arguments, reason):
    voc.add("a", CAT)
    voc.split("train", "a")
    code, text = doctor(*[word.replace("VOC", str(voc.root)) for word in arguments])
    assert code == 2
    assert text.startswith("error: ") and text.count("\n") == 1 and reason in text


def test_errors_come_first_each_kind_with_its_first_places(ailing, doctor):
    for number in range(9):
        ailing.add(f"z{number}", ("cat", 20, 20, 20, 60))
    _, text = doctor(ailing.root)
    assert text.index("ERROR: ") < text.index("warning: ")
    assert text.rindex("ERROR: ") < text.index("warning: ")
    assert "ERROR: box without area (a side of 1 px or less) (10); the object is left out" in text
    assert "... and 5 more" in text


@pytest.mark.parametrize("option", ["--json", "--html"])
@pytest.mark.parametrize(
    "target", ["Annotations/a.xml", "JPEGImages/a.jpg", "../voc/Annotations/a.xml"]
)
def test_no_file_of_the_data_set_is_overwritten(voc, doctor, option, target):
    path = voc.add("a", CAT)
    before = [path.read_bytes(), (voc.root / "Annotations/a.xml").read_bytes()]
    code, text = doctor(voc.root, option, voc.root / target)
    assert code == 2 and "it is an input; name another file" in text
    assert [path.read_bytes(), (voc.root / "Annotations/a.xml").read_bytes()] == before


def test_the_annotations_of_a_coco_json_are_not_overwritten(voc, doctor, tmp_path):
    voc.add("a", CAT)
    write_dataset(open_dataset(voc.root), tmp_path / "coco", "coco")
    file = tmp_path / "coco/annotations/instances.json"
    before = file.read_bytes()
    for data in (file, tmp_path / "coco", f"{file}:train"):
        code, text = doctor(data, "--json", file)
        assert code == 2 and "it is an input" in text
    assert file.read_bytes() == before


def test_an_earlier_report_is_replaced(voc, doctor, tmp_path):
    voc.add("a", CAT)
    for _ in range(2):
        assert doctor(voc.root, "--json", voc.root / "check.json")[0] == 0


@pytest.mark.parametrize("image_id", ["1", 1.0])
def test_ids_of_another_type_lose_no_objects(doctor, tmp_path, image_id):
    """All annotations went without a word."""
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    box = {"id": 1, "category_id": 1, "bbox": [5, 6, 30, 30]}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{**box, "image_id": image_id}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "data.json").write_text(json.dumps(content))
    code, text = doctor(tmp_path / "data.json")
    assert code == 0 and "1 image, 1 object of 1 of 1 class" in text


def test_ids_that_match_nothing_end_with_1(doctor, tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": "01", "category_id": 1, "bbox": [5, 6, 30, 30]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    (tmp_path / "data.json").write_text(json.dumps(content))
    code, text = doctor(tmp_path / "data.json")
    assert code == 1 and "no image has the id '01'" in text


def test_json_is_the_contract(ailing, doctor, tmp_path):
    target = tmp_path / "check.json"
    doctor(ailing.root, "--json", target)
    written = json.loads(target.read_text())
    assert (written["format"], written["counts"]["images"]) == ("VOC", 9)
    assert set(written["splits"]) == {"train", "val"}
    assert set(written["counts"]["per_class"]) == {"cat", "dog", "Dog"}
    assert set(written["anchors"]) == {
        "config", "input_size", "objects", "unreached", "small", "positives_per_object", "sizes",
    }  # fmt: skip
    for finding in written["findings"]:
        assert set(finding) == {
            "kind", "severity", "file", "element", "message", "action", "others",
        }  # fmt: skip
        assert finding["kind"] in KINDS and finding["message"]
    assert written["errors"] + written["warnings"] == len(written["findings"])
    assert sum(written["kinds"].values()) == len(written["findings"])


def test_of_ssdlite_plus_all_say_how_many_anchors_an_object_can_get(voc, doctor, tmp_path):
    (tmp_path / "plus.yaml").write_text("base: finetune\nmodel: {head: ssdlite_plus}\n")
    voc.add("a", ("cat", 10, 10, 90, 80), ("cat", 20, 30, 22, 33))
    page, figures = tmp_path / "check.html", tmp_path / "check.json"
    options = ("--config", tmp_path / "plus.yaml", "--html", page, "--json", figures)
    _, text = doctor(voc.root, *options)
    assert re.search(r"side, px +objects +no centre +positives, at most", text)
    assert "no IoU 0.5" not in text
    anchors = json.loads(figures.read_text())["anchors"]
    assert (anchors["objects"], anchors["unreached"]) == (2, 0)
    assert [row["name"] for row in anchors["sizes"]][:2] == ["under 8", "8 to 16"]
    assert {row["mean_best_iou"] for row in anchors["sizes"]} == {None}
    assert "anchors per object, at most" in page.read_text()
    assert "IoU" not in page.read_text()


def test_everything_that_ails_is_found(ailing, doctor, tmp_path):
    target = tmp_path / "check.json"
    doctor(ailing.root, "--json", target)
    assert set(json.loads(target.read_text())["kinds"]) >= {
        "unreadable-picture", "suspect-class-name", "split-overlap", "wrong-extension",
        "exif-ambiguous", "inverted-box", "zero-area-box", "outside-box", "clipped-box",
        "tiny-box", "duplicate-box", "conflicting-box", "leak", "class-imbalance",
    }  # fmt: skip


def test_the_page_is_self_contained_and_shows_the_problems(ailing, doctor, tmp_path):
    target = tmp_path / "check.html"
    doctor(ailing.root, "--html", target)
    page = target.read_text()
    assert not re.search(r"<script|<link|src=\"(?!data:)|url\((?!#)", page)
    for text in ("Box without area", "Samples", "All findings", "<svg"):
        assert text in page
    assert page.count("data:image/jpeg") > 15


def test_the_page_escapes_names(voc, doctor, tmp_path):
    voc.add("a", ("&lt;b&gt;$x$ {{ 7 * 7 }}", 10, 10, 50, 50))
    target = tmp_path / "check.html"
    doctor(voc.root, "--html", target)
    page = target.read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;$x$ {{ 7 * 7 }}" in page


def test_the_page_says_first_what_is_wrong_with_the_whole(voc, doctor, tmp_path):
    for stem in "abcdef":
        voc.add(stem, *[("cat", 0.2, 0.3, 0.5, 0.6)] * 3)
    target = tmp_path / "check.html"
    code, _ = doctor(voc.root, "--html", target, "--json", tmp_path / "check.json")
    assert code == 1
    page, report = target.read_text(), json.loads((tmp_path / "check.json").read_text())
    assert {"box-form", "nothing-to-learn"} <= report["kinds"].keys()
    (found,) = [one for one in report["findings"] if one["kind"] == "box-form"]
    assert found["severity"] == "error" and "fractions of the image" in found["message"]
    assert page.index("look like fractions") < page.index("Box sizes, ")  # and not only in a table


def test_thousands_of_findings_make_no_huge_page(voc, doctor, tmp_path):
    for number in range(25):
        flat = [("cat", 1, y % 90 + 1, 1, y % 90 + 3) for y in range(200)]
        voc.add(f"p{number}", *flat, size=(1280, 960))
    target, figures = tmp_path / "check.html", tmp_path / "check.json"
    _, text = doctor(voc.root, "--html", target, "--json", figures)
    assert len(json.loads(figures.read_text())["findings"]) >= 5000
    assert len(text) < 4000
    assert target.stat().st_size < 2_000_000
    assert "and 4,801 more" in target.read_text()  # with the one that nothing can be learnt


def test_negatives_alone_can_be_checked(voc, doctor, tmp_path):
    voc.add("a")
    voc.add("b", CAT)
    voc.split("train", "a")
    voc.split("val", "b")
    code, text = doctor(f"{voc.root}:train", "--html", tmp_path / "check.html")
    assert code == 1
    assert "1 negative (100.0%)" in text
    assert "no object that can be learnt" in text


def test_a_name_that_is_no_utf8_is_no_obstacle(voc, doctor, tmp_path):
    voc.add("a", CAT)
    for path in (voc.root / "JPEGImages/a.jpg", voc.root / "Annotations/a.xml"):
        path.rename(path.with_stem(os.fsdecode(b"\xff")))
    truncated = next((voc.root / "JPEGImages").iterdir())
    truncated.write_bytes(truncated.read_bytes()[:-100])
    code, _ = doctor(voc.root, "--html", tmp_path / "check.html", "--json", tmp_path / "check.json")
    assert code == 1


def test_the_doctor_never_imports_keras(voc):
    voc.add("a", CAT)
    code = (
        "import sys; from training import check; check.main(sys.argv[1:]); "
        "heavy = {'tensorflow', 'keras', 'albumentations'} & set(sys.modules); "
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(voc.root), "--html", str(voc.root / "page.html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_help_loads_next_to_nothing():
    code = (
        "import sys; from training import check\n"
        "try: check.main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'scipy', 'matplotlib', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "examples:" in result.stdout


# Real data.


@pytest.fixture
def kinds_in(test_data, doctor, tmp_path):
    """JSON form of the check of one of the real data sets."""

    def check_it(name: str) -> dict:
        json_file = tmp_path / "real.json"
        doctor(test_data / "data" / name, "--config", "coco_300", "--json", json_file)
        return json.loads(json_file.read_text())

    return check_it


def test_bccd_has_two_boxes_without_area(kinds_in):
    report = kinds_in("bccd")
    flat = [f for f in report["findings"] if f["kind"] == "zero-area-box"]
    assert [re.search(r"BloodImage_\d+", f["file"])[0] for f in flat] == [
        "BloodImage_00338",
        "BloodImage_00343",
    ]
    assert report["counts"]["per_class"] == {"RBC": 4155, "WBC": 372, "Platelets": 361}


def test_raccoon_opens_as_a_loose_folder(kinds_in):
    report = kinds_in("raccoon")
    assert (report["counts"]["images"], report["counts"]["objects"]) == (200, 217)
    assert report["errors"] == 0


def test_voc_shows_its_difficult_objects(kinds_in):
    report = kinds_in("VOCdevkit/VOC2012")
    assert report["counts"]["difficult"] == 38
    assert report["errors"] == 0
    assert report["anchors"]["objects"] == report["counts"]["objects"] - 38


@pytest.mark.parametrize(
    ("part", "images", "objects"), [("train2017", 310, 2716), ("val2017", 188, 1692)]
)
def test_coco_opens_with_80_categories_and_its_crowds(kinds_in, part, images, objects):
    report = kinds_in(f"coco:{part}")
    counts = report["counts"]
    assert (counts["images"], counts["objects"]) == (images, objects)
    assert len(counts["per_class"]) == 80
    assert counts["crowd"] == {"train2017": 26, "val2017": 20}[part]
    assert report["errors"] == 0
    np.testing.assert_allclose(report["anchors"]["small"], 0.29, atol=0.02)
