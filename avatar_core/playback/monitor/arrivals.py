"""The audio that the worker has certainly received: all audio before a request with a response."""

from __future__ import annotations

import math
from bisect import bisect_right


class Arrivals:
    """The arrival of one take's audio at the worker, counted in frames of 10 ms.

    LiveKit delivers audio and requests in order. A worker that responds to a request has therefore
    received all audio that was sent before the request. On a line that loses packets, audio can
    arrive a second late.

    Attributes:
        sent: The number of frames that LiveKit has accepted.
    """

    def __init__(self) -> None:
        self.sent = 0
        self._frames: list[int] = []
        self._times: list[float] = []

    def confirm(self, frames: int, now_s: float) -> None:
        """Note that the worker has received audio.

        Args:
            frames: The number of frames from the start of the take.
            now_s: The present time.
        """
        if not self._frames or frames > self._frames[-1]:
            self._frames.append(frames)
            self._times.append(now_s)

    def confirmed_at(self, frame: int) -> float:
        """Return the time from which it was certain that the worker had received a frame.

        Args:
            frame: The number of the frame.

        Returns:
            The time in seconds, on the clock of `confirm`; infinite if it is not certain yet.
        """
        at = bisect_right(self._frames, frame)
        return self._times[at] if at < len(self._times) else math.inf
