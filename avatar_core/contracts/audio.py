"""Sound as it travels: its format, its chunks, and the road that carries it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from avatar_core.contracts.errors import AudioError

if TYPE_CHECKING:
    from avatar_core.contracts.playback import Take

MIN_RATE_HZ, MAX_RATE_HZ, MAX_CHANNELS = 8_000, 192_000, 8


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved signed 16-bit little-endian PCM.

    Attributes:
        rate_hz: Samples per second and channel, 8000 to 192000.
        channels: 1 to 8.

    Raises:
        AudioError: A rate or channel count that nothing can play.
    """

    rate_hz: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise AudioError(
                f"a sample rate of {self.rate_hz} Hz cannot be played.",
                hint=f"Use {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz.",
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(
                f"{self.channels} audio channels cannot be played.",
                hint=f"Use 1 to {MAX_CHANNELS}.",
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample across all channels."""
        return 2 * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.rate_hz * self.frame_bytes

    def duration_s(self, size: int) -> float:
        """Seconds that `size` bytes play for."""
        return size / self.bytes_per_s

    def size(self, duration_s: float) -> int:
        """Bytes of `duration_s` seconds, rounded to whole samples."""
        return round(duration_s * self.rate_hz) * self.frame_bytes


class AudioSink(ABC):
    """A road: it carries one take at a time towards a listener and never judges it.

    A sink lives as long as the lease it was made for. It moves bytes; what was heard is
    the tracker's to say, what becomes of a take the player's.
    """

    @abstractmethod
    async def open(self) -> None:
        """Return when audio pushed from now on would be heard.

        Raises:
            RoadError: The road cannot be opened.
        """

    @abstractmethod
    async def begin(self, take: Take) -> None:
        """A take starts; its audio follows in `take.format`."""

    @abstractmethod
    async def push(self, chunk: bytes) -> None:
        """Send whole samples of the current take; may wait for the network."""

    @abstractmethod
    async def end(self, take: Take) -> None:
        """All audio of the take was pushed."""

    @abstractmethod
    async def cut(self, take: Take) -> None:
        """Stop the take now and drop what was not heard; return when that was sent."""

    @abstractmethod
    async def aclose(self) -> None:
        """Let go of everything; idempotent, never raises for a peer that is gone."""
