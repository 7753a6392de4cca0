from pathlib import Path

import numpy as np
import pytest

from eval.timing.measurements import to_json, to_results
from eval.timing.rounds import Measured
from eval.timing.speed_plot import write_plot
from eval.timing.table import to_markdown
from eval.timing.worker import About, Contender

MACHINE = {
    "cpu": "A CPU",
    "cores": 4,
    "memory_gb": 8.0,
    "os": "An OS",
    "python": "3.11.0",
    "versions": {"numpy": "2.0"},
}
SETTINGS = {"rounds": 3, "images": 4, "source": "one photo", "workers": 4, "throughput_s": 3.0}


@pytest.fixture
def make(tmp_path):
    """A contender whose rounds take the given milliseconds, end to end; half of that to run."""

    def make_one(*round_ms, model="model.npz", name="m", threads=1, is_peer=False):
        file = tmp_path / Path(model).name
        file.write_bytes(bytes(2_000_000))
        rows = [np.outer(np.ones(4), [0.1, 0.1, 0.5, 0.1, 0.1, 1.0]) * ms for ms in round_ms]
        if is_peer:
            for one in rows:
                one[:, 3:5] = np.nan
        return Measured(
            Contender(model, threads, is_peer=is_peer),
            About(name, "keras", file, (300, 300), 4 if is_peer else None),
            starts_s=[9.0, 2.0, 1.0],
            rounds=rows,
            peak_memory_mb=100.0,
            images_per_s=[50.0, 70.0],
        )

    return make_one


def test_the_spread_is_over_all_images_of_all_rounds(make):
    (result,) = to_results([make(10, 20, 30)])
    assert result["stages_ms"]["end_to_end"] == {"median": 20, "p10": 10, "p90": 30}
    assert result["stages_ms"]["run"] == {"median": 10, "p10": 5, "p90": 15}
    assert result["images_per_s"] == 50  # 12 images in 240 ms


def test_a_ratio_is_taken_round_by_round(make):
    """The machine slows down threefold; the ratio does not change."""
    first, second = to_results([make(10, 20, 30), make(5, 10, 15)])
    assert first["ratio"] == {"run": 1, "end_to_end": 1}
    assert second["ratio"] == {"run": 0.5, "end_to_end": 0.5}
    assert second["round_medians_ms"] == [5, 10, 15]


def test_other_figures_are_medians_and_means_of_their_repetitions(make):
    (result,) = to_results([make(10)])
    assert result["start_s"] == 2
    assert result["throughput_images_per_s"] == 60
    assert result["size_mb"] == 2
    assert result["peak_memory_mb"] == 100


def test_a_peer_has_no_stages_after_the_network(make):
    (result,) = to_results([make(10, is_peer=True)])
    assert result["stages_ms"]["decode"] is result["stages_ms"]["nms"] is None
    assert result["stages_ms"]["run"]["median"] == 5
    assert result["outputs"] == 4


def test_models_of_one_name_are_told_apart_by_what_the_user_called_them(make):
    rows = [make(10, model="a.npz"), make(10, model="b.npz"), make(10, model="c.npz", name="n")]
    assert [result["name"] for result in to_results(rows)] == ["a.npz", "b.npz", "n"]


def test_one_model_with_two_thread_counts_keeps_its_name(make):
    assert [r["name"] for r in to_results([make(10), make(10, threads=2)])] == ["m", "m"]


def test_json_has_machine_settings_and_figures(make):
    results = to_results([make(10)], [{"AP": 0.25, "AP50": 0.5}])
    written = to_json(MACHINE, SETTINGS, results)
    assert (written["machine"], written["settings"]) == (MACHINE, SETTINGS)
    assert written["results"][0]["AP"] == 0.25


def test_the_table_has_map_only_where_it_was_measured(make):
    without = to_markdown(MACHINE, SETTINGS, to_results([make(10)]))
    assert "AP50" not in without
    accuracy = [{"AP": 0.3414, "AP50": 0.5181}, {}]
    rows = to_results([make(10), make(20, is_peer=True, name="peer")], accuracy)
    ours, peer = table_rows(to_markdown(MACHINE, SETTINGS, rows))[:2]
    assert ours[-2:] == ["0.341", "0.518"]
    assert peer[-2:] == ["-", "-"]
    assert peer[4:6] == ["20.00 (20.00 to 20.00)", "2.00"]


def test_without_objects_there_is_no_map(make):
    rows = to_results([make(10)], [{"AP": -1.0, "AP50": -1.0}])
    assert table_rows(to_markdown(MACHINE, SETTINGS, rows))[0][-2:] == ["-", "-"]


def test_the_machine_and_the_way_of_measuring_stand_beside_the_table(make):
    text = to_markdown(MACHINE, SETTINGS, to_results([make(10)]))
    assert text.startswith("A CPU, 4 cores used, 8 GB")
    assert "3 rounds of 4 images (one photo)" in text


def test_a_name_with_a_bar_does_not_break_the_table(make):
    text = to_markdown(MACHINE, SETTINGS, to_results([make(10, name="a|b")]))
    assert r"| a\|b " in text


def table_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if row[0] != "model" and set(row[0]) != {"-"}]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_plot_is_written_in_the_format_of_its_suffix(make, tmp_path, suffix):
    results = to_results(
        [make(10), make(6, threads=2), make(20, is_peer=True, name="peer")],
        [{"AP": 0.3, "AP50": 0.5}, {"AP": 0.3, "AP50": 0.5}, {}],
    )
    path = tmp_path / f"plot{suffix}"
    write_plot(path, results)
    content = path.read_bytes()
    assert content.startswith({".svg": b"<?xml", ".png": b"\x89PNG"}[suffix])
    if suffix == ".svg":
        assert b"m, keras, float32" in content
        assert b"peer" not in content
