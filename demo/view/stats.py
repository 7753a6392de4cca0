"""Statistics of a run: frame rate, latency, stage times, and the classes detected."""

import statistics
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping

_REMEMBERED = 3600  # frames that medians are taken of: the latest, so that memory does not grow


class MovingAverage:
    """An exponentially weighted mean, so that a figure on the screen can be read.

    Attributes:
        value: the mean, or None before the first number.
    """

    def __init__(self, weight: float = 0.1) -> None:
        self.value: float | None = None
        self._weight = weight  # of the newest number; about 1 / weight numbers count

    def add(self, number: float) -> None:
        """Take in one more number."""
        before = number if self.value is None else self.value
        self.value = before + self._weight * (number - before)


class Rate:
    """Events per second, from the time of each: n stamps bound n - 1 intervals."""

    def __init__(self) -> None:
        self._interval = MovingAverage()
        self._last: float | None = None
        self._elapsed, self._intervals = 0.0, 0

    def add(self, stamp: float) -> None:
        """Note an event at `stamp`, in seconds of a clock that never goes back."""
        if self._last is not None:
            self._interval.add(stamp - self._last)
            self._elapsed += stamp - self._last
            self._intervals += 1
        self._last = stamp

    def pause(self) -> None:
        """The time to the next event does not count."""
        self._last = None

    @property
    def recent(self) -> float | None:
        """The smoothed rate per second, or None before the second event."""
        return 1 / self._interval.value if self._interval.value else None

    @property
    def mean(self) -> float | None:
        """The rate per second over all that counts, or None before the second event."""
        return self._intervals / self._elapsed if self._elapsed > 0 else None


class Stats:
    """Statistics over the frames of a run.

    Attributes:
        frames: how many there were.
        rate: of the frames.
        latency: smoothed, seconds.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.rate = Rate()
        self.latency = MovingAverage()
        self._latencies: deque[float] = deque(maxlen=_REMEMBERED)
        self._stages: dict[str, deque[float]] = {}
        self._recent: dict[str, MovingAverage] = {}
        self._seen: Counter[str] = Counter()

    def add(self, latency_s: float, stage_ms: Mapping[str, float], names: Iterable[str]) -> None:
        """Note a frame that has just been shown.

        Args:
            latency_s: seconds that it took from the camera or the file to here.
            stage_ms: milliseconds in each stage on the way there.
            names: of the classes detected in it.
        """
        self.frames += 1
        self.rate.add(time.monotonic())
        self.latency.add(latency_s)
        self._latencies.append(latency_s)
        for stage, milliseconds in stage_ms.items():
            self._stages.setdefault(stage, deque(maxlen=_REMEMBERED)).append(milliseconds)
            self._recent.setdefault(stage, MovingAverage()).add(milliseconds)
        self._seen.update(set(names))

    @property
    def latency_s(self) -> float:
        """The median latency, seconds; the slow first frame does not move it."""
        return statistics.median(self._latencies or [0.0])

    @property
    def fps(self) -> float:
        """Frames per second over the run; of a single frame, what its latency allows."""
        return self.rate.mean or (1 / self.latency_s if self.latency_s else 0.0)

    @property
    def recent_ms(self) -> dict[str, float]:
        """Each stage at the moment: smoothed milliseconds."""
        return {stage: smooth.value or 0.0 for stage, smooth in self._recent.items()}

    @property
    def stage_ms(self) -> dict[str, float]:
        """The median of each stage, milliseconds."""
        return {stage: round(statistics.median(ms), 3) for stage, ms in self._stages.items()}

    def lines(self) -> Iterator[str]:
        """The summary for the person at the keyboard, line by line."""
        yield f"{self.frames} frames, {self.fps:.1f} fps, latency {1000 * self.latency_s:.0f} ms"
        for name, frames in sorted(self._seen.items(), key=lambda item: (-item[1], item[0])):
            yield f"{name} in {frames} of {self.frames} frames"
        if not self._seen:
            yield "nothing detected"
