"""The HTTP server of the gateway: the two routes of LiveKit's inference avatars, and its health."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError
from avatar_core.gateway.auth import check_token
from avatar_core.gateway.refusals import RefusalError
from avatar_core.gateway.schemas import CreateRequest, TerminateRequest
from avatar_core.gateway.session import Server
from avatar_core.gateway.sessions import FindProvider, Sessions

log = logging.getLogger("avatar_core")

MAX_BODY_BYTES = 64 * 1024
BODY_S = 10.0
"""Seconds that a client has to send its body."""
STOP_S = 10.0
"""Seconds that open requests have to complete when the gateway stops."""
LINGER_S = 1.0
"""Seconds for which the gateway reads the rest of a body that it refused."""
BACKLOG = 64

M = TypeVar("M", bound=BaseModel)


class Gateway:
    """The handlers of the routes.

    Args:
        server: The LiveKit server.
        sessions: The sessions of the gateway.
    """

    def __init__(self, server: Server, sessions: Sessions) -> None:
        self._livekit = server.livekit
        self._sessions = sessions

    def application(self) -> web.Application:
        """Create the aiohttp application.

        Returns:
            The application, whose routes also exist under `/v1`.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_report_refusals])
        for prefix in ("", "/v1"):
            app.router.add_post(f"{prefix}/avatar/sessions", self._create)
            app.router.add_post(f"{prefix}/avatar/sessions/terminate", self._terminate)
        app.router.add_get("/healthz", self._health)
        return app

    async def _create(self, request: web.Request) -> web.Response:
        check_token(request.headers.get("Authorization", ""), self._livekit)
        body = await _read(request, CreateRequest)
        key = request.headers.get("Idempotency-Key", "")
        response = await self._sessions.create(body, key)
        return web.json_response(response.model_dump())

    async def _terminate(self, request: web.Request) -> web.Response:
        check_token(request.headers.get("Authorization", ""), self._livekit)
        await self._sessions.terminate(await _read(request, TerminateRequest))
        return web.json_response({"status": "ended"})

    async def _health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok", "slots_free": self._sessions.free})


async def _read(request: web.Request, model: type[M]) -> M:
    fault = ""
    try:
        async with asyncio.timeout(BODY_S):
            body = json.loads(await request.read())
            if isinstance(body, dict):
                return model.model_validate(body)
            fault = "The body is not a JSON object."
    except web.HTTPRequestEntityTooLarge:
        raise RefusalError(413, f"The body is larger than {MAX_BODY_BYTES} bytes.") from None
    except TimeoutError:
        raise RefusalError(408, f"The body did not arrive within {BODY_S:g} s.") from None
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        fault = f"The body has errors: {'; '.join(faults)!s:.500}."
    except (ValueError, RecursionError):
        fault = "The body is not JSON."
    raise RefusalError(400, fault)


@web.middleware
async def _report_refusals(
    request: web.Request, handler: Callable[[web.Request], object]
) -> web.StreamResponse:
    try:
        return await handler(request)  # type: ignore[misc, no-any-return]
    except RefusalError as refusal:
        if refusal.status != 401:
            log.warning("The gateway refused a request (%d): %s", refusal.status, refusal.message)
        return web.json_response(refusal.body(), status=refusal.status, headers=refusal.headers())


async def serve(
    server: Server,
    find_provider: FindProvider,
    *,
    host: str,
    port: int,
    limit: int,
    say: Callable[[str], None],
) -> None:
    """Run a gateway until the task is cancelled; then end all its sessions.

    Args:
        server: The LiveKit server.
        find_provider: Creates a provider by name and variant.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        limit: The maximum number of sessions at the same time.
        say: Receives each line that the user must read.

    Raises:
        ConfigError: The gateway cannot listen on the host and port.
    """
    sessions = Sessions(server, find_provider, limit)
    app = Gateway(server, sessions).application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S, lingering_time=LINGER_S)
    await runner.setup()
    reaping = asyncio.create_task(sessions.reap_forever())
    try:
        await _listen(runner, host, port)
        bound = runner.addresses[0]
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        say(f"LIVEKIT_INFERENCE_URL=http://{name}:{bound[1]} serves up to {limit} avatars.")
        await asyncio.get_running_loop().create_future()
    finally:
        reaping.cancel()
        with suppress(asyncio.CancelledError):
            await reaping
        await sessions.aclose()
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            fault = f"The port {port} of {host} is in use already."
            hint = "Choose another port with --port."
        else:
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else str(error.strerror)
            fault, hint = f"The gateway cannot listen on {host} ({why.lower()}).", "Check --host."
    else:
        return
    raise ConfigError(fault, hint=hint, code=ErrorCode.PORT_IN_USE)
