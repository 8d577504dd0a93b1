"""The format of PCM audio: its sample rate and its number of channels."""

from __future__ import annotations

from dataclasses import dataclass

from avatar_core.contracts.errors import AudioError

MIN_RATE_HZ, MAX_RATE_HZ, MAX_CHANNELS = 8_000, 192_000, 8


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The format of interleaved signed 16-bit little-endian PCM.

    Attributes:
        rate_hz: Sample rate of each channel in Hz, 8000 to 192000.
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
        """Size of one sample of all channels in bytes."""
        return 2 * self.channels

    @property
    def bytes_per_s(self) -> int:
        """Size of one second of audio in bytes."""
        return self.rate_hz * self.frame_bytes

    def duration_s(self, size: int) -> float:
        """Return the duration of a piece of PCM in seconds.

        Args:
            size: Length of the PCM in bytes.

        Returns:
            The duration in seconds.
        """
        return size / self.bytes_per_s

    def size(self, duration_s: float) -> int:
        """Return the length of a piece of PCM in bytes.

        Args:
            duration_s: Duration of the PCM in seconds.

        Returns:
            The length in bytes, rounded to whole samples of all channels.
        """
        return round(duration_s * self.rate_hz) * self.frame_bytes
