"""Serves the demo's web page on loopback; each open page gets its own room and agent.

GET  /api/providers     {"provider": ..., "providers": [...], "notices": {...}}
POST /api/session       {"provider": ..., "leave": an earlier room of this page}
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

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.net import is_local_request
from avatar_core.registry.discovery import VOICE, ProviderRegistry
from avatar_core.registry.selection import resolve
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_demo import services
from avatar_demo.rpc_names import USER, Job

PAGE = Path(str(files("avatar_demo"))) / "page"
"""The page, which vite builds from `demo/web/`; the wheel contains it."""
MAX_SESSIONS = 4
MAX_BODY_BYTES = 4096
INVALID_BODY = (ValueError, LookupError, RecursionError, web.RequestPayloadError)
"""Exceptions for an invalid body: no JSON, unknown charset, too many levels, bad compression."""
POLICY = (
    "default-src 'self'; connect-src 'self' {urls}; img-src 'self' data:; "
    "media-src 'self' blob:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_built() -> bool:
    """Return whether vite has built the web page.

    Returns:
        True if `index.html` exists in `PAGE`.
    """
    return (PAGE / "index.html").is_file()


class WebServer:
    """The web server of the page.

    Args:
        server: The livekit-server for the rooms.
        provider: Names of the providers for a session whose request has no provider.
        notices: Sentences that the user should read, by the name of the provider.
    """

    def __init__(
        self, server: DevServer, provider: str, notices: Mapping[str, str] | None = None
    ) -> None:
        self._server = server
        self._notices = dict(notices or {})
        self._provider = provider
        self._rooms: dict[str, bool] = {}  # by name: whether its user has not joined yet
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def serve(self, listener: socket.socket) -> AsyncIterator[str]:
        """Serve the page while the block runs.

        Args:
            listener: A socket from `listen`.

        Yields:
            The URL of the page.
        """
        runner = web.AppRunner(self._application(), access_log=None)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            await runner.cleanup()
            await self._delete_rooms()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[self._guard])
        app.router.add_get("/", self._index)
        app.router.add_get("/api/providers", self._providers)
        app.router.add_post("/api/session", self._create_session)
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

    async def _create_session(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
            provider = str(body.get("provider") or self._provider)
            left = str(body.get("leave"))
        except (*INVALID_BODY, AttributeError):
            return _error(400, "invalid_request", "The body must be a JSON object.")
        try:
            await asyncio.to_thread(resolve, provider, ProviderRegistry(), AvatarSettings.load())
        except ConfigError as error:
            return _error(422, error.code, str(error))
        try:
            async with self._lock, services.open_client(self._server) as client:
                if left in self._rooms:
                    await self._delete_room(client, left)
                if await self._count_sessions(client) >= MAX_SESSIONS:
                    message = f"{MAX_SESSIONS} pages are already open. Close one, then retry."
                    return _error(429, "too_many_sessions", message)
                room = f"demo-{secrets.token_hex(4)}"
                await services.dispatch_agent(client, room, Job(provider, interactive=True))
                self._rooms[room] = True
        except (ClientError, api.TwirpError, TimeoutError):
            message = "livekit-server does not respond. Stop the demo with Ctrl-C and restart it."
            return _error(503, "server_unavailable", message)
        session = {
            "url": self._server.url,
            "token": services.create_user_token(self._server, room),
            "room": room,
            "provider": provider,
        }
        return web.json_response(session, status=201, headers={"Cache-Control": "no-store"})

    async def _count_sessions(self, client: api.LiveKitAPI) -> int:
        """Count the rooms whose user is present or has not joined yet; forget all other rooms."""
        if self._rooms:  # an empty list of names would select all rooms of the server
            response = await client.room.list_rooms(api.ListRoomsRequest(names=list(self._rooms)))
            present = {room.name: await _has_user(client, room.name) for room in response.rooms}
            self._rooms = {
                room: self._rooms[room] and not has_user
                for room, has_user in present.items()
                if self._rooms[room] or has_user
            }
        return len(self._rooms)

    async def _delete_room(self, client: api.LiveKitAPI, room: str) -> None:
        del self._rooms[room]
        with suppress(api.TwirpError):  # the room has ended already
            await services.delete_room(client, room)

    async def _delete_rooms(self) -> None:
        with suppress(ClientError, api.TwirpError, TimeoutError):
            async with services.open_client(self._server) as client:
                for room in list(self._rooms):
                    await self._delete_room(client, room)

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Reject requests of other sites, and forbid connections of the page to other servers."""
        if not is_local_request(request.headers.get("Host", ""), request.headers.get("Origin")):
            return _error(403, "not_this_machine", "Only this machine can use this page.")
        if request.method == "POST" and request.content_type != "application/json":
            return _error(415, "invalid_request", "The content type must be application/json.")
        try:
            response = await handler(request)
        except web.HTTPException as error:
            code = (error.reason or "error").lower().replace(" ", "_")
            response = _error(error.status, code, error.reason or "")
        http = self._server.url.replace("ws", "http", 1)
        response.headers["Content-Security-Policy"] = POLICY.format(
            urls=f"{self._server.url} {http}"
        )
        return response


def listen(port: int) -> socket.socket:
    """Bind a TCP port on loopback and listen on it.

    Args:
        port: The port; 0 selects a free one.

    Returns:
        The listening socket.

    Raises:
        ConfigError: Another process uses the port.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"The demo cannot listen on port {port} ({error.strerror}).",
            hint="Set DEMO_PORT to another port, or to 0 to select a free one.",
            code=ErrorCode.PORT_IN_USE,
        ) from error
    return listener


async def _has_user(client: api.LiveKitAPI, room: str) -> bool:
    """Return whether the user is in a room.

    The function lists the participants, because the room's participant count lags by seconds.
    """
    response = await client.room.list_participants(api.ListParticipantsRequest(room=room))
    return any(participant.identity == USER for participant in response.participants)


def _error(status: int, code: str, message: str) -> web.Response:
    body = json.dumps({"error": {"code": code, "message": message}})
    return web.Response(text=body, status=status, content_type="application/json")
