"""The interface to the sound that a remote participant publishes, as the agent itself hears it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from avatar_core.contracts.audio import AudioFormat

LISTENING_FORMAT = AudioFormat(8_000)
"""The format of the audio that a `RemoteAudio` decodes: speech needs no higher sample rate."""
AudioHandler = Callable[[bytes], None]
"""A function that receives decoded audio in `LISTENING_FORMAT`, in the order of its sound."""


class RemoteAudio(ABC):
    """The local participant's subscription to the sound of one remote participant.

    The subscription covers the participant's audio tracks, but not the sound of a shared screen. It
    also covers tracks that the participant publishes later. If there are several tracks, the audio
    is their sum, which is what a listener hears.
    """

    @abstractmethod
    def decode(self, handler: AudioHandler | None) -> None:
        """Decode the sound and pass it to a handler, or stop decoding.

        Packets are counted whether the sound is decoded or not.

        Args:
            handler: Receives the audio, every 20 to 40 ms while a track is subscribed. None stops
                the decoding. The handler must not block or raise.
        """

    @abstractmethod
    async def count_packets(self) -> int | None:
        """Return the number of audio packets that have arrived so far.

        Returns:
            The number, which does not fall; None while no track is subscribed.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Stop decoding, and unsubscribe from the tracks. A second call has no effect."""
