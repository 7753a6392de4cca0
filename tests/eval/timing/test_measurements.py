from eval.timing.measurements import to_timings


def test_the_spread_is_over_all_images_of_all_rounds(make):
    (result,) = to_timings([make(10, 20, 30)])
    assert result["stages_ms"]["end_to_end"] == {"median": 20, "p10": 10, "p90": 30}
    assert result["stages_ms"]["run"] == {"median": 10, "p10": 5, "p90": 15}
    assert result["images_per_s"] == 50  # 12 images in 240 ms


def test_a_ratio_is_taken_round_by_round(make):
    """The machine slows down threefold; the ratio does not change."""
    first, second = to_timings([make(10, 20, 30), make(5, 10, 15)])
    assert first["ratio"] == {"run": 1, "end_to_end": 1}
    assert second["ratio"] == {"run": 0.5, "end_to_end": 0.5}
    assert second["round_medians_ms"] == [5, 10, 15]


def test_other_figures_are_medians_and_means_of_their_repetitions(make):
    (result,) = to_timings([make(10)])
    assert result["start_s"] == 2
    assert result["throughput_images_per_s"] == 60
    assert result["size_mb"] == 2
    assert result["peak_memory_mb"] == 100


def test_a_peer_has_no_stages_after_the_network(make):
    (result,) = to_timings([make(10, is_peer=True)])
    assert result["stages_ms"]["decode"] is result["stages_ms"]["nms"] is None
    assert result["stages_ms"]["run"]["median"] == 5
    assert result["outputs"] == 4


def test_models_of_one_name_are_told_apart_by_what_the_user_called_them(make):
    rows = [make(10, model="a.npz"), make(10, model="b.npz"), make(10, model="c.npz", name="n")]
    assert [result["name"] for result in to_timings(rows)] == ["a.npz", "b.npz", "n"]


def test_one_model_with_two_thread_counts_keeps_its_name(make):
    assert [r["name"] for r in to_timings([make(10), make(10, threads=2)])] == ["m", "m"]


def test_figures_of_accuracy_are_taken_along(make):
    (timing,) = to_timings([make(10)], [{"AP": 0.25, "AP50": 0.5}])
    assert (timing["AP"], timing["AP50"]) == (0.25, 0.5)
