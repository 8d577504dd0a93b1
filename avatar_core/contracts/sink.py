"""The interface of an audio sink, which sends audio to an avatar."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_core.contracts.playback import Take


class AudioSink(ABC):
    """The interface of a sink, which sends the audio of one take after another to an avatar.

    A sink belongs to one lease, that is to one provisioned avatar. The tracker of the lease finds
    out how much of a take was heard, and the player decides when a take begins and ends.
    """

    @abstractmethod
    async def open(self) -> None:
        """Wait until the avatar is ready to play the audio that `push` sends.

        The caller sets the deadline.

        Raises:
            TransportError: The sink cannot connect to the avatar.
        """

    @abstractmethod
    async def begin(self, take: Take) -> None:
        """Begin to send a take.

        Args:
            take: The take, whose audio `push` sends in the format `take.format`.

        Raises:
            AvatarError: The take cannot be sent. The player then stops using the transport.
        """

    @abstractmethod
    async def push(self, chunk: bytes) -> None:
        """Send audio of the current take, and wait for the network if necessary.

        Args:
            chunk: PCM in the format of the take: int16, interleaved, whole samples.

        Raises:
            AvatarError: The audio cannot be sent. The player then stops using the transport.
        """

    @abstractmethod
    async def end(self, take: Take) -> None:
        """Tell the avatar that the take has no more audio.

        Args:
            take: The current take.

        Raises:
            AvatarError: The end cannot be sent. The player then stops using the transport.
        """

    @abstractmethod
    async def cut(self, take: Take) -> None:
        """Tell the avatar to stop a take now and to drop the audio that was not heard.

        The method returns as soon as the request was sent.

        Args:
            take: The current take.

        Raises:
            AvatarError: The request cannot be sent. The player then stops using the transport.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Free all resources of the sink. Do not raise if the avatar has left.

        A second call of this method has no effect.
        """
