import threading

import pytest

from configs.errors import UserError
from detector.threads import in_threads


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 200])
def test_outcomes_come_in_the_order_of_the_items(count):
    assert list(in_threads(lambda item: item * 2, range(count))) == [2 * i for i in range(count)]


def test_items_are_worked_on_outside_of_the_calling_thread():
    caller = threading.get_ident()
    assert caller not in in_threads(lambda _: threading.get_ident(), range(100))


def test_what_goes_wrong_is_raised():
    def refuse(item):
        raise UserError(f"no {item}")

    with pytest.raises(UserError, match="no 0"):
        list(in_threads(refuse, range(100)))


def test_items_that_are_made_when_asked_for_are_asked_for_one_by_one():
    class Squares:
        def __len__(self):
            return 70

        def __getitem__(self, index):
            return index * index

    assert list(in_threads(str, Squares())) == [str(i * i) for i in range(70)]
