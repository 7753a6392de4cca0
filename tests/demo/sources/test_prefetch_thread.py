import threading
import time

import pytest

from demo.sources.prefetch_thread import Prefetcher


def test_items_come_in_order_and_then_it_has_ended():
    prefetcher = Prefetcher(range(5), "test")
    assert list(prefetcher) == [0, 1, 2, 3, 4]
    assert prefetcher.ended


def test_it_works_one_item_ahead_and_no_further(timeout_s, wait_until):
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    prefetcher = Prefetcher(items(), "test")
    assert prefetcher.take(timeout_s) == 0
    wait_until(lambda: len(made) >= 3)  # one can be taken, one waits for its place
    time.sleep(0.1)
    assert made == [0, 1, 2]
    prefetcher.close()


def test_of_a_live_source_only_the_newest_is_kept(timeout_s):
    ready = threading.Event()

    def items():
        yield from range(100)
        ready.set()

    prefetcher = Prefetcher(items(), "test", newest=True)
    assert ready.wait(timeout_s)
    assert prefetcher.take(timeout_s) == 99
    assert list(prefetcher) == []


def test_nothing_comes_in_time(timeout_s):
    release = threading.Event()

    def items():
        release.wait(timeout_s)
        yield 1

    prefetcher = Prefetcher(items(), "test")
    assert prefetcher.take(0.01) is None
    assert not prefetcher.ended
    release.set()
    assert prefetcher.take(timeout_s) == 1
    prefetcher.close()


def test_an_error_follows_the_last_item(timeout_s):
    def items():
        yield 1
        raise ValueError("broken")

    prefetcher = Prefetcher(items(), "test")
    found = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(iter(lambda: prefetcher.take(timeout_s), None))
    assert found == [1]
    assert prefetcher.take(0) is None
    assert prefetcher.ended


def test_closing_ends_a_thread_that_waits_for_its_turn(timeout_s):
    prefetcher = Prefetcher(range(100), "test")
    assert prefetcher.take(timeout_s) == 0
    assert prefetcher.close(timeout_s)
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_closing_says_where_a_thread_is_stuck(timeout_s):
    release = threading.Event()
    prefetcher = Prefetcher(iter(release.wait, None), "test")
    assert not prefetcher.close(0.05)
    release.set()
    assert prefetcher.close(timeout_s)


def test_it_reads_ahead_until_it_is_full(wait_until):
    read = []
    items = (read.append(i) or i for i in range(100))
    prefetcher = Prefetcher(items, "test", is_full=lambda waiting: len(waiting) >= 5)
    wait_until(lambda: len(read) == 6)  # one more is at hand
    assert [prefetcher.take() for _ in range(10)] == list(range(10))
    wait_until(lambda: len(read) == 16)
    assert prefetcher.close()


def test_what_was_read_ahead_is_taken_after_the_end(timeout_s, wait_until):
    prefetcher = Prefetcher(range(3), "test", is_full=lambda waiting: len(waiting) >= 5)
    wait_until(lambda: not prefetcher._thread.is_alive())
    assert not prefetcher.ended
    assert [prefetcher.take(timeout_s) for _ in range(4)] == [0, 1, 2, None]
    assert prefetcher.ended
