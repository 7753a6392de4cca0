import os
import signal

import numpy as np
import pytest

from configs.errors import UserError
from detector.hardware import usable_cores
from detector.images import write_image
from eval.timing import rounds as latency_rounds
from eval.timing.rounds import Worker, measure
from eval.timing.worker import Contender


@pytest.fixture
def images(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    write_image(tmp_path / "image.jpg", noise)
    return [tmp_path / "image.jpg"] * 3


@pytest.fixture
def contenders(exported):
    return [Contender(str(exported / f"model.{kind}"), 1) for kind in ("tflite", "onnx")]


def test_a_contender_says_what_it_is_and_when_it_was_ready(contenders, images):
    with Worker(contenders[0], images) as worker:
        about, seconds = worker.ready()
    assert (about.name, about.runtime) == ("tiny", "tflite")
    assert seconds > 0


def test_a_turn_times_every_image(contenders, images):
    with Worker(contenders[1], images) as worker:
        worker.ready()
        worker.send("turn")
        rows = worker.receive()
    assert rows.shape == (3, 6)
    assert (rows > 0).all()
    assert (rows[:, :5].sum(axis=1) <= rows[:, 5]).all()  # the parts fit into the whole


def test_a_process_of_its_own_holds_little_memory(contenders, images):
    with Worker(contenders[0], images) as worker:
        worker.ready()
        worker.send("peak_memory_mb")
        assert 20 < worker.receive() < 400  # this one, with TensorFlow, holds more


def test_a_model_that_cannot_be_loaded_is_named(images):
    with (
        pytest.raises(UserError, match="'none' is no model"),
        Worker(Contender("none", 1), images) as worker,
    ):
        worker.ready()


def test_an_image_that_cannot_be_read_is_named(contenders, tmp_path):
    with (
        pytest.raises(UserError, match=r"no such image.*none\.jpg"),
        Worker(contenders[0], [tmp_path / "none.jpg"]) as worker,
    ):
        worker.ready()


def test_a_process_that_dies_is_named(contenders, images):
    with (
        pytest.raises(UserError, match=r"model\.tflite died \(exit code -9\)"),
        Worker(contenders[0], images) as worker,
    ):
        worker.ready()
        os.kill(worker._process.pid, signal.SIGKILL)
        worker.send("turn")
        worker.receive()


class FakeWorker:
    """Writes down who does what; a turn of "slow" takes twice as long."""

    log: list = []  # noqa: RUF012

    def __init__(self, contender, _images):
        self.model, self.order = contender.model, None
        self.log.append(("start", contender.model, contender.threads))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.append(("end", self.model))

    def ready(self):
        return self.model, 1.5

    def send(self, *order):
        self.order = order[0]
        self.log.append((self.order, self.model))

    def receive(self):
        rows = np.full((4, 6), 2.0 if self.model == "slow" else 1.0)
        return {"turn": rows, "peak_memory_mb": 100.0, "throughput": 30.0}[self.order]


@pytest.fixture
def log(monkeypatch):
    monkeypatch.setattr(latency_rounds, "Worker", FakeWorker)
    monkeypatch.setattr(FakeWorker, "log", [])
    return FakeWorker.log


def test_contenders_take_turns_and_another_begins_each_round(log):
    measure([Contender(name, 1) for name in "abc"], [], rounds=4)
    turns = "".join(entry[1] for entry in log if entry[0] == "turn")
    assert turns == "abcbcacababc"


def test_throughput_is_of_one_thread_per_core_forth_and_back(log):
    both = [Contender("a", 1), Contender("a", 2), Contender("b", 2)]
    measured = measure(both, [], rounds=1)
    cores = usable_cores()
    order = [entry[1] for entry in log if entry[0] == "throughput"]
    assert order == [name for name in "abba" for _ in range(cores)]
    assert [one.images_per_s for one in measured] == [[30.0 * cores] * 2] * 3
    first = log.index(("throughput", "a"))
    assert log[first - cores : first] == [("start", "a", 1)] * cores


@pytest.mark.parametrize(("rounds", "starts"), [(1, 1), (2, 2), (9, 3)])
def test_starts_are_measured_at_most_three_times(log, rounds, starts):
    (one,) = measure([Contender("a", 1)], [], rounds)
    assert one.starts_s == [1.5] * starts
    assert len(one.rounds) == rounds
    assert one.peak_memory_mb == 100


def test_every_process_is_ended(log):
    measure([Contender("a", 1), Contender("b", 1)], [], rounds=2)
    kinds = [entry[0] for entry in log]
    assert kinds.count("start") == kinds.count("end")
