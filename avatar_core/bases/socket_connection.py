"""A vendor's WebSocket with a queue of messages, pings, keep-alive, and short reconnects."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_messages import (
    Message,
    Messages,
    SocketOptions,
    each_message,
)
from avatar_core.bases.socket_outbox import Outbox
from avatar_core.bases.socket_service import SocketService
from avatar_core.bases.socket_wire import (
    ABNORMAL,
    GOING_AWAY,
    Connect,
    HandshakeError,
    SocketClosedError,
    Wire,
)
from avatar_core.contracts.errors import AvatarError, AvatarLostError, TransportError
from avatar_core.tasks import notify

CONNECT_S = 10.0
"""Seconds for the first handshake, with all attempts."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
"""Limits of the pause between two handshakes, in seconds; the pause doubles each time."""
CLOSE_S = 0.3
"""Seconds that the last messages may take."""
TEMPORARY_CODES = frozenset({GOING_AWAY, 1005, ABNORMAL, 1011, 1012, 1013})
"""Close codes after which the session may continue on a new socket. With any other code, such as
1000, 1008 or 4001, the vendor states that the session has ended."""
STEADY_S = 5.0
MOST_RECONNECTS = 3
"""The number of reconnects in a row that each lasted less than `STEADY_S`."""


class SocketConnection:
    """The connection to a vendor's WebSocket, from `open` to `aclose`.

    A task sends the messages in order; another task receives. If the socket closes, the connection
    opens it again within `reconnect_s`, or is lost.

    Args:
        provider: The name of the provider, for errors.
        address: The URL and the secrets of the handshake.
        options: The limits of the vendor.
        connect: Opens a socket.
        encode_keep_alive: Returns the keep-alive messages.
        on_message: Receives each message of the vendor.
        on_reconnect: Called after the socket was opened again.
        on_lost: Called once with the error when the connection is lost.
        log: Receives messages about the connection.

    Attributes:
        lost: The error that made the connection unusable; None while it can be used.
        is_down: Whether the socket is closed at the moment, and may be opened again.
    """

    def __init__(
        self,
        provider: str,
        address: SocketAddress,
        options: SocketOptions,
        connect: Connect,
        *,
        encode_keep_alive: Callable[[], Messages],
        on_message: Callable[[Message], None],
        on_reconnect: Callable[[], None],
        on_lost: Callable[[AvatarError], None],
        log: logging.LoggerAdapter[logging.Logger] | logging.Logger,
    ) -> None:
        self._provider = provider
        self._address = address
        self._options = options
        self._connect = connect
        self._encode_keep_alive = encode_keep_alive
        self._on_message = on_message
        self._on_reconnect = on_reconnect
        self._on_lost = on_lost
        self._log = log
        self._outbox = Outbox()
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self.lost: AvatarError | None = None
        self.is_down = False

    async def open(self) -> None:
        """Open the socket, and wait until the vendor is ready. The caller sets the deadline.

        Raises:
            TransportError: The socket cannot be opened, or was lost before the vendor was ready.
        """
        failure: TransportError | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                wire = await self._dial()
        except HandshakeError as error:
            failure = self._handshake_failure(error.cause, error.status)
        except TimeoutError:
            failure = self._handshake_failure(f"the socket did not open within {CONNECT_S:g} s", 0)
        if failure is not None:
            self.lose(failure)
            raise failure
        self._task = asyncio.create_task(self._run(wire), name=f"{self._provider}-socket")
        await self._wait_for(self._ready)

    def note_ready(self) -> None:
        """Note that the vendor accepts messages."""
        self._ready.set()

    def enqueue(self, messages: Messages, *, of_take: bool = False) -> None:
        """Add messages to the queue; do not wait.

        Args:
            messages: The messages, in order.
            of_take: Whether the messages belong to a take, so that `drop_take` drops them.
        """
        self._outbox.add(messages, of_take=of_take)

    def drop_take(self) -> None:
        """Drop the messages of the take that were not sent yet."""
        self._outbox.drop_take()

    async def flush(self) -> None:
        """Wait until all messages were sent.

        Raises:
            AvatarError: The connection is lost.
        """
        await self._wait_for(self._outbox.is_sent)

    def lose(self, error: AvatarError) -> None:
        """Mark the connection as lost; later calls do nothing.

        Args:
            error: The reason.
        """
        if self.lost is None:
            self.lost = error
            self._ended.set()
            self._on_lost(error)

    async def aclose(self, last: Messages = ()) -> None:
        """Send the last messages, and close the socket, within about a second. Idempotent.

        Args:
            last: The messages to send before the end, if the socket is open.
        """
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        wire, self._wire = self._wire, None
        if wire is None:
            return
        try:
            async with asyncio.timeout(0.0 if self.lost else CLOSE_S):
                for message in each_message(last):
                    await wire.send(message)
        except (TimeoutError, SocketClosedError) as error:
            self._log.debug("The last message to the vendor could not be sent: %s", error)
        finally:
            await wire.aclose()

    async def _wait_for(self, event: asyncio.Event) -> None:
        """Wait for an event, and raise the error if the connection is lost before."""
        if self.lost is None and not event.is_set():
            waiting = [asyncio.ensure_future(one.wait()) for one in (event, self._ended)]
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waiting:
                    one.cancel()
        if self.lost is not None:
            raise self.lost

    # The socket, from one handshake to the next.

    async def _dial(self) -> Wire:
        """Open the socket and send the first messages, with pauses between the attempts.

        Raises:
            HandshakeError: The vendor refused the handshake; another attempt would not help.
        """
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                wire = self._wire = await self._connect(self._address)
                for secret in self._address.first:
                    await wire.send(secret.get_secret_value())
                return wire
            except HandshakeError as error:
                if 300 <= error.status < 500:
                    raise
                self._log.debug("The socket of the vendor did not open: %s", error.cause)
            except SocketClosedError as error:
                self._log.debug("The socket of the vendor %s after its handshake.", error.cause)
                await wire.aclose()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _run(self, wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        reconnects = 0
        while True:
            opened_at = loop.time()
            if not self._options.waits_for_ready:
                self._ready.set()
            closed = await self._serve(wire, is_again=reconnects > 0)
            self._ready.clear()
            await wire.aclose()
            reconnects = 1 if loop.time() - opened_at >= STEADY_S else reconnects + 1
            again = await self._reconnect(closed, reconnects)
            if again is None:
                self.lose(
                    AvatarLostError(
                        f"the vendor's socket {closed.cause}.",
                        provider=self._provider,
                        hint="The agent continues with its own voice.",
                    )
                )
                return
            wire = again
            notify(self._on_reconnect)

    async def _reconnect(self, closed: SocketClosedError, count: int) -> Wire | None:
        """Open the socket again; return None if that is not possible in time."""
        limit_s = self._options.reconnect_s
        if not limit_s or closed.code not in TEMPORARY_CODES or count > MOST_RECONNECTS:
            return None
        self._log.info("The vendor's socket %s. avatar-core opens it again.", closed.cause)
        self.is_down = True
        try:
            async with asyncio.timeout(limit_s):
                return await self._dial()
        except (HandshakeError, TimeoutError) as error:
            self._log.debug("The socket of the vendor could not be opened again: %s", error)
            return None
        finally:
            self.is_down = False

    async def _serve(self, wire: Wire, *, is_again: bool) -> SocketClosedError:
        """Send and receive until the socket closes, and return the reason."""
        service = SocketService(
            wire,
            self._outbox,
            self._ready,
            on_message=self._on_message,
            keep_alive=lambda: self.enqueue(self._encode_keep_alive()),
            keep_alive_s=self._options.keep_alive_s,
            ready_s=self._options.reconnect_s if is_again else None,
            log=self._log,
        )
        return await service.run()

    def _handshake_failure(self, cause: str, status: int) -> TransportError:
        is_refused = status in (401, 403)
        return TransportError(
            f"{cause}.",
            provider=self._provider,
            hint="Check the API key and the session at the vendor."
            if is_refused
            else "Check that this machine can connect to the vendor.",
        )
