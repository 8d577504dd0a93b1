"""A local avatar server in the test's own process, real HTTP before it and real workers behind."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import psutil
from aiohttp import web
from avatar_provider_local.schemas import CreateSession
from avatar_provider_local.server import SESSIONS, Starter, application
from avatar_provider_local.sessions import Sessions
from pydantic import SecretStr

from avatar_core import TokenSpec, start_worker
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.rtc import worker_process
from avatar_core.testing.faults import worker_process as faulty_worker_process
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.faults.worker_process import start_faulty_process
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import livekit_settings

KEY = "a-key-of-a-test-server"
FLASH = "avatar_core.testing.flash_renderer:FlashRenderer"
NOWHERE = {"livekit_url": "ws://127.0.0.1:9", "token": "a token that is used by nobody"}
TEST_S = 30.0
TURNS = 10
WORKER_MODULES = {worker_process.__name__, faulty_worker_process.__name__}
"""The modules that worker processes run."""


@dataclass(frozen=True)
class ServerResponse:
    """A response of the server.

    Attributes:
        status: Of HTTP.
        json: The body; empty where it has none.
        headers: Of the response.
    """

    status: int
    json: dict[str, Any]
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def message(self) -> str:
        return str(self.json["error"]["message"])


class Desk:
    """A server that runs, and a caller of it."""

    def __init__(self, url: str, sessions: Sessions, http: aiohttp.ClientSession) -> None:
        self.url = url
        self.sessions = sessions
        self._http = http

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str | None = KEY, **headers: str
    ) -> ServerResponse:
        """Send a request; encode a body that is not bytes as JSON.

        Keyword arguments are headers: `Idempotency_Key="k"`.
        """
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent |= {"X-Api-Key": key} if key is not None else {}
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self._http.request(method, self.url + path, data=data, headers=sent) as response:
            text = await response.text()
            return ServerResponse(
                response.status, json.loads(text) if text else {}, response.headers
            )

    async def all_ended(self) -> None:
        """Wait until no session is alive."""
        await asyncio.gather(*(session.ended() for session in self.sessions._known.values()))

    async def create(self, body: Mapping[str, Any] = NOWHERE, **headers: str) -> ServerResponse:
        return await self.call("POST", "/v1/sessions", dict(body), **headers)


@asynccontextmanager
async def desk(start: Starter, limit: int = 4) -> AsyncIterator[Desk]:
    """A server on a free port of loopback; at its end, whatever it still runs is ended."""
    app = application(SecretStr(KEY), limit, start)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=5.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    try:
        async with asyncio.timeout(TEST_S), aiohttp.ClientSession() as http:
            yield Desk(f"http://{host}:{port}", app[SESSIONS], http)
    finally:
        await runner.cleanup()
        await _reaped()


async def _reaped() -> None:
    """Let the loop note the end of every worker, before it ends itself."""
    readers = [task for task in asyncio.all_tasks() if task.get_name().startswith("worker ")]
    if readers:
        await asyncio.wait(readers, timeout=5.0)
    for thread in threading.enumerate():
        if thread.name.startswith("waitpid-"):
            await asyncio.to_thread(thread.join, 5.0)
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def flash(wanted: CreateSession) -> Mapping[str, Any]:
    """A worker in the room of its token, whose frames cost next to nothing."""
    return await start_worker(
        FLASH,
        livekit_url=wanted.livekit_url,
        token=wanted.token.get_secret_value(),
        options={"width": 64, "height": 64, "fps": 5.0},
    )


async def roomless(wanted: CreateSession) -> Mapping[str, Any]:
    """A worker process that joins no room, for tests of what stands before one."""
    return await start_faulty_process(
        FLASH,
        livekit_url=wanted.livekit_url,
        token=wanted.token.get_secret_value(),
        scenario=Scenario(never_joins=True),
    )


class Hanging:
    """A start that does not come to its end.

    Attributes:
        begun: How often it began.
        broken_off: How often it was cancelled.
        at_work: Set once it has begun.
    """

    def __init__(self) -> None:
        self.begun = self.broken_off = 0
        self.at_work = asyncio.Event()

    async def __call__(self, wanted: CreateSession) -> Mapping[str, Any]:
        self.begun += 1
        self.at_work.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        raise AssertionError("unreachable")


def invitation(server: DevServer, room: str = "", identity: str = "") -> dict[str, Any]:
    """The body of a create for an avatar in a room of the server."""
    mint = TokenMint(livekit_settings(server), room or f"desk-{secrets.token_hex(4)}").mint
    spec = TokenSpec(
        identity=identity or f"avatar-{secrets.token_hex(4)}",
        attributes={PUBLISH_ON_BEHALF: "agent"},
    )
    return {"livekit_url": server.url, "token": mint(spec)}


def workers(parent: psutil.Process | None = None) -> list[psutil.Process]:
    """The worker processes of this process, or of another one."""
    found = []
    for child in (parent or psutil.Process()).children(recursive=True):
        try:
            if (
                WORKER_MODULES.intersection(child.cmdline())
                and child.status() != psutil.STATUS_ZOMBIE
            ):
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found
