import json
import random
from dataclasses import asdict

import pytest

from configs.errors import UserError
from configs.load import load_config
from training.run.run_folder import RunFolder, RunSettings
from training.run.state import State

pytestmark = pytest.mark.keras

CONFIG = load_config("finetune")
SETTINGS = RunSettings("images/", None, "coco", None, 600.0, 12, "abc")


def test_what_is_written_is_read(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(CONFIG, SETTINGS, {"cpu": "one"})
    assert folder.read() == (CONFIG, SETTINGS)
    assert json.loads((tmp_path / "run/environment.json").read_text()) == {"cpu": "one"}
    assert not folder.is_complete


def test_a_run_is_not_begun_over_another(tmp_path):
    folder = RunFolder(tmp_path)
    folder.require_new()
    folder.create(CONFIG, SETTINGS, {})
    with pytest.raises(UserError, match="holds a run already; add --resume, or name a new folder"):
        folder.require_new()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UserError, match="holds something already; name a new folder"):
        RunFolder(tmp_path).require_new()


def test_a_folder_without_a_run_cannot_be_resumed(tmp_path):
    with pytest.raises(UserError, match="holds no run to resume"):
        RunFolder(tmp_path).read()


@pytest.mark.parametrize("content", ["{", "[]", '{"data": 1}'])
def test_a_damaged_description_is_one_line(tmp_path, content):
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(UserError, match=r"cannot read .*run\.json: damaged"):
        RunFolder(tmp_path).read()


WHOLE = asdict(RunSettings("images/", None, "coco", None, 600.0, 12, "abc"))
DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"data": 5}, "data: .*string, got 5"),
        ({"data": None}, "data: .*string, got None"),
        ({"data": {"a": ["b"] * 9999}}, "data: .*string, got {'a'"),
        ({"images": ["a"]}, "images: .*string, got "),
        ({"start": 1.5}, r"start: .*string, got 1\.5"),
        ({"overfit": 0}, "overfit: .*greater than or equal to 1, got 0"),
        ({"overfit": True}, "overfit: .*integer, got True"),
        ({"seconds": -1}, "seconds: .*greater than 0, got -1"),
        ({"seconds": "1"}, "seconds: .*number, got '1'"),
        ({"epochs": 10**4000}, "epochs: .*got 1000"),
        ({"epochs": "9" * 99999}, "epochs: .*integer, got '999"),
        ({"finest": [[0.1, 0.2]]}, r"finest\.1: Field required"),
        ({"finest": [[0.1, 0.2], [0.1, 2.0], [0.1, 0.1]]}, r"finest\.1\.1: .*equal to 1, got 2"),
        ({"finest": [[0.1, 0.2, 0.3]] * 3}, r"finest\.0: .*at most 2 items"),
        ({"finest": [[0.1, 0.2], [], [0.1, 0.1]]}, r"finest\.1\.0: Field required"),
        ({"voc_origin": 2}, "voc_origin: Input should be 0 or 1, got 2"),
        ({"classes": "cat"}, "classes: .*, got 'cat'"),
        ({"merge": {"cat": [1]}}, r"merge\.cat\.0: .*string, got 1"),
        ({"k" * 9999: 1}, "kkk"),
    ],
)
def test_a_value_of_another_type_is_one_short_line(tmp_path, wrong, says):
    (tmp_path / "run.json").write_text(json.dumps(WHOLE | wrong))
    with pytest.raises(UserError, match=rf"cannot read .*run\.json: damaged \(.*{says}") as caught:
        RunFolder(tmp_path).read()
    assert len(str(caught.value)) < len(str(tmp_path)) + 500


@pytest.mark.parametrize("text", [DEEP, f'{{"data": {DEEP}}}', "[" * 90_000, "1e999", "\xff"])
def test_what_is_no_description_is_one_short_line(tmp_path, text):
    (tmp_path / "run.json").write_text(text, "latin-1")
    with pytest.raises(UserError, match=r"cannot read .*run\.json: damaged") as caught:
        RunFolder(tmp_path).read()
    assert len(str(caught.value)) < len(str(tmp_path)) + 500


def test_what_a_killed_process_left_goes_and_nothing_else(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create(CONFIG, SETTINGS, {})
    (tmp_path / ".state.1234abcd.part.npz").write_bytes(b"half")
    (tmp_path / ".best.x1y2/new").mkdir(parents=True)
    (tmp_path / ".last.x1y2/old").mkdir(parents=True)
    for name in ("best", "last"):
        (tmp_path / name).mkdir()
    folder.clean()
    left = {one.name for one in tmp_path.iterdir()}
    assert left == {"best", "last", "config.yaml", "environment.json", "run.json"}


def test_a_model_that_was_being_replaced_comes_back(tmp_path):
    """Killed between two renamings: the old one aside, the new one not yet in its place."""
    (tmp_path / ".best.x1y2/old").mkdir(parents=True)
    (tmp_path / ".best.x1y2/new").mkdir()
    (tmp_path / ".best.x1y2/new/detector.json").write_text("new")
    RunFolder(tmp_path).clean()
    assert (tmp_path / "best/detector.json").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["best"]


def test_what_changed_places_with_a_model_goes(tmp_path):
    """Killed behind the exchange: the new one in its place, the old one aside under its name."""
    for place, text in ((".best.x1y2/new", "old"), ("best", "new")):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "detector.json").write_text(text)
    RunFolder(tmp_path).clean()
    assert (tmp_path / "best/detector.json").read_text() == "new"
    assert [one.name for one in tmp_path.iterdir()] == ["best"]


def test_the_log_has_a_row_per_epoch(tmp_path):
    rows = [{"epoch": 1, "loss": 2.5, "AP": ""}, {"epoch": 2, "loss": 1.5, "AP": 0.25}]
    RunFolder(tmp_path).write_log(rows)
    assert (tmp_path / "log.csv").read_text() == "epoch,loss,AP\n1,2.5,\n2,1.5,0.25\n"


def test_the_end_keeps_the_result_and_the_state_to_go_on_from(tmp_path):
    folder = RunFolder(tmp_path)
    folder.state.write_bytes(b"large")
    folder.finish(State(epoch=3, best=0.5, seconds=61.24))
    assert folder.is_complete
    assert folder.state.exists()
    result = json.loads((tmp_path / "result.json").read_text())
    assert result == {"AP": 0.5, "epochs": 3, "seconds": 61.2}


ODD = [None, True, -1, 0, 1e300, 10**30, "", "x" * 999, [], [[[]]], {}, {"a": {"b": [1]}}, [1, "a"]]


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_description_holds_it_is_read_or_refused_in_one_short_line(tmp_path, seed):
    """Values of other types, and bytes of other values; `make proofs` tries many more."""
    rng = random.Random(seed)
    RunFolder(tmp_path).create(CONFIG, SETTINGS, {})
    for _ in range(10):
        wrong = {name: rng.choice(ODD) for name in rng.sample(sorted(WHOLE), 2)}
        text = bytearray(json.dumps(WHOLE | wrong).encode())
        for _ in range(rng.randrange(3)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        (tmp_path / "run.json").write_bytes(text)
        try:
            RunFolder(tmp_path).read()
        except UserError as error:
            assert len(str(error)) < len(str(tmp_path)) + 500
            assert "\n" not in str(error)
