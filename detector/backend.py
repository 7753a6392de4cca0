"""Starting Keras and its backend without the lines that native code prints past every log level."""

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator

from configs.errors import UserError

_STDERR = threading.RLock()  # there is one stderr; threads that each redirect it would lose it


def start_keras(threads: int | None = None) -> None:
    """Import Keras and start its devices, quietly; if that fails, all that was printed shows.

    TensorFlow and CUDA greet every start with lines on stderr that look like faults ("failed call
    to cuInit" where there is no GPU) and heed no setting.

    Args:
        threads: that the backend may use; None leaves the choice to it.

    Raises:
        UserError: `threads` come too late, or the backend is not TensorFlow.
    """
    # Errors of TensorFlow's own still show, also after the start.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with stderr_held_back():
        import keras

        if threads:
            _limit_threads(keras.backend.backend(), threads)
        keras.ops.zeros(1)


def _limit_threads(backend: str, threads: int) -> None:
    if backend != "tensorflow":
        raise UserError(f"threads cannot be set for Keras on {backend}; leave them to it")
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        raise UserError(
            "TensorFlow runs already, so its threads cannot be changed; set them in a new process"
        ) from error


@contextlib.contextmanager
def stderr_held_back() -> Iterator[None]:
    """Keep what native code writes to stderr; show it only if the block raises."""
    with _STDERR, tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(before, held.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)
