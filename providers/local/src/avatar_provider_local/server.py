"""The REST API of a local avatar server.

    POST   /v1/sessions        {"livekit_url": ..., "token": ..., "face": {...}}   201
    GET    /v1/sessions/{id}                                                       200
    DELETE /v1/sessions/{id}                                                       204
    GET    /v1/health                                                              200

Every call but the last carries the server's key in the header `X-Api-Key`. An error is
`{"error": {"code": ..., "message": ...}}`.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from avatar_provider_local.face.options import FaceOptions
from avatar_provider_local.sessions import Session, Sessions, State, TooManySessionsError

KEY_HEADER = "X-Api-Key"
RENDERER = "avatar_provider_local.face.renderer:FaceRenderer"
MAX_BODY = 64 * 1024
RETRY_AFTER_S = 5

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class CreateSession(BaseModel):
    """The body of a create.

    Attributes:
        livekit_url: Where the worker joins.
        token: What it joins with; names the room, the avatar and its agent.
        face: What is seen.
    """

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    livekit_url: str = Field(pattern=r"^(ws|wss|http|https)://[^/@]+")
    token: SecretStr
    face: FaceOptions = FaceOptions()


def application(key: str, limit: int) -> web.Application:
    """The server, to be run by aiohttp.

    Args:
        key: What callers must know.
        limit: Sessions at once.
    """
    sessions = Sessions(limit)
    app = web.Application(client_max_size=MAX_BODY, middlewares=[_told, _guard(key)])
    api = _Api(sessions)
    app.router.add_post("/v1/sessions", api.create)
    app.router.add_get("/v1/sessions/{id}", api.show)
    app.router.add_delete("/v1/sessions/{id}", api.end)
    app.router.add_get("/v1/health", api.health)

    async def close(_: web.Application) -> None:
        await sessions.aclose()

    app.on_shutdown.append(close)
    return app


class _Api:
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def create(self, request: web.Request) -> web.Response:
        try:
            wanted = CreateSession.model_validate_json(await request.read())
        except ValidationError as error:
            faults = error.errors(include_input=False, include_url=False, include_context=False)
            said = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']) or 'body'}: {fault['msg']}"
                for fault in faults
            )
            return _error(422, "invalid_request", said)
        try:
            session = self._sessions.create(
                RENDERER,
                livekit_url=wanted.livekit_url,
                token=wanted.token.get_secret_value(),
                options=wanted.face.model_dump(mode="json"),
            )
        except TooManySessionsError:
            answer = _error(
                429, "too_many_sessions", f"All {self._sessions.limit} sessions are in use."
            )
            answer.headers["Retry-After"] = str(RETRY_AFTER_S)
            return answer
        await session.settled()
        if session.state is State.ENDED:
            return _error(502, "worker_failed", session.reason)
        return web.json_response(_shown(session), status=201)

    async def show(self, request: web.Request) -> web.Response:
        session = self._sessions.get(request.match_info["id"])
        return web.json_response(_shown(session)) if session else _unknown()

    async def end(self, request: web.Request) -> web.Response:
        """Idempotent: an ended session ends again without an error."""
        session = self._sessions.get(request.match_info["id"])
        if session is None:
            return _unknown()
        session.end("it was ended")
        await session.over()
        return web.Response(status=204)

    async def health(self, request: web.Request) -> web.Response:
        sessions = self._sessions
        return web.json_response({"sessions": sessions.alive, "limit": sessions.limit})


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let aiohttp's own refusals look like ours."""
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        code = (refusal.reason or "error").lower().replace(" ", "_")
        return _error(refusal.status, code, refusal.reason or "")


def _guard(key: str) -> Callable[[web.Request, Handler], Awaitable[web.StreamResponse]]:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.headers.get(KEY_HEADER, "")
        if request.path != "/v1/health" and not secrets.compare_digest(
            given.encode(), key.encode()
        ):
            return _error(401, "wrong_key", f"The header {KEY_HEADER} holds no key of ours.")
        return await handler(request)

    return guard


def _shown(session: Session) -> dict[str, str]:
    return {"id": session.id, "state": session.state.value, "reason": session.reason}


def _unknown() -> web.Response:
    return _error(404, "unknown_session", "There is no session of this id.")


def _error(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
