"""When a frame of a video was, by the timestamps that its container holds."""

import math
from dataclasses import dataclass

_LATE_S = 1.0  # what lies further back than the frame before begins anew
_HOUR_S = 3600.0

PATIENT_GAP_S = 12 * _HOUR_S
"""A longer gap is none: half of what a 33-bit clock of 90 kHz holds is how it turns over."""

HASTY_GAP_S = 10.0
"""Likewise in MPEG streams, whose clock may jump wherever two of them were joined (as FFmpeg)."""


@dataclass
class VideoClock:
    """Turns the timestamps of a video's frames into a time that never goes back.

    Attributes:
        fps: frames per second, by which a frame without a timestamp is placed.
        gap_s: more seconds than this between two frames are a break in the timestamps.
        guessed: frames without a timestamp of their own, so far.
        breaks: how often the timestamps began anew, so far.
        seconds: the time of the latest frame, by the container.
        steady: frames that came as soon after the one before as the rate says, so far.
    """

    fps: float
    gap_s: float = PATIENT_GAP_S
    guessed: int = 0
    breaks: int = 0
    steady: int = 0
    seconds: float = 0.0
    _offset: float = 0.0  # of the time to the timestamp
    _stamp: float | None = None  # None before the first frame

    def at(self, milliseconds: float) -> float:
        """The time of the next frame in seconds, from its timestamp.

        Args:
            milliseconds: as `cv2.CAP_PROP_POS_MSEC` has it once the frame was grabbed: 0, or what
                it was before, where there is none.
        """
        stamp = milliseconds / 1000
        is_stamp = math.isfinite(stamp) and stamp not in (0.0, self._stamp)
        if self._stamp is None:
            self.seconds = stamp if is_stamp else 0.0
        elif not is_stamp:
            self.guessed += 1
            self.steady += 1
            self.seconds += 1 / self.fps
        else:
            self._follow(stamp)
        self._stamp = stamp
        return self.seconds

    def _follow(self, stamp: float) -> None:
        time = stamp + self._offset
        if not self.seconds - _LATE_S <= time <= self.seconds + self.gap_s:
            self.breaks += 1
            time = self.seconds + 1 / self.fps
            self._offset = time - stamp
        self.steady += time - self.seconds < 1.5 / self.fps
        self.seconds = max(time, self.seconds)
