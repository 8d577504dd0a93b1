"""The transport over a vendor's WebSocket: a sink and a tracker that share one connection."""

from __future__ import annotations

import asyncio

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_connection import SocketConnection
from avatar_core.bases.socket_messages import (
    Message,
    Messages,
    SocketFact,
    SocketMessages,
    SocketOptions,
    each_fact,
)
from avatar_core.bases.socket_sink import SocketSink
from avatar_core.bases.socket_tracker import SocketTracker
from avatar_core.bases.socket_wire import Connect, connect_to_network
from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.provider import SinkContext
from avatar_core.http.request import redact
from avatar_core.playback.send_loop import SEND_DEADLINE_S
from avatar_core.tasks import describe_error

MAX_TEXT_CHARS = 200
"""Characters of a vendor's text that an error quotes."""


class SocketTransport:
    """A sink and a tracker that use one WebSocket. Provisional.

    If the socket closes and opens again within `SocketOptions.reconnect_s`, the transport stops the
    current take at the vendor, and reports the take as CUT. The player then begins a new take with
    the audio that was not heard.

    Args:
        provider: The name of the provider, for errors.
        ctx: The room link, the avatar and the capabilities of its provider.
        messages: The messages of the vendor.
        address: The URL and the secrets of the handshake.
        options: The limits of the vendor.
        connect: Opens a socket; None means the network.

    Attributes:
        sink: The sink, for `AvatarProvider.create_sink`.
        tracker: The tracker, for `AvatarProvider.create_tracker`.
    """

    def __init__(
        self,
        provider: str,
        ctx: SinkContext,
        messages: SocketMessages,
        address: SocketAddress,
        options: SocketOptions,
        connect: Connect | None = None,
    ) -> None:
        self._provider = provider
        self._messages = messages
        self._secrets = address.secrets
        self._log = ctx.log
        self._has_warned = False
        self._end: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._connection = SocketConnection(
            provider,
            address,
            options,
            connect or connect_to_network,
            encode_keep_alive=messages.encode_keep_alive,
            on_message=self._on_message,
            on_reconnect=self._resume_take,
            on_lost=self._on_lost,
            log=ctx.log,
        )
        self.tracker = SocketTracker(ctx, lambda: self._is_down)
        self.sink = SocketSink(ctx, messages, self._connection, options, self.tracker.note_padding)

    async def send(self, messages: Messages) -> None:
        """Send messages that do not belong to a take.

        Args:
            messages: The messages, in order.

        Raises:
            AvatarError: The connection is lost.
            TimeoutError: The vendor did not accept the messages within `SEND_DEADLINE_S`.
        """
        self._connection.enqueue(messages)
        async with asyncio.timeout(SEND_DEADLINE_S):
            await self._connection.flush()

    async def wait_until_lost(self) -> str:
        """Wait until the socket is lost, or the vendor has ended the session.

        Returns:
            The reason, for logs.
        """
        return await asyncio.shield(self._end)

    @property
    def _is_down(self) -> bool:
        return self._connection.is_down or self._connection.lost is not None

    def _on_message(self, message: Message) -> None:
        """Apply the facts of a message; ignore a message that `on_message` cannot read."""
        try:
            facts = tuple(each_fact(self._messages.on_message(message)))
        except Exception as error:
            return self._warn(f"the provider could not read it: {describe_error(error)}")
        for fact in facts:
            self._apply(fact)
        return None

    def _apply(self, fact: SocketFact) -> None:
        if fact.kind == "ready":
            self._connection.note_ready()
        elif fact.kind == "error":
            self._lose(f"the vendor reported an error{self._quote(fact.text)}.")
        elif fact.kind == "ended":
            self._lose(f"the vendor ended the session{self._quote(fact.text)}.")
        elif not self.tracker.apply(fact):
            self._warn(f"the vendor reported an impossible {fact.kind}")

    def _lose(self, text: str) -> None:
        hint = "The agent continues with its own voice."
        self._connection.lose(AvatarLostError(text, provider=self._provider, hint=hint))

    def _quote(self, text: str) -> str:
        line = "".join(letter if letter.isprintable() else " " for letter in text)
        line = redact(line, self._secrets)[:MAX_TEXT_CHARS].strip().rstrip(".")
        return f": {line}" if line else ""

    def _warn(self, problem: str) -> None:
        """Log a message that was ignored: the first as a warning, others at debug level."""
        log = self._log.debug if self._has_warned else self._log.warning
        self._has_warned = True
        log("avatar-core ignored a message of the vendor because %s.", problem)

    def _resume_take(self) -> None:
        """Stop the current take at the vendor, whose audio was partly lost, for a new take."""
        take = self.tracker.take
        if take is not None and not take.state.final:
            self.sink.stop(take)
            take.report(state=TakeState.CUT)

    def _on_lost(self, error: AvatarError) -> None:
        if not self._end.done():
            self._end.set_result(error.message.removesuffix("."))
