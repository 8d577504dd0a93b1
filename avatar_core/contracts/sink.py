"""The interface of an audio sink, which sends audio to an avatar."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_core.contracts.playback import Take


class AudioSink(ABC):
    """Sends takes to one avatar, one at a time.

    A sink lives as long as the lease that it belongs to. It only sends; the tracker finds out
    how much was heard, and the player decides what happens to a take.
    """

    @abstractmethod
    async def open(self) -> None:
        """Return when audio that is pushed from now on would be heard.

        Raises:
            TransportError: The transport cannot be opened.
        """

    @abstractmethod
    async def begin(self, take: Take) -> None:
        """Begin a take.

        Args:
            take: The take; its audio follows in `take.format`.

        Raises:
            AvatarError: The take cannot be sent; the player gives the transport up.
        """

    @abstractmethod
    async def push(self, chunk: bytes) -> None:
        """Send audio of the current take; may wait for the network.

        Args:
            chunk: PCM in the format of the take, whole samples.

        Raises:
            AvatarError: The audio cannot be sent; the player gives the transport up.
        """

    @abstractmethod
    async def end(self, take: Take) -> None:
        """End a take whose audio was all pushed.

        Args:
            take: The current take.

        Raises:
            AvatarError: The end cannot be sent; the player gives the transport up.
        """

    @abstractmethod
    async def cut(self, take: Take) -> None:
        """Stop a take now, and drop the audio that was not heard.

        Returns when the request to stop was sent.

        Args:
            take: The current take.

        Raises:
            AvatarError: The request cannot be sent; the player gives the transport up.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Free all resources; idempotent, and does not raise if the avatar has left."""
