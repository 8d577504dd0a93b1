"""A UDP relay between the clients of a livekit-server and the server: it drops and delays packets.

The server names the address of the relay as its own (`DevServer.start(media_ip=RELAY_IP)`), so that
the media and the data of every participant pass through the relay in both directions.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from avatar_core.testing.server.ports import LOOPBACK

RELAY_IP = "127.0.0.2"
"""The address of the relay. On Linux, every address that begins with 127 is local."""
START_S = 5.0

Address = tuple[str, int]
Send = Callable[[bytes], None]


class UdpRelay:
    """A relay that runs on a thread of its own while its `with` block runs.

    A pause of the test's event loop therefore delays no packet.

    Args:
        port: The UDP port of the server, and of the relay.
        loss: The probability that a packet is lost.
        delay_s: Seconds for which each packet is delayed.
        seed: The seed of the losses.

    Attributes:
        passed: The number of packets that were passed on.
        dropped: The number of packets that were dropped.
    """

    def __init__(self, port: int, *, loss: float, delay_s: float, seed: int = 0) -> None:
        self.passed = self.dropped = 0
        self._port = port
        self._loss = loss
        self._delay_s = delay_s
        self._dice = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._clients: dict[Address, asyncio.Future[asyncio.DatagramTransport]] = {}
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            opening = asyncio.run_coroutine_threadsafe(self._open(), self._loop)
            self._front = opening.result(START_S)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: object, __: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(START_S)
        self._stop()

    # The methods below run on the thread of the relay.

    async def _open(self) -> asyncio.DatagramTransport:
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Receiver(self._receive_from_client), local_addr=(RELAY_IP, self._port)
        )
        return transport

    async def _close(self) -> None:
        self._front.close()
        for opening in self._clients.values():
            (await opening).close()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_S)
        self._loop.close()

    def _receive_from_client(self, packet: bytes, client: Address) -> None:
        if client not in self._clients:
            self._clients[client] = asyncio.ensure_future(self._open_client(client))
        opening = self._clients[client]
        self._pass_later(lambda: opening.done() and opening.result().sendto(packet))

    async def _open_client(self, client: Address) -> asyncio.DatagramTransport:
        """Open the socket that represents a client to the server."""

        def receive(packet: bytes, _: Address) -> None:
            """Pass a packet of the server on to the client.

            Args:
                packet: The packet.
                _: The address of the server, which is not used.
            """
            self._pass_later(lambda: self._front.sendto(packet, client))

        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Receiver(receive),
            local_addr=(RELAY_IP, 0),
            remote_addr=(LOOPBACK, self._port),
        )
        return transport

    def _pass_later(self, send: Callable[[], Any]) -> None:
        if self._dice.random() < self._loss:
            self.dropped += 1
        else:
            self.passed += 1
            self._loop.call_later(self._delay_s, send)


class _Receiver(asyncio.DatagramProtocol):
    """Passes each packet that arrives to a function."""

    def __init__(self, receive: Callable[[bytes, Address], None]) -> None:
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._receive(data, addr)
