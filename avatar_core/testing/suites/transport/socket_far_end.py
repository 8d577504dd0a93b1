"""The far end of a provider's WebSocket: plays the audio of the socket as a fake vendor does."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from avatar_core.bases.socket_address import SocketAddress
from avatar_core.bases.socket_wire import HandshakeError, SocketClosedError, Wire
from avatar_core.testing.fake_vendor.memory_wire import MemoryWire
from avatar_core.testing.fake_vendor.socket_dialog import Command
from avatar_core.testing.fake_vendor.socket_lengths import MessageLengths
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.suites.transport.far_end import FarEnd
from avatar_core.testing.suites.transport.speaker import HeardPiece, Speaker

TICK_S = 0.02
NEVER_S = 1e9
NO_POSITIONS = {
    "silence": "the vendor reports no positions; the monitor of avatar-core hears the silence"
}


class SocketFarEnd(FarEnd):
    """A far end that reads and writes the messages of a fake vendor.

    Args:
        vendor: The fake vendor, which checks the handshakes and encodes the messages.
        impossible: The reason for each fault that the vendor cannot have, by its name.

    Attributes:
        resources: What `aclose` closes after the tasks of this far end.
    """

    def __init__(self, vendor: SocketVendor, impossible: Mapping[str, str]) -> None:
        self.impossible = impossible
        if not vendor.encode_report("position", "", 0.0):
            self.impossible = {**NO_POSITIONS, **impossible}
        self.resources = AsyncExitStack()
        self._vendor = vendor
        self._speaker = Speaker(vendor.format)
        self._wire: MemoryWire | None = None
        self._take_id: str | None = None
        self._is_complete = self._has_started = self._is_silent = False
        self._is_over = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def connect(self, address: SocketAddress) -> Wire:
        """Open a socket in memory, for the attribute `connect` of the provider class.

        Args:
            address: The address of the socket.

        Returns:
            The end of the client.

        Raises:
            HandshakeError: The vendor refused the handshake.
        """
        if self._is_silent:
            raise HandshakeError("the vendor refused the handshake with status 503", 503)
        sent = address.headers.items()
        headers = {name.lower(): value.get_secret_value() for name, value in sent}
        await self._vendor.accept(address.url.get_secret_value(), headers, None)
        ready = self._vendor.encode_report("ready", "", 0.0)
        wait_s = NEVER_S if self.ready_s is None else self.ready_s
        if not ready:  # without a message, the handshake says that the vendor is ready
            await asyncio.sleep(wait_s)
        client, self._wire = MemoryWire.make_pair()
        self._start(self._receive(self._wire, wait_s if ready else 0.0))
        self._start(self._play())
        return client

    def heard(self) -> Sequence[HeardPiece]:
        """Return the audio that a listener has heard so far.

        Returns:
            The pieces in the order of their times.
        """
        return self._speaker.pieces

    def problems(self) -> Sequence[str] | None:
        """Return the messages that were too short or too long for the vendor.

        Returns:
            A sentence for each message; None if the vendor has no limits.
        """
        return None if self._vendor.limits is None else self._vendor.problems

    def die(self) -> None:
        """Break the connection."""
        self._stop()
        if self._wire is not None:
            self._wire.abort()

    def fall_silent(self) -> None:
        """Keep the connection open, and lose all messages."""
        self._stop()
        if self._wire is not None:
            self._wire.cut_off()

    async def aclose(self) -> None:
        """Cancel the tasks, and close `resources`; idempotent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.resources.aclose()

    def _stop(self) -> None:
        self._speaker.stop()
        self._is_silent = True

    async def _receive(self, wire: Wire, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        await self._report("ready", "", 0.0)
        lengths = MessageLengths(self._vendor)
        try:
            while True:
                message = await wire.receive()
                if message is not None:
                    command = self._vendor.read_command(message)
                    lengths.note(command)
                    self._carry_out(command)
        except SocketClosedError:
            return

    def _carry_out(self, command: Command) -> None:
        match command.kind:
            case "begin":
                self._begin(command.take_id)
            case "audio":
                if self._take_id is None or self._is_complete:
                    self._begin(command.take_id)
                self._speaker.play(command.pcm)
            case "end":
                self._is_complete = True
            case "cut" if self._take_id is not None:
                self._speaker.stop()
                self._later(self.cut_s, "cut", self._take_id)
                self._take_id = None

    def _begin(self, take_id: str) -> None:
        self._take_id = take_id
        self._is_complete = self._is_over = self._has_started = False
        self._speaker.begin(self.start_s)

    async def _play(self) -> None:
        """Report the progress of the current take, also after its end, until the next take."""
        quiet_s = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            id, at_s, every_s = (
                self._take_id,
                self._speaker.position_s,
                self._vendor.position_every_s,
            )
            quiet_s += TICK_S
            if id is None:
                continue
            if at_s > 0 and not self._has_started:
                self._has_started = True
                await self._report("started", id, 0.0)
            if every_s and quiet_s >= every_s:
                quiet_s = 0.0
                await self._report("position", id, at_s)
            if self._is_complete and not self._is_over and not self._speaker.queued_s:
                self._is_over = True
                self._later(self.end_s, "finished", id)

    def _later(self, delay_s: float | None, kind: str, take_id: str) -> None:
        async def report(position_s: float) -> None:
            """Report an event after the delay.

            Args:
                position_s: Seconds of the take that were heard.
            """
            await asyncio.sleep(delay_s or 0.0)
            await self._report(kind, take_id, position_s)

        if delay_s is not None:
            self._start(report(self._speaker.position_s))

    async def _report(self, kind: str, take_id: str, position_s: float) -> None:
        if self._wire is None or self._is_silent:
            return
        try:
            for message in self._vendor.encode_report(kind, take_id, position_s):
                await self._wire.send(message)
        except SocketClosedError:
            return

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="far end of a socket")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
