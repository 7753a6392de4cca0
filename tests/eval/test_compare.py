import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from configs.errors import UserError
from detector.command import run
from eval.compare import main
from eval.scoring.comparison import compare, in_words
from eval.scoring.eval_set import EvalImage

BOXES = ([20, 20, 120, 120], [200, 60, 300, 200])


def xywh(box, shift=0) -> list[float]:
    x1, y1, x2, y2 = box
    return [x1 + shift, y1, x2 - x1, y2 - y1]


def write_json(path, content):
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def data(tmp_path):
    """Twelve images, each with a cat and a dog."""
    folder = tmp_path / "data"
    folder.mkdir()
    images, annotations = [], []
    for number in range(1, 13):
        name = f"{number}.png"
        Image.fromarray(np.full((240, 320, 3), 9 * number, np.uint8)).save(folder / name)
        images.append({"id": number, "file_name": name, "width": 320, "height": 240})
        for category, box in enumerate(BOXES, 1):
            one = {"id": len(annotations) + 1, "image_id": number, "category_id": category}
            annotations.append({**one, "bbox": xywh(box), "area": 10_000, "iscrowd": 0})
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    return write_json(folder / "truth.json", truth)


def detections(path, shift=0, also=()):
    """A results file: every cat, its box moved by `shift` px, and the dogs of images `also`."""
    cats = [(number, 1, xywh(BOXES[0], shift)) for number in range(1, 13)]
    dogs = [(number, 2, xywh(BOXES[1])) for number in also]
    rows = [
        {"image_id": image, "category_id": category, "bbox": bbox, "score": 0.9}
        for image, category, bbox in cats + dogs
    ]
    return write_json(path, rows)


def test_a_better_model_is_said_to_be_better(data, tmp_path, capsys):
    a = detections(tmp_path / "a.json")
    b = detections(tmp_path / "b.json", also=range(1, 13))
    out = tmp_path / "out.json"
    code = main([str(a), str(b), str(data), "--json", str(out), "--report", str(tmp_path / "page")])
    assert code == 0
    printed = capsys.readouterr().out
    assert "B has 0.500 more AP than A, more than noise" in printed
    found = json.loads(out.read_text())
    ap = found["figures"]["AP"]
    assert [ap["a"], ap["b"], ap["difference"], *ap["interval"]] == pytest.approx(
        [0.5, 1] + [0.5] * 3
    )
    assert found["figures"]["APs"] == {"a": -1, "b": -1, "difference": None, "interval": None}
    assert found["per_class"]["cat"]["difference"] == 0
    assert found["per_class"]["dog"]["objects"] == 12
    page = (tmp_path / "page/compare.html").read_text(encoding="utf-8")
    assert "B makes fewer errors" in page
    assert "A makes fewer errors" not in page
    assert page.count('src="data:image/jpeg') == 6
    assert json.loads((tmp_path / "page/compare.json").read_text()) == found


def test_one_found_object_more_may_be_noise(data, tmp_path, capsys):
    a = detections(tmp_path / "a.json", also=range(1, 7))
    b = detections(tmp_path / "b.json", also=range(6, 13))
    assert main([str(a), str(b), str(data)]) == 0
    assert "which may be noise" in capsys.readouterr().out


def test_what_is_odd_in_a_results_file_is_said_of_its_side(data, tmp_path, capsys):
    a, b = (detections(tmp_path / name) for name in ("a.json", "b.json"))
    rows = json.loads(b.read_text())
    b.write_text(json.dumps([{**row, "category_id": 1.0} for row in rows]))
    out = tmp_path / "out.json"
    assert main([str(a), str(b), str(data), "--json", str(out)]) == 0
    said = "category_id written as 1.0 in 12 of 12 detections: taken by their value"
    assert f"  B: warnings: {said}" in capsys.readouterr().out.splitlines()
    found = json.loads(out.read_text())
    assert found["b"]["settings"]["warnings"] == said
    assert "warnings" not in found["a"]["settings"]


