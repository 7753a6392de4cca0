"""Streams that come in bursts, such as live HLS, shown at their own rate."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from demo.sources.frames import Frame
from demo.sources.prefetch_thread import Prefetcher

BUFFER_S = 2.0
"""So much of a stream is read ahead at most."""

_BUFFER_BYTES = 256 * 2**20
_LATE_S = 0.25  # of a frame that has missed its time
_GAP_S = 1.0  # between two frames of a stream that has left something out
_MOST_LATE_S = 10.0


def is_buffered(frames: Sequence[Frame]) -> bool:
    """Whether frames that wait for their time, in order, are as many as may be kept."""
    if len(frames) < 2:
        return False
    is_long = frames[-1].time_s - frames[0].time_s >= BUFFER_S
    return is_long or len(frames) * frames[-1].image.nbytes >= _BUFFER_BYTES


def paced(frames: Prefetcher[Frame], wait: Callable[[float], Any]) -> Iterator[Frame]:
    """Give each frame at its `time_s`, as far behind as the latest of them has come.

    A stream that stalls goes on at its own rate where it stood, and so is later by that much.
    What it leaves out makes up for it; and so does hurrying on, where it is too late, for as long
    as there are frames to take.

    Args:
        frames: as they come.
        wait: waits for so many seconds.
    """
    behind = late = last = 0.0
    is_begun = False
    while (frame := frames.take()) is not None:
        now = time.monotonic()
        if not is_begun:
            is_begun, behind, last = True, now - frame.time_s, frame.time_s
        if frame.time_s - last > _GAP_S:
            made_up = min(late, frame.time_s - last)
            behind, late = behind - made_up, late - made_up
        last, due = frame.time_s, frame.time_s + behind
        if now - due > _LATE_S:
            behind, late = now - frame.time_s, late + now - due
        elif late > _MOST_LATE_S:
            hurried = due - now
            behind, late = behind - hurried, late - hurried
            late = late if frames.wait(0) else 0.0  # there is nothing newer
        else:
            wait(max(0.0, due - now))
        yield frame
