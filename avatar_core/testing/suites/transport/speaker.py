"""A loudspeaker for fake far ends: plays PCM in loop time, and records what a listener heard."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from avatar_core.contracts.audio import AudioFormat

EPSILON_S = 1e-6


@dataclass(slots=True)
class HeardPiece:
    """Audio that a listener heard without a gap.

    Attributes:
        at_s: The loop time of the first sample, in seconds.
        pcm: The audio: int16, interleaved, whole samples.
    """

    at_s: float
    pcm: bytes


class Speaker:
    """A loudspeaker that plays audio in the time of the running event loop.

    The speaker needs no task. Create it while an event loop runs.

    Args:
        format: The format of the audio.

    Attributes:
        format: The format of the audio.
    """

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self._pieces: list[HeardPiece] = []
        self._queue: deque[HeardPiece] = deque()
        self._empty_at = 0.0
        self._rest = b""
        self._before_s = self._settled_s = 0.0

    def begin(self, delay_s: float = 0.0) -> None:
        """Begin a take: `position_s` counts from 0. Audio that is still queued is dropped.

        Args:
            delay_s: Seconds until the first sample of the take can be heard.
        """
        self.stop()
        self._before_s = self._total_s
        self._empty_at = max(self._empty_at, self._now + delay_s)

    def play(self, pcm: bytes) -> None:
        """Add audio to the queue. Keep the bytes of an incomplete sample until the rest arrives.

        Args:
            pcm: Audio in `format`: int16, interleaved.
        """
        pcm = self._rest + pcm
        whole = len(pcm) - len(pcm) % self.format.frame_bytes
        pcm, self._rest = pcm[:whole], pcm[whole:]
        if pcm:
            at_s = max(self._empty_at, self._now)
            self._queue.append(HeardPiece(at_s, pcm))
            self._empty_at = at_s + self.format.duration_s(len(pcm))

    def stop(self) -> None:
        """Drop the audio that was not heard."""
        self._settle()
        if self._queue and (size := self._heard_bytes(self._queue[0])):
            piece = self._queue[0]
            self._keep(HeardPiece(piece.at_s, piece.pcm[:size]))
        self._queue.clear()
        self._rest = b""
        self._empty_at = min(self._empty_at, self._now)

    @property
    def position_s(self) -> float:
        """Seconds of audio that were heard since the last `begin`."""
        return self._total_s - self._before_s

    @property
    def queued_s(self) -> float:
        """Seconds until all audio of the queue was heard."""
        return max(0.0, self._empty_at - self._now) if self._queue else 0.0

    @property
    def pieces(self) -> list[HeardPiece]:
        """The audio that was heard by now, in order."""
        self._settle()
        heard = self._heard_bytes(self._queue[0]) if self._queue else 0
        if not heard:
            return list(self._pieces)
        piece = self._queue[0]
        return [*self._pieces, HeardPiece(piece.at_s, piece.pcm[:heard])]

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    @property
    def _total_s(self) -> float:
        self._settle()
        current = self._heard_bytes(self._queue[0]) if self._queue else 0
        return self._settled_s + self.format.duration_s(current)

    def _settle(self) -> None:
        """Move the pieces that were heard completely from the queue to the record."""
        while self._queue and self._heard_bytes(self._queue[0]) == len(self._queue[0].pcm):
            self._keep(self._queue.popleft())

    def _keep(self, piece: HeardPiece) -> None:
        self._pieces.append(piece)
        self._settled_s += self.format.duration_s(len(piece.pcm))

    def _heard_bytes(self, piece: HeardPiece) -> int:
        heard_s = max(0.0, self._now - piece.at_s + EPSILON_S)
        return min(len(piece.pcm), int(heard_s * self.format.rate_hz) * self.format.frame_bytes)
