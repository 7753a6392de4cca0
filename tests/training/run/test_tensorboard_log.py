import errno
from types import SimpleNamespace

import pytest

from configs.errors import UserError
from configs.load import load_config
from training.run.tensorboard_log import TensorBoardLog

pytestmark = pytest.mark.keras


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    run = SimpleNamespace(
        folder=SimpleNamespace(board=tmp_path / "tensorboard"), config=load_config("finetune")
    )
    board = TensorBoardLog(run)

    def full():
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(board._writer, "flush", full)
    with pytest.raises(UserError, match=r"cannot write .*tensorboard: No space left on device"):
        board.write({"epoch": 1, "step": 2, "loss": 0.5}, None)
    monkeypatch.setattr(board._writer, "close", full)
    board.close()  # what went wrong before is not hidden
