"""The demo's page: served on loopback, a room and an agent of its own for each who opens it.

GET  /api/providers     {"provider": ..., "providers": [...], "notices": {...}}
POST /api/session       {"provider": ..., "leaves": an earlier room of this page}
                        ->  201 {"url", "token", "room", "provider"}
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib.resources import files
from pathlib import Path

from aiohttp import ClientError, web
from livekit import api

from avatar_core.contracts.errors import ConfigError
from avatar_core.net import is_loopback
from avatar_core.registry.discovery import VOICE, ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_demo import services
from avatar_demo.rpc_names import PERSON, Job

PAGE = Path(str(files("avatar_demo"))) / "page"
"""As vite builds it from `web/`; it is in the wheel."""
MOST_SESSIONS = 4
MOST_BODY = 4096
NO_JSON = (ValueError, LookupError, RecursionError, web.RequestPayloadError)
"""What reading a body raises: no JSON, a charset that is none, too deep, not packed as it says."""
POLICY = (
    "default-src 'self'; connect-src 'self' {urls}; img-src 'self' data:; "
    "media-src 'self' blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_built() -> bool:
    """Whether there is a page to serve."""
    return (PAGE / "index.html").is_file()


class Site:
    """The page's server.

    Args:
        server: Where rooms are.
        provider: The avatar of a session that names none.
        notices: What a person should know of a provider, by name.
    """

    def __init__(
        self, server: DevServer, provider: str, notices: Mapping[str, str] | None = None
    ) -> None:
        self._server = server
        self._notices = dict(notices or {})
        self._provider = provider
        self._awaited: dict[str, bool] = {}  # rooms; whether nobody was seen in it yet
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[str]:
        """Serve what `listen` opened while the block lasts; gives the address."""
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            await runner.cleanup()
            await self._end_all()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BODY, middlewares=[self._guard])
        app.router.add_get("/", self._index)
        app.router.add_get("/api/providers", self._providers)
        app.router.add_post("/api/session", self._session)
        app.router.add_static("/", PAGE)
        return app

    async def _index(self, _: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / "index.html")

    async def _providers(self, _: web.Request) -> web.StreamResponse:
        names = [name for name in (*ProviderRegistry().names(), VOICE) if name != self._provider]
        return web.json_response(
            {
                "provider": self._provider,
                "providers": [self._provider, *names],
                "notices": self._notices,
            }
        )

    async def _session(self, request: web.Request) -> web.StreamResponse:
        try:
            wanted = await request.json()
            provider = str(wanted.get("provider") or self._provider)
            left = str(wanted.get("leaves"))
        except (*NO_JSON, AttributeError):
            return _error(400, "invalid_request", "The body must be a JSON object.")
        try:
            await asyncio.to_thread(resolve, provider, ProviderRegistry(), AvatarSettings.load())
        except ConfigError as error:
            return _error(422, error.code, str(error))
        try:
            async with self._lock, services.client_of(self._server) as client:
                if left in self._awaited:
                    await self._end(client, left)
                if await self._taken(client) >= MOST_SESSIONS:
                    said = f"{MOST_SESSIONS} pages are open already. Close one, and begin again."
                    return _error(429, "too_many_sessions", said)
                room = f"demo-{secrets.token_hex(4)}"
                await services.dispatch(client, room, Job(provider, talks=True))
                self._awaited[room] = True
        except (ClientError, api.TwirpError, TimeoutError):
            said = "The livekit-server is gone. Stop the demo with Ctrl-C, and start it again."
            return _error(503, "server_gone", said)
        answer = {
            "url": self._server.url,
            "token": services.person_token(self._server, room),
            "room": room,
            "provider": provider,
        }
        return web.json_response(answer, status=201, headers={"Cache-Control": "no-store"})

    async def _taken(self, client: api.LiveKitAPI) -> int:
        """Rooms of ours that a person is in, or is about to join; others end by themselves."""
        if self._awaited:  # for no names are all names
            answer = await client.room.list_rooms(api.ListRoomsRequest(names=list(self._awaited)))
            peopled = {room.name: await _is_peopled(client, room.name) for room in answer.rooms}
            self._awaited = {
                room: self._awaited[room] and not somebody
                for room, somebody in peopled.items()
                if self._awaited[room] or somebody
            }
        return len(self._awaited)

    async def _end(self, client: api.LiveKitAPI, room: str) -> None:
        del self._awaited[room]
        with suppress(api.TwirpError):  # it has ended
            await services.delete(client, room)

    async def _end_all(self) -> None:
        with suppress(ClientError, api.TwirpError, TimeoutError):
            async with services.client_of(self._server) as client:
                for room in list(self._awaited):
                    await self._end(client, room)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Only pages of this machine may ask, and only this machine is asked by ours."""
        if not is_loopback(request.url.host or ""):
            return _error(403, "not_this_machine", "This page is for this machine alone.")
        if request.method == "POST" and request.content_type != "application/json":
            return _error(415, "invalid_request", "The body must be JSON.")
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            code = (refusal.reason or "error").lower().replace(" ", "_")
            response = _error(refusal.status, code, refusal.reason or "")
        http = self._server.url.replace("ws", "http", 1)
        response.headers["Content-Security-Policy"] = POLICY.format(
            urls=f"{self._server.url} {http}"
        )
        return response


def listen(port: int) -> socket.socket:
    """Take a port of this machine; 0 for any that is free.

    Raises:
        ConfigError: It is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"port {port} is taken ({error.strerror}).",
            hint="Set DEMO_PORT to another one, or to 0 for any that is free.",
        ) from error
    return listener


async def _is_peopled(client: api.LiveKitAPI, room: str) -> bool:
    """Now; a room's own count of participants is seconds old."""
    answer = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return any(participant.identity == PERSON for participant in answer.participants)


def _error(status: int, code: str, message: str) -> web.Response:
    body = json.dumps({"error": {"code": code, "message": message}})
    return web.Response(text=body, status=status, content_type="application/json")
