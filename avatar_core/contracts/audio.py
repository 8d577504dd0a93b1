"""The format of PCM audio."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.contracts.errors import AudioError

MIN_RATE_HZ, MAX_RATE_HZ, MAX_CHANNELS = 8_000, 192_000, 8


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Interleaved signed 16-bit little-endian PCM.

    Attributes:
        rate_hz: Samples per second and channel, 8000 to 192000.
        channels: Number of channels, 1 to 8.

    Raises:
        AudioError: The rate or the number of channels is out of range.
    """

    rate_hz: int
    channels: int = 1

    def __post_init__(self) -> None:
        if not MIN_RATE_HZ <= self.rate_hz <= MAX_RATE_HZ:
            raise AudioError(
                f"A sample rate of {self.rate_hz} Hz is not supported.",
                hint=f"Use a sample rate from {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz.",
            )
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise AudioError(
                f"Audio with {self.channels} channels is not supported.",
                hint=f"Use 1 to {MAX_CHANNELS} channels.",
            )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels."""
        return 2 * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second of audio."""
        return self.rate_hz * self.frame_bytes

    def duration_s(self, size: int) -> float:
        """Return the duration of PCM in seconds.

        Args:
            size: Length of the PCM in bytes.
        """
        return size / self.bytes_per_s

    def size(self, duration_s: float) -> int:
        """Return the length of PCM in bytes, rounded to whole samples.

        Args:
            duration_s: Duration of the PCM in seconds.
        """
        return round(duration_s * self.rate_hz) * self.frame_bytes
