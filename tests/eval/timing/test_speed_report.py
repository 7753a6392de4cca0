import pytest

from detector.runtimes import SUFFIXES
from eval.timing.measurements import to_timings
from eval.timing.speed_report import _MARKERS, to_markdown, write_plot

MACHINE = {
    "cpu": "A CPU",
    "cores": 4,
    "memory_gb": 8.0,
    "os": "An OS",
    "python": "3.11.0",
    "versions": {"numpy": "2.0"},
}
SETTINGS = {"rounds": 3, "images": 4, "source": "one photo", "workers": 4, "throughput_s": 3.0}


def test_the_table_has_map_only_where_it_was_measured(make):
    without = to_markdown(MACHINE, SETTINGS, to_timings([make(10)]))
    assert "AP50" not in without
    accuracy = [{"AP": 0.3414, "AP50": 0.5181}, {}]
    rows = to_timings([make(10), make(20, is_peer=True, name="peer")], accuracy)
    ours, peer = table_rows(to_markdown(MACHINE, SETTINGS, rows))[:2]
    assert ours[-2:] == ["0.341", "0.518"]
    assert peer[-2:] == ["-", "-"]
    assert peer[4:6] == ["20.00 (20.00 to 20.00)", "2.00"]


def test_without_objects_there_is_no_map(make):
    rows = to_timings([make(10)], [{"AP": -1.0, "AP50": -1.0}])
    assert table_rows(to_markdown(MACHINE, SETTINGS, rows))[0][-2:] == ["-", "-"]


def test_the_machine_and_the_way_of_measuring_stand_beside_the_table(make):
    text = to_markdown(MACHINE, SETTINGS, to_timings([make(10)]))
    assert text.startswith("A CPU, 4 cores used, 8 GB")
    assert "3 rounds of 4 images (one photo)" in text


def test_a_name_with_a_bar_does_not_break_the_table(make):
    text = to_markdown(MACHINE, SETTINGS, to_timings([make(10, name="a|b")]))
    assert r"| a\|b " in text


def table_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in rows if row[0] != "model" and set(row[0]) != {"-"}]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_the_plot_is_written_in_the_format_of_its_suffix(make, tmp_path, suffix):
    results = to_timings(
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


def test_every_engine_has_a_marker():
    assert set(_MARKERS) == {"keras", *SUFFIXES.values()}
