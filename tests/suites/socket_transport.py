"""The WebSocket transport of avatar-core, with vendors that receive binary audio."""

from __future__ import annotations

from avatar_core import SocketOptions, Take
from avatar_core.testing import SocketTransportSuite, SocketVendor
from tests.unit import socket_provider


class SocketSuite(SocketTransportSuite):
    __test__ = False
    provider = socket_provider.Wire
    vendor = SocketVendor
    settings = {"api_key": "vendor-key"}  # noqa: RUF012


class LimitedVendor(SocketVendor):
    """A vendor that accepts messages with 0.3 s to 0.5 s of audio, and no others."""

    limits = SocketOptions(min_chunk_s=0.3, max_chunk_s=0.5)


class LimitedWire(socket_provider.Wire):
    min_chunk_s, max_chunk_s, pads_last = 0.3, 0.5, True

    def encode(self, chunk: bytes, take: Take) -> tuple[bytes, ...]:
        return (chunk,)


class LimitedSuite(SocketSuite):
    provider = LimitedWire
    vendor = LimitedVendor
