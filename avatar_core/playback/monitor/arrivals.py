"""The audio that the worker has certainly received: all audio before a request with a response."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable

from avatar_core.contracts.clock import Clock


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


class Responses:
    """The responses of one worker: when it last responded, and what it has received.

    Some workers never respond to requests, and so do not confirm what they have received.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._arrivals = Arrivals()
        self._confirms: bool | None = None
        self._responded_at = -math.inf

    def begin_take(self) -> None:
        """Count the frames of a new take from now on."""
        self._arrivals = Arrivals()

    def note_sent(self, frames: int) -> None:
        """Note that LiveKit has accepted audio of the take.

        Args:
            frames: The number of frames from the start of the take.
        """
        self._arrivals.sent = frames

    def note_request(self) -> Callable[[bool], None]:
        """Note that a request is sent to the worker now.

        Returns:
            A function to call at the end of the request, with whether the worker has responded. If
            so, the worker has received the audio that was sent before the request.
        """
        arrivals, sent = self._arrivals, self._arrivals.sent
        if self._confirms is None:
            self._confirms = True

        def note_response(has_responded: bool) -> None:
            """Note that the request has ended.

            Args:
                has_responded: Whether the worker has responded.
            """
            if has_responded:
                self._responded_at = self._clock()
                arrivals.confirm(sent, self._responded_at)
            self._confirms = self._responded_at > -math.inf

        return note_response

    def age_s(self, now_s: float) -> float:
        """Return the seconds since the last response.

        Args:
            now_s: The present time.

        Returns:
            Seconds; infinite if the worker has never responded.
        """
        return now_s - self._responded_at

    def held_s(self, frame: int, now_s: float) -> float:
        """Return for how long the worker has certainly had a frame of the take.

        Args:
            frame: The number of the frame.
            now_s: The present time.

        Returns:
            Seconds; infinite for a worker that never responds, and negative infinity if the frame
            may not have arrived yet.
        """
        return now_s - self._arrivals.confirmed_at(frame) if self._confirms else math.inf
