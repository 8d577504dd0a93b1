"""Judges a worker from whose audio track the agent has never received audio."""

from __future__ import annotations

from avatar_core.contracts.playback import Take
from avatar_core.playback.monitor.monitor import SILENT_S, Monitor

COUNT_EVERY_S = 0.2
"""Seconds between two counts of packets, because counting costs CPU time."""


class FirstAudio:
    """Counts the packets of a track until the monitor receives its first audio.

    While no packet arrives, nothing of a take was heard, whatever other sources report. If packets
    arrive and cannot be decoded, or if no track is subscribed, the other sources decide.
    """

    def __init__(self) -> None:
        self._take: Take | None = None
        self._packets: int | None = None
        self._until_count_s = self._silent_s = 0.0
        self._is_silent = True

    async def count(self, monitor: Monitor, take: Take | None, tick_s: float) -> str:
        """Count a tick of the health check.

        Args:
            monitor: The monitor of the worker's sound.
            take: The take on the transport, if any.
            tick_s: Seconds since the last tick.

        Returns:
            The fault of the worker as a part of a sentence; empty if there is no fault.
        """
        if monitor.has_received or take is None or take.cutting or take.state.final:
            return ""
        if take is not self._take and self._is_silent:
            take.heard_at_most_s = 0.0
        self._take = take
        if not take.pushed_s:
            return ""
        self._silent_s += tick_s
        self._until_count_s -= tick_s
        if self._until_count_s <= 0:
            self._until_count_s = COUNT_EVERY_S
            await self._count_packets(monitor, take)
        limit_s = max(monitor.first_sound_s, SILENT_S)
        if self._is_silent and self._silent_s > limit_s:
            return f"sent no audio for {self._silent_s:.1f} s"
        return ""

    async def _count_packets(self, monitor: Monitor, take: Take) -> None:
        before, self._packets = self._packets, await monitor.count_packets()
        if monitor.has_received:
            return
        if self._packets is None or before not in (None, self._packets):
            self._is_silent, self._silent_s, take.heard_at_most_s = False, 0.0, None
        elif not self._is_silent:
            self._is_silent, take.heard_at_most_s = True, take.position_s
