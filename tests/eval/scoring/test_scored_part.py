"""How much of a data set is scored, and that every output says so."""

import contextlib
import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from eval.coco import main as coco_main
from eval.compare import main as compare_main
from eval.scoring.evaluator import FIGURES, evaluate
from eval.scoring.inference import find_inputs, score, score_file
from eval.scoring.scored_part import part_lines
from eval.voc import main as voc_main

BOXES = ([10, 10, 40, 40], [80, 10, 50, 50], [20, 100, 60, 60], [120, 120, 50, 60])


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def make_image(path, size=(200, 200)):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(len(path.stem)).integers(0, 256, (*size[::-1], 3), np.uint8)
    Image.fromarray(noise).save(path)


def truth_of(images=3):
    """Two objects in each of two images, and none in any other."""
    named = [
        {"id": number, "file_name": f"{number}.png", "width": 200, "height": 200}
        for number in range(1, images + 1)
    ]
    annotations = [
        {"id": row + 1, "image_id": 1 + row // 2, "category_id": 1, "bbox": box, "iscrowd": 0}
        | {"area": box[2] * box[3]}
        for row, box in enumerate(BOXES)
    ]
    categories = [{"id": 1, "name": "b"}]
    return {"images": named, "annotations": annotations, "categories": categories}


def found_in(*rows):
    """The objects of these rows, with one false positive in the image without objects."""
    rows = [(1 + row // 2, BOXES[row], 0.9 - row / 10) for row in rows]
    rows.append((3, [5, 5, 50, 50], 0.95))
    return [
        {"image_id": image, "category_id": 1, "bbox": box, "score": score}
        for image, box, score in rows
    ]


def by_pycocotools(truth, found):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth))
        evaluation = COCOeval(coco, coco.loadRes(str(found)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(FIGURES, evaluation.stats.tolist(), strict=True))


@pytest.mark.parametrize("images", [(), (1,), (3,), (1, 2, 3)])
def test_a_results_file_is_scored_as_by_pycocotools_whatever_images_are_there(tmp_path, images):
    truth = write(tmp_path / "truth.json", truth_of())
    found = write(tmp_path / "found.json", found_in(0, 1))
    for number in images:
        make_image(tmp_path / f"images/{number}.png")
    eval_set = score_file(found, str(truth))
    assert dict(evaluate(eval_set).figures) == pytest.approx(by_pycocotools(truth, found))
    assert eval_set.settings["images"] == 3
    assert "images_missing" not in eval_set.settings


def test_nor_does_voc_need_images(voc, tmp_path):
    for stem in ("a", "b"):
        voc.add(stem, ("b", 11, 11, 60, 60)).unlink()
    found = [{"image_id": "a", "category_id": 1, "bbox": [10, 10, 50, 50], "score": 0.9}]
    eval_set = score_file(write(tmp_path / "found.json", found), str(voc.root))
    assert evaluate(eval_set).figures["AP50"] == pytest.approx(51 / 101)


@pytest.fixture
def yolo(tmp_path):
    """Four images with an object each, of which the last is broken; and what was found."""
    for stem in "abcd":
        make_image(tmp_path / f"yolo/images/{stem}.png")
        label = tmp_path / f"yolo/labels/{stem}.txt"
        label.parent.mkdir(exist_ok=True)
        label.write_text("0 0.5 0.5 0.5 0.5\n")
    (tmp_path / "yolo/images/d.png").write_bytes(b"broken")
    (tmp_path / "yolo/classes.txt").write_text("b\n")
    found = [
        {"image_id": stem, "category_id": 1, "bbox": [50, 50, 100, 100], "score": 0.9}
        for stem in "abd"
    ]
    return tmp_path / "yolo", write(tmp_path / "found.json", found)


def test_where_boxes_need_the_image_it_has_to_be_there(yolo):
    folder, found = yolo
    with pytest.raises(UserError, match=r"1 of 4 images missing or unreadable, such as: .*d\.png"):
        score_file(found, str(folder))
    settings = score_file(found, str(folder), allow_missing=True).settings
    assert {key: settings[key] for key in ("images", "images_missing", "images_share")} == {
        "images": 3,
        "images_missing": 1,
        "images_share": 0.75,
    }


SHARE = "scored on 3 of 4 images (75.0%): the others are missing or unreadable"


def test_every_output_of_eval_says_the_share(yolo, tmp_path, capsys):
    folder, found = map(str, yolo)
    out = {name: str(tmp_path / name) for name in ("f.json", "f.csv", "page")}
    files = ["--json", out["f.json"], "--csv", out["f.csv"], "--report", out["page"]]
    assert coco_main(["--detections", found, folder, "--allow-missing", *files]) == 0
    assert f"  {SHARE}\n" in capsys.readouterr().out
    assert json.loads((tmp_path / "f.json").read_text())["settings"]["images_missing"] == 1
    [row] = csv.DictReader((tmp_path / "f.csv").read_text().splitlines())
    assert (row["images_missing"], row["images_share"]) == ("1", "0.75")
    assert SHARE in (tmp_path / "page/report.html").read_text(encoding="utf-8")
    report = json.loads((tmp_path / "page/report.json").read_text())
    assert report["settings"]["images_share"] == 0.75


def test_every_output_of_voc_says_the_share(yolo, tmp_path, capsys):
    folder, found = map(str, yolo)
    out = tmp_path / "f.json"
    arguments = ["--detections", found, folder, "--allow-missing", "--json", str(out)]
    assert voc_main(arguments) == 0
    assert f"  {SHARE}\n" in capsys.readouterr().out
    assert json.loads(out.read_text())["settings"]["images_missing"] == 1


def test_every_output_of_compare_says_the_share(yolo, tmp_path, capsys):
    folder, found = map(str, yolo)
    out = {name: str(tmp_path / name) for name in ("f.json", "page")}
    files = ["--json", out["f.json"], "--report", out["page"]]
    assert compare_main([found, found, folder, "--allow-missing", *files]) == 0
    assert f"  A and B: {SHARE}\n" in capsys.readouterr().out
    settings = json.loads((tmp_path / "f.json").read_text())["b"]["settings"]
    assert settings["images_missing"] == 1
    assert SHARE in (tmp_path / "page/compare.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("main", [coco_main, voc_main, compare_main])
def test_without_being_asked_no_part_is_scored(yolo, main):
    folder, found = map(str, yolo)
    names = [found, found, folder] if main is compare_main else ["--detections", found, folder]
    with pytest.raises(UserError, match="score the rest with eval --allow-missing"):
        main(names)


@pytest.mark.parametrize("fault", ["missing", "no image", "empty"])
def test_a_model_is_not_run_where_an_image_cannot_be_read(tmp_path, fault):
    truth = write(tmp_path / "truth.json", truth_of())
    for number in (1, 3):
        make_image(tmp_path / f"{number}.png")
    if fault != "missing":
        (tmp_path / "2.png").write_bytes(b"" if fault == "empty" else b"no image")
    with pytest.raises(UserError, match=r"1 of 3 images missing or unreadable, .*2\.png"):
        find_inputs("shapes", str(truth))  # before any network is loaded
    part = find_inputs("shapes", str(truth), allow_missing=True, classes=["b"])[0]
    assert [one.image_id for one in part.dataset] == [1, 3]


def test_images_of_another_split_may_be_missing(voc):
    for stem in ("a", "b", "c"):
        voc.add(stem, ("circle", 11, 11, 60, 60))
    voc.split("train", "a")
    voc.split("val", "b", "c")
    (voc.root / "JPEGImages/a.jpg").unlink()
    assert find_inputs("shapes", f"{voc.root}:val")[0].listed == 2
    with pytest.raises(UserError, match="1 of 3 images"):
        find_inputs("shapes", str(voc.root))


def test_without_any_image_the_reader_says_where_it_looked(tmp_path):
    truth = write(tmp_path / "truth.json", truth_of())
    for allow in (False, True):
        with pytest.raises(UserError, match=r"its images .* are not in a folder near it"):
            find_inputs("shapes", str(truth), allow_missing=allow)


@pytest.fixture
def truncated(tmp_path):
    """Three images, of which the second is damaged behind its header."""
    truth = write(tmp_path / "data/truth.json", truth_of())
    for number in (1, 2, 3):
        make_image(tmp_path / f"data/{number}.png")
    whole = (tmp_path / "data/2.png").read_bytes()
    (tmp_path / "data/2.png").write_bytes(whole[: len(whole) // 2])
    return truth


def test_an_image_damaged_behind_its_header_ends_the_measurement(exported, truncated):
    with pytest.raises(UserError, match=r"1 of 3 images missing or unreadable, .*2\.png"):
        score(str(exported), str(truncated), runtime="tflite")


def test_or_is_counted_where_that_is_allowed(exported, truncated, tmp_path, capsys):
    eval_set = score(str(exported), str(truncated), runtime="tflite", allow_missing=True)
    assert [one.sample.image_id for one in eval_set.images] == [1, 3]
    assert eval_set.settings["images_missing"] == 1
    # A file needs no image: it is compared with the model on the images that both have.
    found = write(tmp_path / "found.json", found_in(0, 1, 2, 3))
    arguments = [str(exported / "model.tflite"), str(found), str(truncated), "--allow-missing"]
    out = tmp_path / "compared.json"
    assert compare_main([*arguments, "--json", str(out)]) == 0
    assert "A and B: scored on 2 of 3 images (66.7%)" in capsys.readouterr().out
    sides = json.loads(out.read_text())
    assert [sides[side]["settings"]["images"] for side in "ab"] == [2, 2]


def lost_box(truth):
    truth["annotations"].append({"id": 9, "image_id": 1, "category_id": 1, "area": 9})


def lost_category(truth):
    truth["annotations"].append({**truth["annotations"][0], "id": 9, "category_id": 9})


def lost_image(truth):
    truth["annotations"].append({**truth["annotations"][0], "id": 9, "image_id": 99})


@pytest.mark.parametrize(
    ("lose", "title"),
    [
        (lost_box, "object that cannot be read (1)"),
        (lost_category, "object of an unknown class (1)"),
        (lost_image, "annotation of an image that is not listed (1)"),
    ],
)
def test_annotations_that_a_reader_leaves_out_are_counted(tmp_path, lose, title, capsys):
    content = truth_of()
    lose(content)
    truth = write(tmp_path / "truth.json", content)
    found = write(tmp_path / "found.json", found_in(0, 1))
    settings = score_file(found, str(truth)).settings
    assert (settings["annotations_left_out"], settings["left_out"]) == (1, title)
    for measure in (coco_main, voc_main):
        assert measure(["--detections", str(found), str(truth)]) == 0
        assert f"  1 annotation not scored: {title}\n" in capsys.readouterr().out


def test_of_a_split_its_own_annotations_are_counted(voc, tmp_path):
    for stem in ("a", "b", "c", "d"):
        voc.add(stem, ("b", 11, 11, 60, 60))
    voc.split("train", "a", "b")
    voc.split("val", "c", "d")
    for stem in ("a", "c"):
        file = voc.root / f"Annotations/{stem}.xml"
        more = "<object><name>b</name></object></annotation>"
        file.write_text(file.read_text().replace("</annotation>", more))
    (voc.root / "Annotations/d.xml").write_text("<annotation>")
    found = write(tmp_path / "found.json", [])
    assert score_file(found, f"{voc.root}:train").settings["annotations_left_out"] == 1
    settings = score_file(found, f"{voc.root}:val").settings
    assert settings["annotations_left_out"] == 2
    assert settings["left_out"].startswith("object that cannot be read (1), split that lists")


def test_what_is_left_out_of_an_image_in_two_splits_counts_once(yolo):
    folder, found = yolo
    (folder / "images/d.png").unlink()
    (folder / "labels/a.txt").write_text("0 0.5 0.5 0.5 0.5\n7 0.5 0.5 0.5 0.5\n")
    for part in ("train", "val"):
        (folder / f"{part}.txt").write_text("images/a.png\nimages/b.png\n")
    (folder / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [b]\n")
    found.write_text("[]")
    for data in (folder, f"{folder}:val"):
        assert score_file(found, str(data)).settings["annotations_left_out"] == 1


def test_where_everything_is_scored_nothing_is_said(tmp_path):
    truth = write(tmp_path / "truth.json", truth_of())
    found = write(tmp_path / "found.json", found_in(0, 1))
    settings = score_file(found, str(truth)).settings
    assert set(settings) == {"detections", "classes", "images"}
    assert not list(part_lines(settings))


def test_a_part_is_named_by_the_numbers_of_the_whole_where_ids_repeat(tmp_path):
    for split in ("train", "valid"):
        content = {**truth_of(2), "images": truth_of(2)["images"]}
        write(tmp_path / f"data/{split}/_annotations.coco.json", content)
        for number in (1, 2):
            make_image(tmp_path / f"data/{split}/{number}.png")
    (tmp_path / "data/train/1.png").unlink()
    data = str(tmp_path / "data")
    part = find_inputs("shapes", data, allow_missing=True, classes=["b"])[0]
    assert [one.image_id for one in part.dataset] == [2, 3, 4]
