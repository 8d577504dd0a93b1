"""All vendors of LiveKit's plugins in one recording server, which responds to aiohttp in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import aiohttp
import jwt
import pytest

from avatar_core.net import is_loopback

SESSION_ID = "session-1"
BOSON_OBJECT = "avatar.livekit.session"
LATENCY_S = 0.05
SOCKET_URL = "wss://vendor.example/socket"


class Recorded(NamedTuple):
    """A request of a plugin."""

    method: str
    path: str
    body: Any


class VendorWorker(Protocol):
    """The worker of a vendor."""

    async def kill(self) -> None:
        """End the worker like a killed process."""

    async def aclose(self) -> None:
        """Stop the worker."""


class Token(NamedTuple):
    """The room token in a create request."""

    text: str
    identity: str
    room: str
    attributes: dict[str, str]
    url: str


StartWorker = Callable[[Token], Awaitable[VendorWorker]]


class RecordingVendor:
    """Records the requests of the plugins, and starts a worker for each room token.

    A create request is a request that contains a room token. `statuses` are the statuses of the
    next create requests; a status below 400 is a success.
    """

    def __init__(self, start_worker: StartWorker) -> None:
        self._start_worker = start_worker
        self.requests: list[Recorded] = []
        self.statuses: list[int] = []
        self.tokens: list[Token] = []
        self.workers: list[VendorWorker] = []
        self.socket: Callable[[Token], Any] | None = None

    @property
    def created(self) -> int:
        """The number of create requests."""
        return len(self.tokens)

    @property
    def ended(self) -> list[Recorded]:
        """The requests that end a session."""
        return [
            one
            for one in self.requests
            if one.method == "DELETE" or one.path.endswith(("/end", "/stop"))
        ]

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Respond to all requests and web sockets of aiohttp from now on, except on loopback."""
        send: Any = aiohttp.ClientSession._request

        async def request(session: object, method: str, url: object, **options: Any) -> Any:
            if is_loopback(urlsplit(str(url)).hostname or ""):
                return await send(session, method, url, **options)  # a livekit-server
            return await self._respond(method, str(url), options.get("json"))

        async def connect(_: object, *__: object, **___: object) -> object:
            assert self.socket is not None
            return self.socket(self.tokens[-1])

        patch.setattr(aiohttp.ClientSession, "_request", request)
        patch.setattr(aiohttp.ClientSession, "ws_connect", connect)

    async def start(self, token: Token) -> None:
        """Create a session, and start its worker."""
        self.tokens.append(token)
        self.workers.append(await self._start_worker(token))

    async def aclose(self) -> None:
        """Stop all workers."""
        for worker in self.workers:
            await worker.aclose()

    async def _respond(self, method: str, url: str, body: Any) -> FakeResponse:
        await asyncio.sleep(LATENCY_S)
        path = "/" + url.split("//", 1)[1].partition("/")[2].partition("?")[0]
        self.requests.append(Recorded(method, path, body))
        token = find_token(body)
        if token is None:
            done = {"id": path.split("/")[-1], "object": BOSON_OBJECT, "status": "terminated"}
            return FakeResponse(200, {**RESPONSE, **done} if method == "DELETE" else RESPONSE)
        status = self.statuses.pop(0) if self.statuses else 201
        if status >= 400:
            self.tokens.append(token)
            return FakeResponse(status, {"message": "no"})
        await self.start(token)
        return FakeResponse(status, {**RESPONSE, "avatar_identity": token.identity})


RESPONSE = {
    "id": SESSION_ID,
    "session_id": SESSION_ID,
    "sessionId": SESSION_ID,
    "conversation_id": SESSION_ID,
    "reservation_id": SESSION_ID,
    "session_token": "token",
    "model_id": "persona-1.5-live",
    "object": BOSON_OBJECT,
    "status": "active",
    "code": 100,
    "data": {"session_id": SESSION_ID, "session_token": "token", "ws_url": SOCKET_URL},
}
"""The fields that the plugins read from the responses of their vendors, in one object."""


class FakeResponse:
    """A response of aiohttp, as far as the plugins use it."""

    def __init__(self, status: int, body: Any) -> None:
        self.status = status
        self.ok = status < 400
        self.headers: dict[str, str] = {"Content-Type": "application/json"}
        self.content_type = "application/json"
        self.content_length = 1
        self.reason = ""
        self._body = body

    async def json(self, **_: object) -> Any:
        return self._body

    async def text(self, **_: object) -> str:
        return json.dumps(self._body)

    async def read(self) -> bytes:
        return json.dumps(self._body).encode()

    def release(self) -> None:
        return

    async def wait_for_close(self) -> None:
        return

    async def __aenter__(self) -> FakeResponse:
        return self

    async def __aexit__(self, *_: object) -> None:
        return


def find_token(body: Any) -> Token | None:
    """Find the room token in the body of a request."""
    texts = list(_texts(body))
    url = next((text for text in texts if text.startswith(("ws://", "wss://"))), "")
    for text in texts:
        try:
            claims = jwt.decode(text, options={"verify_signature": False})
        except jwt.PyJWTError:
            continue
        if "video" in claims:
            return Token(
                text,
                claims["sub"],
                claims["video"]["room"],
                dict(claims.get("attributes", {})),
                url,
            )
    return None


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]