def test_a_model_against_itself(data, tmp_path, capsys):
    a = detections(tmp_path / "a.json", shift=10)
    assert main([str(a), str(a), str(data)]) == 0
    assert "A and B have the same AP to within 0.0005" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["a", "data"])
def test_what_is_not_there_is_named_in_one_line(data, tmp_path, capsys, missing):
    a, b = tmp_path / "a.json", detections(tmp_path / "b.json")
    if missing == "data":
        detections(a)
        data.unlink()
    assert run(lambda: main([str(a), str(b), str(data)])) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert str(a if missing == "a" else data) in error


@pytest.mark.parametrize("which", ["detections", "data"])
def test_an_input_is_not_overwritten(data, tmp_path, which):
    a = detections(tmp_path / "a.json")
    output = a if which == "detections" else data
    with pytest.raises(UserError, match="it is an input"):
        main([str(a), str(a), str(data), "--json", str(output)])


def relabelled(eval_set, names):
    return replace(eval_set, classes=replace(eval_set.classes, names=names))


def test_only_shared_classes_are_compared(random_set_of):
    eval_set = random_set_of(0, images=12)
    other = relabelled(eval_set, ("zebra", "class 1", "class 2"))
    comparison = compare(eval_set, other)
    assert comparison.left_out == ("class 0", "zebra")
    assert list(comparison.a.report.per_class) == ["class 1", "class 2"]
    assert comparison.a.report.figures == comparison.b.report.figures


def test_a_class_into_which_one_has_merged_others_is_not_compared(set_of, sample_of, found_of):
    boxes = [[0, 0, 50, 50], [60, 60, 90, 90], [0, 60, 30, 90]]
    as_it_is = set_of((sample_of(1, boxes, [0, 1, 1]), found_of()))
    merged = set_of((sample_of(1, boxes, [0, 1, 0]), found_of()))
    with pytest.raises(UserError, match="share no class"):
        compare(as_it_is, merged)
    one = set_of((sample_of(1, boxes[:2], [0, 1]), found_of()))
    other = set_of((sample_of(1, boxes, [0, 1, 1]), found_of()))
    assert compare(one, other).left_out == (one.classes.names[1],)


def test_models_without_a_shared_class_cannot_be_compared(random_set_of):
    eval_set = random_set_of(0)
    with pytest.raises(UserError, match="share no class"):
        compare(eval_set, relabelled(eval_set, ("x", "y", "z")))


def test_nor_can_they_without_an_object_of_one(set_of, sample_of, found_of):
    eval_set = set_of((sample_of(1, [[0, 0, 50, 50]], [0]), found_of()))
    other = relabelled(eval_set, ("zebra", "dog"))
    with pytest.raises(UserError, match="no object of the classes that both know"):
        compare(eval_set, other)


def test_few_images_do_not_tell(random_set_of):
    eval_set = random_set_of(0, images=5)
    blind = [EvalImage(p.sample, p.detections[:0]) for p in eval_set.images]
    words = in_words(compare(eval_set, replace(eval_set, images=blind)))
    assert words.startswith("A has ")
    assert words.endswith("too few images with objects to tell that from noise")


def test_results_files_are_not_looked_at_in_tiles(data, tmp_path):
    found = str(detections(tmp_path / "a.json"))
    with pytest.raises(UserError, match="--slice belongs to a model"):
        main([found, found, str(data), "--slice", "300"])


def test_a_dry_run_says_what_it_would_compare(data, tmp_path, capsys):
    a = detections(tmp_path / "a.json")
    report = tmp_path / "page"
    assert main([str(a), "coco", str(data), "--report", str(report), "--dry-run"]) == 0
    assert capsys.readouterr().out == (
        f"would compare {a} with coco (to be downloaded) on {data}: 12 images, 2 classes\n"
    )
    assert not report.exists()
    with pytest.raises(UserError, match="'none' is no model"):
        main([str(a), "none", str(data), "--dry-run"])
