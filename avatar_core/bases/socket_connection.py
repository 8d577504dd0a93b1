"""A vendor's WebSocket with a queue of messages, pings, keep-alive, and short reconnects."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from avatar_core.bases.socket_messages import (
    Message,
    Messages,
    SocketAddress,
    SocketOptions,
    each_message,
)
from avatar_core.bases.socket_wire import (
    ABNORMAL,
    GOING_AWAY,
    Connect,
    HandshakeError,
    SocketClosedError,
    Wire,
)
from avatar_core.contracts.errors import AvatarError, AvatarLostError, TransportError
from avatar_core.tasks import describe_error, notify

CONNECT_S = 10.0
"""Seconds for the first handshake, with all attempts."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0
"""Limits of the pause between two handshakes, in seconds; the pause doubles each time."""
SEND_S = 3.0
"""Seconds that the connection may take to accept a message. The player waits 5 s."""
TICK_S = 0.25
PING_S, DEAD_S = 1.0, 2.5
"""Seconds without a message after which the connection sends a ping, and after which the socket
counts as dead. TCP repeats a lost packet after 0.2 to 1 s. The connection counts ticks, so that a
pause of this process does not look like a dead socket."""
TEMPORARY_CODES = frozenset({GOING_AWAY, 1005, ABNORMAL, 1011, 1012, 1013})
"""Close codes after which the session may continue on a new socket. With any other code, such as
1000, 1008 or 4001, the vendor states that the session has ended."""
STEADY_S = 5.0
MOST_RECONNECTS = 3
"""The number of reconnects in a row that each lasted less than `STEADY_S`."""


class SocketConnection:
    """The connection to a vendor's WebSocket, from `open` to `aclose`.

    A task sends the messages in order; another task receives. If the socket closes, the connection opens it again within `reconnect_s`, or is lost.

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
        self._outbox: deque[tuple[Message, bool]] = deque()
        self._has_messages = asyncio.Event()
        self._is_sent = asyncio.Event()
        self._ready = asyncio.Event()
        self._ended = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._wire: Wire | None = None
        self._silent_s = 0.0
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
        self._outbox += ((message, of_take) for message in each_message(messages))
        if self._outbox:
            self._is_sent.clear()
            self._has_messages.set()

    def drop_take(self) -> None:
        """Drop the messages of the take that were not sent yet."""
        kept = [item for item in self._outbox if not item[1]]
        self._outbox.clear()
        self._outbox += kept

    async def flush(self) -> None:
        """Wait until all messages were sent.

        Raises:
            AvatarError: The connection is lost.
        """
        if self._outbox:
            await self._wait_for(self._is_sent)
        elif self.lost is not None:
            raise self.lost

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
            async with asyncio.timeout(0.0 if self.lost else SEND_S / 10):
                for message in each_message(last):
                    await wire.send(message)
        except (TimeoutError, SocketClosedError) as error:
            self._log.debug("The last message to the vendor could not be sent: %s", error)
        finally:
            await wire.aclose()

    async def _wait_for(self, event: asyncio.Event) -> None:
        """Wait for an event, and raise the error if the connection is lost before."""
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
        work = (self._receive(wire), self._send(wire), self._keep_alive(wire, is_again))
        tasks = [asyncio.create_task(one) for one in work]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, SocketClosedError):
                return result
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, TimeoutError):
                self._log.error("The vendor's socket failed: %s.", describe_error(result))
        return SocketClosedError(ABNORMAL, f"accepted no message for {SEND_S:g} s")

    async def _receive(self, wire: Wire) -> None:
        while True:
            message = await wire.receive()
            self._silent_s = 0.0
            if message is not None:
                self._on_message(message)

    async def _send(self, wire: Wire) -> None:
        await self._ready.wait()
        while True:
            while self._outbox:
                item = self._outbox[0]
                async with asyncio.timeout(SEND_S):
                    await wire.send(item[0])
                if self._outbox and self._outbox[0] is item:
                    self._outbox.popleft()
            self._has_messages.clear()
            self._is_sent.set()
            await self._has_messages.wait()

    async def _keep_alive(self, wire: Wire, is_again: bool) -> None:
        self._silent_s = pinged_s = quiet_s = unready_s = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            self._silent_s += TICK_S
            quiet_s += TICK_S
            unready_s = 0.0 if self._ready.is_set() else unready_s + TICK_S
            if self._silent_s > DEAD_S:
                raise SocketClosedError(ABNORMAL, f"sent nothing for {self._silent_s:g} s")
            if is_again and unready_s > self._options.reconnect_s:
                raise SocketClosedError(ABNORMAL, "was not ready again in time")
            pinged_s += TICK_S
            if min(self._silent_s, pinged_s) >= PING_S:
                pinged_s = 0.0
                async with asyncio.timeout(SEND_S):
                    await wire.ping()
            if self._options.keep_alive_s and quiet_s >= self._options.keep_alive_s:
                quiet_s = 0.0
                self.enqueue(self._encode_keep_alive())

    def _handshake_failure(self, cause: str, status: int) -> TransportError:
        is_refused = status in (401, 403)
        return TransportError(
            f"{cause}.",
            provider=self._provider,
            hint="Check the API key and the session at the vendor."
            if is_refused
            else "Check that this machine can connect to the vendor.",
        )
