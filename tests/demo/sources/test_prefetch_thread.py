import threading
import time

import pytest

from demo.sources.prefetch_thread import Prefetcher


def test_items_come_in_order_and_then_it_has_ended():
    prefetcher = Prefetcher(range(5), "test")
    assert list(prefetcher) == [0, 1, 2, 3, 4]
    assert prefetcher.ended


def test_it_works_one_item_ahead_and_no_further():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    prefetcher = Prefetcher(items(), "test")
    assert prefetcher.take(1) == 0
    time.sleep(0.1)
    assert made == [0, 1, 2]  # one can be taken, one waits for its place
    prefetcher.close()


def test_two_stages_take_as_long_as_the_slower():
    def slowly(items):
        for item in items:
            time.sleep(0.02)
            yield item

    begun = time.monotonic()
    list(slowly(Prefetcher(slowly(range(20)), "test")))
    assert time.monotonic() - begun < 0.8 * (2 * 20 * 0.02)


def test_of_a_live_source_only_the_newest_is_kept():
    ready = threading.Event()

    def items():
        yield from range(100)
        ready.set()

    prefetcher = Prefetcher(items(), "test", newest=True)
    ready.wait(5)
    assert prefetcher.take(1) == 99
    assert prefetcher.replaced == 99


def test_nothing_comes_in_time():
    prefetcher = Prefetcher(iter(lambda: time.sleep(0.3) or 1, None), "test")
    assert prefetcher.take(0.01) is None
    assert not prefetcher.ended
    assert prefetcher.take(2) == 1
    prefetcher.close()


def test_an_error_follows_the_last_item():
    def items():
        yield 1
        raise ValueError("broken")

    prefetcher = Prefetcher(items(), "test")
    found = []
    with pytest.raises(ValueError, match="broken"):
        found.extend(iter(lambda: prefetcher.take(1), None))
    assert prefetcher.take(0) is None
    assert prefetcher.ended


def test_closing_ends_a_thread_that_waits_for_its_turn():
    prefetcher = Prefetcher(range(100), "test")
    assert prefetcher.take(1) == 0
    assert prefetcher.close()
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_closing_says_where_a_thread_is_stuck():
    release = threading.Event()
    prefetcher = Prefetcher(iter(release.wait, None), "test")
    assert not prefetcher.close(0.05)
    release.set()
    assert prefetcher.close()
