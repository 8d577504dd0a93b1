"""The frames of an agent in a test, and the playback events of its audio outputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import io

RATE_HZ = 24_000
FRAME_S = 0.02


async def frames(
    pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1
) -> AsyncIterator[rtc.AudioFrame]:
    """Yield int16 PCM in frames of 20 ms, as fast as the consumer takes them."""
    size = round(FRAME_S * rate_hz) * 2 * channels
    for start in range(0, len(pcm), size):
        part = pcm[start : start + size]
        yield rtc.AudioFrame(part, rate_hz, channels, len(part) // 2 // channels)


@dataclass(slots=True)
class PlaybackCounts:
    """The playback events at both ends of a session's chain of audio outputs.

    Attributes:
        started: Number of `playback_started` events of the first output.
        finished: The `playback_finished` events of the first output.
        tail_started: Number of `playback_started` events of the audio tail.
        tail_finished: Number of `playback_finished` events of the audio tail.
        resolved: How often each speech handle called its done callback, by its id.
    """

    started: int = 0
    finished: list[io.PlaybackFinishedEvent] = field(default_factory=list)
    tail_started: int = 0
    tail_finished: int = 0
    resolved: Counter[str] = field(default_factory=Counter)

    def watch(self, session: AgentSession[Any]) -> None:
        """Count the events of a session from now on."""
        first = tail = session.output.audio
        assert first is not None
        assert tail is not None
        while tail.next_in_chain is not None:
            tail = tail.next_in_chain
        forward_started, forward_finished = tail.on_playback_started, tail.on_playback_finished

        def on_tail_started(**arguments: Any) -> None:
            self.tail_started += 1
            forward_started(**arguments)

        def on_tail_finished(**arguments: Any) -> None:
            self.tail_finished += 1
            forward_finished(**arguments)

        tail.on_playback_started = on_tail_started  # type: ignore[method-assign]
        tail.on_playback_finished = on_tail_finished  # type: ignore[method-assign]

        def on_started(_: io.PlaybackStartedEvent) -> None:
            self.started += 1

        first.on("playback_started", on_started)
        first.on("playback_finished", self.finished.append)
