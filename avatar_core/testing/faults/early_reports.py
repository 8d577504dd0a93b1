"""Stock reports that a worker with a delay sends too early."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError

Call = Callable[[str, str], Awaitable[str]]
"""A function that calls an RPC method of the agent: (method, payload) -> response."""


class EarlyReports:
    """Reports the segments of an agent as if the worker played all audio when it arrives.

    A worker that reports early sends the RPC `lk.playback_finished` of a segment although the
    listener has not heard all of the segment.

    Create the object while an event loop runs.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._segments: list[_Segment] = []

    def begin(self, call: Call) -> Callable[[float | None], None]:
        """Begin a segment.

        Args:
            call: Calls an RPC method of the agent.

        Returns:
            A function for the duration of each piece of audio that arrives, in seconds, and for
            None at the end of the segment.
        """
        segment = _Segment(call)
        self._segments.append(segment)
        return segment.add

    def suppresses(self, method: str, payload: str) -> bool:
        """Return whether an early report replaces a report of the worker.

        The report of an interrupted segment replaces the early report, unless the early report was
        sent before.

        Args:
            method: The RPC method of the worker's report.
            payload: The payload of the worker's report.

        Returns:
            Whether the worker's report must not be sent.
        """
        if method == wire.PLAYBACK_STARTED:
            return True
        if method != wire.PLAYBACK_FINISHED or not self._segments:
            return False
        return not (self._segments.pop(0).cancel() and wire.Finished.decode(payload).interrupted)

    async def aclose(self) -> None:
        """Cancel the reports that were not sent."""
        for segment in self._segments:
            segment.cancel()


class _Segment:
    """One segment and its two reports."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._began_at: float | None = None
        self._duration_s = 0.0
        self._finished = False
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()

    def add(self, duration_s: float | None) -> None:
        """Count audio that arrived, and report the start or the end of the segment.

        Args:
            duration_s: Seconds of the audio; None at the end of the segment.
        """
        if self._began_at is None:
            self._began_at = self._loop.time()
            self._send(wire.PLAYBACK_STARTED, "")
        if duration_s is not None:
            self._duration_s += duration_s
        else:
            self._timer = self._loop.call_at(self._began_at + self._duration_s, self._finish)

    def cancel(self) -> bool:
        """Cancel the report of the end.

        Returns:
            Whether the report was not sent.
        """
        if self._timer is not None:
            self._timer.cancel()
        return not self._finished

    def _finish(self) -> None:
        self._finished = True
        self._send(wire.PLAYBACK_FINISHED, wire.Finished(self._duration_s, False).encode())

    def _send(self, method: str, payload: str) -> None:
        async def attempt() -> None:
            """Call the RPC method, and ignore a `RoomError`."""
            try:
                await self._call(method, payload)
            except RoomError:
                return

        task = self._loop.create_task(attempt())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)
