import errno
from types import SimpleNamespace

import pytest

from configs.errors import UserError
from training.run.tensorboard_log import Board

pytestmark = pytest.mark.keras


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    rows = [{"epoch": 1, "step": 2, "loss": 0.5}]
    session = SimpleNamespace(
        folder=SimpleNamespace(board=tmp_path / "tensorboard"),
        progress=SimpleNamespace(rows=rows),
        epoch_ends=True,
    )
    board = Board(session, SimpleNamespace(found=None))

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(board._writer, "flush", full)
    with pytest.raises(UserError, match=r"cannot write .*tensorboard: No space left on device"):
        board.on_epoch_end(0)
    monkeypatch.setattr(board._writer, "close", full)
    board.close()  # what went wrong before is not hidden
