"""Ports: what is free, what is taken, who answers."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"

_ANSWER_TIMEOUT_S = 1.0


def free_ports() -> tuple[int, int]:
    """A free TCP and a free UDP port on loopback, as of now."""
    with ExitStack() as stack:
        tcp, udp = (
            stack.enter_context(socket.socket(socket.AF_INET, kind))
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        )
        tcp.bind((LOOPBACK, 0))
        udp.bind((LOOPBACK, 0))
        return tcp.getsockname()[1], udp.getsockname()[1]


def is_taken(port: int) -> bool:
    """Whether someone listens on that TCP port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


async def answers(host: str, port: int) -> bool:
    """Whether a livekit-server says OK there."""
    try:
        async with asyncio.timeout(_ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET / HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
