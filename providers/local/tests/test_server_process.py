"""`avatar worker --serve` prints its URL and its key, and ends together with its workers."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from avatar_core.testing.server import DevServer
from providers.local.tests.server_harness import invitation, workers
from tests.support.processes import ProcessHandle

AVATAR = Path(sys.executable).with_name("avatar")
KEY = "a-key-of-sixteen-letters"
START_S, END_S = 20.0, 8.0
LINE = re.compile(r"(http://127\.0\.0\.1:\d+) runs up to (\d+) avatars at the same time\.")


class RunningServer:
    """A server process.

    Attributes:
        url: Its address.
        key: Of its callers.
        said: Its lines so far.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.url = self.key = ""
        self.said: list[str] = []

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S):
            self.said.append((await self._process.stdout.readline()).decode().strip())
        return self.said[-1]

    async def create(self, body: dict[str, Any]) -> str:
        """The id of a session whose avatar is in its room."""
        headers = {"X-Api-Key": self.key}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(f"{self.url}/v1/sessions", json=body) as response,
        ):
            session = await response.json()
            assert response.status == 201, session
            return str(session["id"])

    def workers(self) -> list[ProcessHandle]:
        return [ProcessHandle(worker.pid) for worker in workers(psutil.Process(self._process.pid))]

    async def end(self, number: int) -> tuple[int, str]:
        """Send a signal; return the exit code and the last output."""
        self._process.send_signal(number)
        async with asyncio.timeout(END_S):
            rest, _ = await self._process.communicate()
        assert self._process.returncode is not None
        return self._process.returncode, rest.decode()


async def begin(*options: str, key: str = "") -> asyncio.subprocess.Process:
    environment = {name: value for name, value in os.environ.items() if "AVATAR" not in name}
    return await asyncio.create_subprocess_exec(
        AVATAR,
        "worker",
        *options,
        env=environment | ({"AVATAR_LOCAL_API_KEY": key} if key else {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@asynccontextmanager
async def running(*options: str, key: str = "") -> AsyncIterator[RunningServer]:
    process = await begin("--provider", "local", "--serve", *options, key=key)
    server = RunningServer(process)
    try:
        match = LINE.fullmatch(await server.line())
        assert match, server.said
        server.url, server.key = match[1], key
        if not key:
            server.key = (await server.line()).removeprefix("AVATAR_LOCAL_API_KEY=").split()[0]
        yield server
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.livekit
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
async def test_workers_exit_with_their_server(server: DevServer, number: int, code: int) -> None:
    async with running() as local:
        for _ in range(2 if number == signal.SIGTERM else 1):
            await local.create(invitation(server))
        deaths = local.workers()
        try:
            assert len(deaths) == (2 if number == signal.SIGTERM else 1)
            assert await local.end(number) == (code, "" if code < 0 else "Stopped.\n")
            assert all(death.exits_within(2.0) for death in deaths)
        finally:
            for death in deaths:
                death.close()


async def test_server_generates_a_key_unless_the_environment_sets_one() -> None:
    async with running("--limit", "7") as one, running() as other:
        assert len(one.key) >= 32
        assert one.key != other.key
        assert "up to 7 avatars" in one.said[0]
        _, rest = await one.end(signal.SIGTERM)
        assert one.key not in rest
    async with running(key=KEY) as given:
        _, rest = await given.end(signal.SIGTERM)
        assert KEY not in "".join(given.said) + rest
        assert rest == "Stopped.\n"


@pytest.mark.parametrize(
    ("options", "key", "said"),
    [
        (
            ["--provider", "mock", "--serve"],
            "",
            "mock: the provider has no avatar server",
        ),
        (
            ["--provider", "nope", "--serve"],
            "",
            "nope: No provider named 'nope' is installed",
        ),
        (
            ["--provider", "local", "--serve", "--host", "192.0.2.1"],
            "",
            "cannot listen on 192.0.2.1",
        ),
        (
            ["--provider", "local", "--serve"],
            "short",
            "AVATAR_LOCAL_API_KEY: The key must have at least 16",
        ),
        (["--provider", "local"], "", "the option --serve is missing"),
    ],
)
async def test_server_that_cannot_start_prints_an_error_without_traceback(
    options: list[str], key: str, said: str
) -> None:
    process = await begin(*options, key=key)
    async with asyncio.timeout(START_S):
        out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert said in err.decode()
    assert "Traceback" not in err.decode()


async def test_error_names_a_port_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = await begin("--provider", "local", "--serve", "--port", str(port))
        async with asyncio.timeout(START_S):
            _, err = await process.communicate()
    assert process.returncode == 2
    assert f"local: port {port} of 127.0.0.1 is already in use. Choose another" in err.decode()
