"""The transport that carries sound."""

from __future__ import annotations

from abc import ABC, abstractmethod

from avatar_core.contracts.playback import Take


class AudioSink(ABC):
    """A transport: it carries one take at a time towards a listener and never judges it.

    A sink lives as long as the lease it was made for. It moves bytes; what was heard is
    the tracker's to say, what becomes of a take the player's.
    """

    @abstractmethod
    async def open(self) -> None:
        """Return when audio pushed from now on would be heard.

        Raises:
            TransportError: The transport cannot be opened.
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
        """Let go of everything; idempotent, never raises for a participant that is gone."""
