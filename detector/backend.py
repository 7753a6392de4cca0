"""Starting Keras and its backend without the lines that native code prints past every log level."""

import contextlib
import os
import tempfile
from collections.abc import Iterator


def start_keras() -> None:
    """Import Keras and start its devices, quietly; if that fails, all that was printed shows.

    TensorFlow and CUDA greet every start with lines on stderr that look like faults ("failed call
    to cuInit" where there is no GPU) and heed no setting.
    """
    # Errors of TensorFlow's own still show, also after the start.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with stderr_held_back():
        import keras

        keras.ops.zeros(1)


@contextlib.contextmanager
def stderr_held_back() -> Iterator[None]:
    """Keep what native code writes to stderr; show it only if the block raises."""
    with tempfile.TemporaryFile() as held:
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
