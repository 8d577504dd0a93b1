"""The REST API of a local avatar server, as docs/local-server.md describes it.

    POST   /v1/sessions              create a session from its JSON body            201
    GET    /v1/sessions/{id}?wait=s  return its state; wait up to s for its end     200
    DELETE /v1/sessions/{id}         end the session                                204
    GET    /v1/health                return the number of sessions and the limit    200

The body of the POST request has the keys `livekit_url`, `token` and `face`. All calls except
`/v1/health` need the server's key in the header `X-Api-Key`. The body of an error is
`{"error": {"code": ..., "message": ...}}`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import SecretStr, ValidationError

from avatar_core import start_worker
from avatar_provider_local import RENDERER
from avatar_provider_local.schemas import CreateSession, SessionView
from avatar_provider_local.sessions import FullError, Session, Sessions, State, StoppingError

log = logging.getLogger("avatar_provider_local")

KEY_HEADER = "X-Api-Key"
IDEMPOTENCY_HEADER = "Idempotency-Key"
LONGEST_KEY = 200
"""Maximum length of an idempotency key, in characters."""
LONGEST_MESSAGE = 600
"""Maximum length of an error message, in characters; the rest is cut."""
MAX_BODY = 64 * 1024
"""Maximum size of a request body, in bytes."""
BODY_S = 10.0
"""Seconds that a client has to send its body."""
MAX_WAIT_S = 60.0
"""Maximum of the query parameter `wait`, in seconds."""
RETRY_AFTER_S = 5
"""Value of the header `Retry-After` if all sessions are in use, in seconds."""

SESSIONS = web.AppKey("sessions", Sessions)


Starter = Callable[[CreateSession], Awaitable[Mapping[str, Any]]]
"""A function that starts a worker, and returns its record once it is in the room."""


async def start_face(wanted: CreateSession) -> Mapping[str, Any]:
    """Start a worker process that draws the face, and wait until the worker is in the room.

    Args:
        wanted: The body of the create request.

    Returns:
        The worker's record, for `stop_worker` and `worker_exited`.

    Raises:
        WorkerError: The process cannot be started, or ended before it was ready.
    """
    return await start_worker(
        RENDERER,
        livekit_url=wanted.livekit_url,
        token=wanted.token.get_secret_value(),
        options=wanted.face.face(),
    )


def application(key: SecretStr, limit: int, start: Starter = start_face) -> web.Application:
    """Create the aiohttp application of the server; run it with `handler_cancellation=True`.

    Args:
        key: Key that clients must send in `X-Api-Key`.
        limit: Maximum number of sessions at the same time.
        start: The function that starts the worker of a session.

    Returns:
        The application; it ends all sessions when it shuts down.
    """
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_report, _guard(key)])
    app[SESSIONS] = sessions = Sessions(limit)
    api = _Api(sessions, start)
    app.router.add_post("/v1/sessions", api.create)
    app.router.add_get("/v1/sessions/{id}", api.show)
    app.router.add_delete("/v1/sessions/{id}", api.end)
    app.router.add_get("/v1/health", api.health)

    async def close(_: web.Application) -> None:
        """End all sessions when the application shuts down."""
        await sessions.aclose()

    app.on_shutdown.append(close)
    return app


class RefusedError(Exception):
    """An error that the API returns to its client.

    Args:
        status: HTTP status of the response.
        code: Error code in the body of the response, for programs.
        message: Error message in the body of the response, for people.
        **headers: Headers of the response.

    Attributes:
        status: HTTP status of the response.
        code: Error code in the body of the response.
        headers: Headers of the response.
    """

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


class _Api:
    """The handlers of the server's routes.

    Args:
        sessions: The sessions of the server.
        start: The function that starts the worker of a session.
    """

    def __init__(self, sessions: Sessions, start: Starter) -> None:
        self._sessions = sessions
        self._start = start

    async def create(self, request: web.Request) -> web.Response:
        """Create a session, and respond once the avatar of the session is in the room.

        If all clients of a session disconnect before they get a response, the session ends.

        Args:
            request: The request, with a `CreateSession` as its body.

        Returns:
            A response with status 201 and a `SessionView` as JSON.

        Raises:
            RefusedError: The request is invalid, the server is full or stopping, or the worker
                failed.
        """
        key = request.headers.get(IDEMPOTENCY_HEADER, "")
        if len(key) > LONGEST_KEY:
            what = f"The header {IDEMPOTENCY_HEADER} is longer than {LONGEST_KEY} characters."
            raise RefusedError(400, "invalid_key", what)
        wanted = _read(await _body(request))
        try:
            session = await self._sessions.create(lambda: self._start(wanted), key)
        except FullError:
            what = f"All {self._sessions.limit} sessions of this server are in use."
            wait = {"Retry-After": str(RETRY_AFTER_S)}
            raise RefusedError(429, "too_many_sessions", what, **wait) from None
        except StoppingError:
            raise RefusedError(503, "stopping", "This server is stopping.") from None
        await session.ready()
        if session.state is State.ENDED:
            what = f"The avatar did not join the room: {session.reason}"
            raise RefusedError(424, "worker_failed", what)
        return _shown(SessionView.of(session), 201)

    async def show(self, request: web.Request) -> web.Response:
        """Return the state of a session; the query `?wait=s` waits up to `s` seconds for its end.

        Args:
            request: The request, with the id in its path.

        Returns:
            A response with status 200 and a `SessionView` as JSON.

        Raises:
            RefusedError: The id is unknown, or `wait` is not between 0 and 60 seconds.
        """
        session = self._named(request)
        try:
            wait_s = float(request.query.get("wait", "0"))
        except ValueError:
            wait_s = -1.0
        if not 0 <= wait_s <= MAX_WAIT_S:
            what = f"The parameter wait must be from 0 to {MAX_WAIT_S:g} seconds."
            raise RefusedError(400, "invalid_request", what)
        if wait_s:
            with suppress(TimeoutError):  # the session still runs: the response says so
                async with asyncio.timeout(wait_s):
                    await session.ended()
        return _shown(SessionView.of(session), 200)

    async def end(self, request: web.Request) -> web.Response:
        """End a session, and respond once the worker of the session has exited.

        Args:
            request: The request, with the id in its path.

        Returns:
            A response with status 204 and no body.

        Raises:
            RefusedError: The id is unknown.
        """
        session = self._named(request)
        session.end("it was ended")
        await session.ended()
        return web.Response(status=204)

    async def health(self, request: web.Request) -> web.Response:
        """Return the number of sessions that have not ended, and the limit.

        Args:
            request: The request; not used.

        Returns:
            A response with status 200 and the JSON object `{"sessions": ..., "limit": ...}`.
        """
        sessions = self._sessions
        return web.json_response({"sessions": sessions.alive, "limit": sessions.limit})

    def _named(self, request: web.Request) -> Session:
        session = self._sessions.get(request.match_info["id"])
        if session is None:
            raise RefusedError(404, "unknown_session", "This server has no session with this id.")
        return session


async def _body(request: web.Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        what = f"The request body did not arrive within {BODY_S:g} s."
        raise RefusedError(408, "late_body", what) from None
    except web.RequestPayloadError:
        what = "The request body does not match its Content-Encoding or Transfer-Encoding header."
        raise RefusedError(400, "invalid_json", what) from None
    except web.HTTPRequestEntityTooLarge:
        what = f"The request body is longer than {MAX_BODY} bytes."
        raise RefusedError(413, "body_too_large", what) from None


def _read(body: bytes) -> CreateSession:
    try:
        return CreateSession.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
    if faults[0]["type"] == "json_invalid":
        raise RefusedError(400, "invalid_json", "The request body is not valid JSON.")
    said = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    raise RefusedError(422, "invalid_request", said.replace("Value error, ", ""))


@web.middleware
async def _report(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Convert all errors to the same JSON structure, including errors of aiohttp and defects."""
    try:
        return await handler(request)
    except RefusedError as refused:
        error = refused
    except web.HTTPException as refusal:
        reason = refusal.reason or "error"
        error = RefusedError(refusal.status, reason.lower().replace(" ", "_"), f"{reason}.")
    except Exception:
        log.exception("The handler of the request for %s raised an unexpected error.", request.path)
        error = RefusedError(
            500, "internal", "The server raised an unexpected error; its log contains the details."
        )
    reported = {"code": error.code, "message": str(error)[:LONGEST_MESSAGE]}
    return web.json_response({"error": reported}, status=error.status, headers=error.headers)


def _guard(key: SecretStr) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse a request without the server's API key; the path `/v1/health` needs no key.

        Args:
            request: The request.
            handler: The next handler.

        Returns:
            The response of the next handler.

        Raises:
            RefusedError: The header `X-Api-Key` does not contain the server's key.
        """
        given = request.headers.get(KEY_HEADER, "").encode(errors="surrogateescape")
        right = secrets.compare_digest(given, key.get_secret_value().encode())
        if request.path != "/v1/health" and not right:
            raise RefusedError(
                401,
                "wrong_key",
                f"The header {KEY_HEADER} does not contain the key of this server.",
            )
        return await handler(request)

    return guard


def _shown(view: SessionView, status: int) -> web.Response:
    return web.Response(status=status, text=view.model_dump_json(), content_type="application/json")
