"""Sound as it travels: PCM, and how much of it is how long."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.contracts.errors import AudioError

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
