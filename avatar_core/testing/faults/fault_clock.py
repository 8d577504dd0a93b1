"""The clock that decides when a fault of a scenario starts."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.tracks import AudioTrack
from avatar_core.testing.faults.vendor_faults import VendorFaults


class FaultClock:
    """A clock that counts seconds since a worker's join, or seconds of the worker's speech.

    Create the clock while an event loop runs. The worker's audio track calls `add_speech`.

    Args:
        faults: The faults, of which `by_speech` selects what the clock counts.
    """

    def __init__(self, faults: VendorFaults) -> None:
        self._by_speech = faults.by_speech
        self._loop = asyncio.get_running_loop()
        self._joined_at = self._loop.time()
        self._speech_s = 0.0
        self._waiting: list[tuple[float, asyncio.Event]] = []

    def has_reached(self, at_s: float) -> bool:
        """Return whether the time of a fault has come.

        Args:
            at_s: The time of the fault; 0 disables the fault.

        Returns:
            True from that time on.
        """
        now_s = self._speech_s if self._by_speech else self._loop.time() - self._joined_at
        return 0 < at_s <= now_s

    async def wait(self, at_s: float) -> None:
        """Wait until the time of a fault has come.

        Args:
            at_s: The time of the fault, more than 0.
        """
        if not self._by_speech:
            await asyncio.sleep(self._joined_at + at_s - self._loop.time())
            return
        reached = asyncio.Event()
        self._waiting.append((at_s, reached))
        await reached.wait()

    def add_speech(self, duration_s: float, track: AudioTrack) -> None:
        """Count speech that the worker has added to the queue of its audio track.

        Args:
            duration_s: Seconds of the added speech.
            track: The track, whose queue contains the added speech.
        """
        self._speech_s += duration_s
        for at_s, reached in self._waiting:
            if at_s <= self._speech_s:
                until_played_s = max(0.0, track.queued_s - (self._speech_s - at_s))
                self._loop.call_later(until_played_s, reached.set)
        self._waiting = [(at_s, event) for at_s, event in self._waiting if at_s > self._speech_s]
