"""Network lines of a limited rate, each in a network namespace of its own, and a livekit-server.

The process must already run in a network namespace of its own, as root of the namespace.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from avatar_core.testing.server import DevServer
from avatar_core.testing.server.find import find_server
from avatar_core.testing.server.ports import is_server_up

SERVER_ADDRESS, PORT, UDP_PORT = "192.0.2.1", 7880, 7882
SECRET = "weak-lines-secret-of-thirty-two-bytes"
START_S = 10.0
POLL_S = 0.1
MAX_LINE_BYTES = 1 << 24
LISTENER = "tests.long.line_listener"


def run_command(*arguments: str) -> None:
    """Run a command.

    Args:
        *arguments: The command and its arguments.

    Raises:
        CalledProcessError: The exit code of the command is not 0.
    """
    subprocess.run(arguments, check=True)


class Line:
    """A line between the server and one listener, with a limited rate towards the listener.

    Args:
        number: Number of the line, 1 to 200; it selects names and addresses.
        rate_kbps: Rate in kbit/s; 0 for no limit.
    """

    def __init__(self, number: int, rate_kbps: int) -> None:
        self.rate_kbps = rate_kbps
        self._number = number
        self._listener: asyncio.subprocess.Process | None = None
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        self._holder.stdout.readline()  # the namespace exists now
        self._inside = ("nsenter", f"--net=/proc/{self._holder.pid}/ns/net")
        self._connect()

    def _connect(self) -> None:
        near, far, inside = f"near{self._number}", f"far{self._number}", self._inside
        network = f"198.51.{self._number}"
        namespace = str(self._holder.pid)
        run_command(
            *("ip", "link", "add", near, "type", "veth"), *("peer", "name", far, "netns", namespace)
        )
        run_command("ip", "address", "add", f"{network}.1/24", "dev", near)
        run_command("ip", "link", "set", near, "up")
        run_command(*inside, "ip", "address", "add", f"{network}.2/24", "dev", far)
        run_command(*inside, "ip", "link", "set", far, "up")
        run_command(*inside, "ip", "route", "add", "default", "via", f"{network}.1")
        if self.rate_kbps:
            run_command(
                *("tc", "qdisc", "add", "dev", near, "root", "tbf"),
                *("rate", f"{self.rate_kbps}kbit", "burst", "4kb", "latency", "300ms"),
            )

    async def join(self, url: str, token: str) -> None:
        """Let a listener join a room over the line.

        Args:
            url: The URL of the livekit-server.
            token: The room token of the listener.
        """
        pipe = asyncio.subprocess.PIPE
        command = (*self._inside, sys.executable, "-m", LISTENER)
        self._listener = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, limit=MAX_LINE_BYTES
        )
        self._send({"url": url, "token": token})
        assert await self._read() == "READY", f"the listener at {self.rate_kbps} kbit/s has ended"

    async def received(self, since_s: float, until_s: float) -> dict[str, Any]:
        """Return what the listener received between two times.

        Args:
            since_s: The start in seconds, on the monotonic clock.
            until_s: The end in seconds, on the monotonic clock.

        Returns:
            The record that `line_listener` writes.
        """
        self._send([since_s, until_s])
        return dict(json.loads(await self._read()))

    async def close(self) -> None:
        """End the listener and the line."""
        if self._listener is not None:
            self._listener.kill()
            await self._listener.wait()
        self._holder.kill()
        self._holder.wait()

    def _send(self, value: Any) -> None:
        assert self._listener is not None
        assert self._listener.stdin is not None
        self._listener.stdin.write(json.dumps(value).encode() + b"\n")

    async def _read(self) -> str:
        assert self._listener is not None
        assert self._listener.stdout is not None
        return (await self._listener.stdout.readline()).decode().strip()


@asynccontextmanager
async def open_lines(rates_kbps: Sequence[int]) -> AsyncIterator[list[Line]]:
    """Open a line for each rate, while the block runs.

    Args:
        rates_kbps: The rate of each line in kbit/s.

    Yields:
        The lines.
    """
    lines: list[Line] = []
    try:
        for number, rate_kbps in enumerate(rates_kbps, 1):
            lines.append(Line(number, rate_kbps))
        yield lines
    finally:
        for line in lines:
            await line.close()


@asynccontextmanager
async def serve_lines() -> AsyncIterator[DevServer]:
    """Run a livekit-server on an address that all lines reach.

    Yields:
        The server.
    """
    run_command("ip", "link", "set", "lo", "up")
    run_command("ip", "link", "add", "server0", "type", "veth", "peer", "name", "server1")
    run_command("ip", "address", "add", f"{SERVER_ADDRESS}/24", "dev", "server0")
    run_command("ip", "link", "set", "server0", "up")
    run_command("ip", "link", "set", "server1", "up")
    rtc = {
        "node_ip": SERVER_ADDRESS,
        "interfaces": {"includes": ["server0"]},
        "use_external_ip": False,
        "tcp_port": 0,
        "udp_port": UDP_PORT,
    }
    config = {"port": PORT, "rtc": rtc, "keys": {"devkey": SECRET}, "logging": {"level": "error"}}
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "config.yaml"
        path.write_text(json.dumps(config))  # JSON is also YAML
        process = await asyncio.create_subprocess_exec(
            str(await find_server()), "--config", str(path), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(START_S):
                while not await is_server_up(SERVER_ADDRESS, PORT):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_S)
            yield DevServer(f"ws://{SERVER_ADDRESS}:{PORT}", "devkey", SECRET)
        finally:
            process.kill()
            await process.wait()
