"""When a frame of a video was, by the timestamps that its container holds."""

import math
from collections import deque
from dataclasses import dataclass

from demo.sources.frames import LIVE_FPS

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

    def at(self, milliseconds: float, step_s: float | None = None) -> float:
        """The time of the next frame in seconds, from its timestamp.

        Args:
            milliseconds: as `cv2.CAP_PROP_POS_MSEC` has it once the frame was grabbed: 0, or what
                it was before, where there is none.
            step_s: seconds after the frame before that it comes, if its timestamp does not say;
                by default those of the rate.
        """
        step_s = 1 / self.fps if step_s is None else step_s
        stamp = milliseconds / 1000
        is_stamp = math.isfinite(stamp) and stamp not in (0.0, self._stamp)
        if self._stamp is None:
            self.seconds = stamp if is_stamp else 0.0
        elif not is_stamp:
            self.guessed += 1
            self.steady += 1
            self.seconds += step_s
        else:
            self._follow(stamp, step_s)
        self._stamp = stamp
        return self.seconds

    def begin_anew(self) -> None:
        """The timestamps of what comes next have nothing to do with those before."""
        self._offset = math.inf

    def _follow(self, stamp: float, step_s: float) -> None:
        time = stamp + self._offset
        if not self.seconds - _LATE_S <= time <= self.seconds + self.gap_s:
            self.breaks += 1
            time = self.seconds + step_s
            self._offset = time - stamp
        self.steady += time - self.seconds < 1.5 / self.fps
        self.seconds = max(time, self.seconds)


class StreamClock:
    """Turns the timestamps of a live stream into times on the clock of `time.monotonic()`.

    Where it has none, or they break off, the time is when the frame came.

    Args:
        runs_ahead: whether frames may come before their time, in bursts.
    """

    def __init__(self, runs_ahead: bool) -> None:
        self._clock = VideoClock(LIVE_FPS, HASTY_GAP_S)
        self._runs_ahead = runs_ahead
        self._ahead: float | None = None  # of our clock to that of the stream
        # When frames came, and how much later than they were.
        self._lags: deque[tuple[float, float]] = deque(maxlen=300)

    def at(self, milliseconds: float, now: float) -> float:
        """The time of the next frame in seconds; never less than that of the one before.

        Args:
            milliseconds: as `cv2.CAP_PROP_POS_MSEC` has it.
            now: when it came, by `time.monotonic()`.
        """
        seconds = self._clock.at(milliseconds, self._step_s(now))
        if self._ahead is None:
            self._ahead = now - seconds
        lag = now - (seconds + self._ahead)
        # What has not come yet cannot be: its clock is faster than ours, or the first was late.
        if lag > HASTY_GAP_S or (lag < 0 and not self._runs_ahead):
            lag, self._ahead = 0.0, now - seconds
        self._lags.append((now, lag))
        return seconds + self._ahead

    def _step_s(self, now: float) -> float:
        """How long after the frame before the next one is if its timestamp does not say."""
        if self._ahead is None:
            return 0.0
        # Of frames that came last some are late: the decoder held them until the next came.
        settled = [lag for came, lag in self._lags if came < now - _LATE_S]
        lag = max(settled or [self._lags[-1][1]])
        return max(0.0, now - lag - (self._clock.seconds + self._ahead))

    def begin_anew(self) -> None:
        """The stream is opened again: its timestamps start anywhere, and time has gone on."""
        self._clock.begin_anew()
