"""What a session was made to say, and what its audio outputs told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession
from livekit.agents.voice import SpeechHandle, io

RATE_HZ = 24_000
FRAME_S = 0.02


async def frames(
    pcm: bytes, rate_hz: int = RATE_HZ, channels: int = 1
) -> AsyncIterator[rtc.AudioFrame]:
    """PCM as a TTS hands it out, as fast as it is taken."""
    size = round(FRAME_S * rate_hz) * 2 * channels
    for start in range(0, len(pcm), size):
        piece = pcm[start : start + size]
        yield rtc.AudioFrame(piece, rate_hz, channels, len(piece) // 2 // channels)


@dataclass(slots=True)
class Turn:
    """Something said: its words, its handle, and when (loop time) that was asked for."""

    words: Sequence[str]
    handle: SpeechHandle
    said_at: float
    resolved: int = 0


@dataclass(slots=True)
class Counts:
    """What the chain of audio outputs told, at its top and at its leaf."""

    started: int = 0
    finished: list[io.PlaybackFinishedEvent] = field(default_factory=list)
    leaf_started: int = 0
    leaf_finished: int = 0

    def watch(self, session: AgentSession[Any]) -> None:
        """Count from now on."""
        top = leaf = session.output.audio
        assert top is not None
        assert leaf is not None
        while leaf.next_in_chain is not None:
            leaf = leaf.next_in_chain
        tell_started, tell_finished = leaf.on_playback_started, leaf.on_playback_finished

        def leaf_started(**facts: Any) -> None:
            self.leaf_started += 1
            tell_started(**facts)

        def leaf_finished(**facts: Any) -> None:
            self.leaf_finished += 1
            tell_finished(**facts)

        leaf.on_playback_started = leaf_started  # type: ignore[method-assign]
        leaf.on_playback_finished = leaf_finished  # type: ignore[method-assign]

        def started(_: io.PlaybackStartedEvent) -> None:
            self.started += 1

        top.on("playback_started", started)
        top.on("playback_finished", self.finished.append)
