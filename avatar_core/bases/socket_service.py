"""The work on one open socket: receives, sends, and detects that the other side is dead."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from avatar_core.bases.socket_messages import Message
from avatar_core.bases.socket_outbox import SEND_S, Outbox
from avatar_core.bases.socket_wire import ABNORMAL, SocketClosedError, Wire
from avatar_core.tasks import describe_error

TICK_S = 0.25
PING_S, DEAD_S = 1.0, 2.5
"""Seconds without a message after which the connection sends a ping, and after which the socket
counts as dead. TCP repeats a lost packet after 0.2 to 1 s. The connection counts ticks, so that a
pause of this process does not look like a dead socket."""


class SocketService:
    """The tasks that receive, send and send pings while one socket is open.

    Args:
        wire: The open socket.
        outbox: The messages to send.
        ready: An event that is set while the vendor accepts messages.
        on_message: Receives each message of the vendor.
        keep_alive: Adds the keep-alive messages to the outbox.
        keep_alive_s: Seconds between two calls of `keep_alive`; 0 for none.
        ready_s: Seconds within which the vendor must be ready; None for no limit.
        log: Receives unexpected errors.
    """

    def __init__(
        self,
        wire: Wire,
        outbox: Outbox,
        ready: asyncio.Event,
        *,
        on_message: Callable[[Message], None],
        keep_alive: Callable[[], None],
        keep_alive_s: float,
        ready_s: float | None,
        log: logging.LoggerAdapter[logging.Logger] | logging.Logger,
    ) -> None:
        self._wire = wire
        self._outbox = outbox
        self._ready = ready
        self._on_message = on_message
        self._keep_alive = keep_alive
        self._keep_alive_s = keep_alive_s
        self._ready_s = ready_s
        self._log = log
        self._silent_s = 0.0

    async def run(self) -> SocketClosedError:
        """Serve the socket until it closes.

        Returns:
            The reason of the end.
        """
        tasks = [asyncio.create_task(one) for one in (self._receive(), self._send(), self._watch())]
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

    async def _receive(self) -> None:
        while True:
            message = await self._wire.receive()
            self._silent_s = 0.0
            if message is not None:
                self._on_message(message)

    async def _send(self) -> None:
        await self._ready.wait()
        await self._outbox.send(self._wire)

    async def _watch(self) -> None:
        """Send pings and keep-alive messages, and find out that the socket is dead."""
        pinged_s = quiet_s = unready_s = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            self._silent_s += TICK_S
            pinged_s += TICK_S
            quiet_s += TICK_S
            unready_s = 0.0 if self._ready.is_set() else unready_s + TICK_S
            if self._silent_s > DEAD_S:
                raise SocketClosedError(ABNORMAL, f"sent nothing for {self._silent_s:g} s")
            if self._ready_s is not None and unready_s > self._ready_s:
                raise SocketClosedError(ABNORMAL, "was not ready again in time")
            if min(self._silent_s, pinged_s) >= PING_S:
                pinged_s = 0.0
                async with asyncio.timeout(SEND_S):
                    await self._wire.ping()
            if self._keep_alive_s and quiet_s >= self._keep_alive_s:
                quiet_s = 0.0
                self._keep_alive()
