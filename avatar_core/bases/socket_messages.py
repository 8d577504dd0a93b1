"""The messages of a vendor's WebSocket, its limits, and the facts that the vendor states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from avatar_core.contracts.playback import Take

Message = str | bytes
"""A message of a WebSocket: text or binary."""
Messages = Message | Sequence[Message]
"""One message, or several messages in the order in which they are sent; an empty sequence sends
nothing."""
FactKind = Literal["ready", "started", "position", "finished", "error", "ended"]


@dataclass(frozen=True, slots=True)
class SocketFact:
    """A fact that a message of the vendor states. Provisional.

    Attributes:
        kind: `ready`: the vendor accepts audio. `started`: the playback of a take has begun.
            `position`: `position_s` seconds of a take were played. `finished`: the playback of a
            take has ended, because all audio was played or because the take was cut. `error`: the
            session cannot be used any more. `ended`: the vendor has ended the session.
        take_id: The `Take.id` that the fact is about; empty if the vendor's message names no take.
            avatar-core ignores facts about other takes than the current one.
        position_s: Seconds of the take that were played; None if unknown.
        text: The vendor's message for a human reader, for `error` and `ended`. avatar-core removes
            the secrets of the socket from the text.
    """

    kind: FactKind
    take_id: str = ""
    position_s: float | None = None
    text: str = field(default="", repr=False)


Facts = SocketFact | Sequence[SocketFact] | None
"""The facts of one message of the vendor; None if the message states no fact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions:
    """The limits of a vendor's WebSocket.

    Attributes:
        min_chunk_s: The least seconds of audio in a message.
        first_chunk_s: The least seconds in the first message of a take; 0 means `min_chunk_s`.
        max_chunk_s: The most seconds of audio in a message.
        pads_last: Whether avatar-core adds silence to the last message of a take if the message is
            too short. Otherwise the last message may be shorter.
        keep_alive_s: Seconds between two keep-alive messages; 0 sends none.
        reconnect_s: Seconds within which a closed socket may be opened again; 0 means never.
        waits_for_ready: Whether the vendor accepts messages only after the fact `ready`.
    """

    min_chunk_s: float = 0.0
    first_chunk_s: float = 0.0
    max_chunk_s: float = 1.0
    pads_last: bool = True
    keep_alive_s: float = 0.0
    reconnect_s: float = 0.0
    waits_for_ready: bool = False


class SocketMessages(ABC):
    """The messages of one vendor's WebSocket. Provisional.

    The methods do no I/O and store nothing about a session, because several sessions use the same
    object.
    """

    @abstractmethod
    def encode(self, chunk: bytes, take: Take) -> Messages:
        """Return the messages that send audio.

        Args:
            chunk: PCM in the format of the take: int16, interleaved, whole samples.
            take: The take of the audio, whose `id` a message may contain.

        Returns:
            The messages, in order.
        """

    @abstractmethod
    def encode_cut(self, take: Take) -> Messages:
        """Return the messages that make the avatar stop a take and drop its unheard audio.

        Args:
            take: The take to stop.

        Returns:
            The messages, in order.
        """

    @abstractmethod
    def on_message(self, message: Message) -> Facts:
        """Return the facts that a message of the vendor states.

        avatar-core ignores a message for which this method raises an exception.

        Args:
            message: The text or the bytes of the message, at most 1 MiB.

        Returns:
            The facts, in order; None for a message without a fact.
        """

    def encode_begin(self, take: Take) -> Messages:
        """Return the messages that begin a take. The default implementation sends none.

        Args:
            take: The take whose audio follows.

        Returns:
            The messages, in order.
        """
        return ()

    def encode_end(self, take: Take) -> Messages:
        """Return the messages after the last audio of a take. The default sends none.

        Args:
            take: The take whose audio is complete.

        Returns:
            The messages, in order.
        """
        return ()

    def encode_keep_alive(self) -> Messages:
        """Return the messages that keep the session alive. The default sends none.

        Returns:
            The messages, in order.
        """
        return ()

    def encode_close(self) -> Messages:
        """Return the messages that end the session, before the socket closes. The default is none.

        Returns:
            The messages, in order.
        """
        return ()


def each_message(messages: Messages) -> Sequence[Message]:
    """Return messages as a sequence.

    Args:
        messages: One message, or several messages.

    Returns:
        The messages, in order.
    """
    return (messages,) if isinstance(messages, str | bytes) else messages


def each_fact(facts: Facts) -> Iterator[SocketFact]:
    """Iterate over the facts of a message.

    Args:
        facts: The result of `SocketMessages.on_message`.

    Yields:
        The facts, in order.
    """
    if isinstance(facts, SocketFact):
        yield facts
    elif facts is not None:
        yield from facts
