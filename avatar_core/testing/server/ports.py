"""Finds free ports on the loopback interface, and checks for a livekit-server on a port."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"

_RESPONSE_TIMEOUT_S = 1.0


def find_free_ports() -> tuple[int, int]:
    """Find a TCP port and a UDP port that are free on loopback at the moment.

    Another process may bind the ports before the caller does.

    Returns:
        The TCP port and the UDP port.

    Raises:
        OSError: The system has no free port.
    """
    with ExitStack() as stack:
        tcp, udp = (
            stack.enter_context(socket.socket(socket.AF_INET, kind))
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        tcp.bind((LOOPBACK, 0))
        udp.bind((LOOPBACK, 0))
        return tcp.getsockname()[1], udp.getsockname()[1]


def is_taken(port: int) -> bool:
    """Return whether a TCP port of loopback is in use.

    Args:
        port: The TCP port.

    Returns:
        True if the port cannot be bound.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


async def is_server_up(host: str, port: int) -> bool:
    """Return whether an HTTP server responds with status 200 within 1 s, as livekit-server does.

    Args:
        host: A host name or an IP address.
        port: The TCP port.

    Returns:
        True if the server does so; False also if the connection fails.
    """
    try:
        async with asyncio.timeout(_RESPONSE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
