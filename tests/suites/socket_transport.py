"""The WebSocket transport of avatar-core, with a vendor that receives binary audio."""

from __future__ import annotations

from avatar_core.testing import SocketTransportSuite, SocketVendor
from tests.unit import socket_provider


class SocketSuite(SocketTransportSuite):
    __test__ = False
    provider = socket_provider.Wire
    vendor = SocketVendor
    settings = {"api_key": "vendor-key"}  # noqa: RUF012
