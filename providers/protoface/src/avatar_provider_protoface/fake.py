"""A fake of Protoface's API for tests, with the shapes and statuses of its OpenAPI document."""

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from avatar_core.testing import (
    FakeResponse,
    FakeVendor,
    RefusedError,
    Scenario,
    VendorSession,
    check_room,
    json_response,
    read_object,
    read_text,
)

QUIET = Scenario()
PLAN_LIMIT_S = 1200
"""The longest session of the fake account in seconds, as in the plan "Launch"."""
AVATARS = {"av_stock_001": "ready", "av_new": "processing"}
FIELDS = {"avatar_id", "transport", "quality", "idle_timeout_seconds", "max_duration_seconds"}
FIELDS |= {"metadata"}
TRANSPORT = {"type", "url", "room_name", "worker_token", "worker_identity", "audio_source"}
TYPES = {
    400: ("invalid_request", "body.invalid"),
    401: ("authentication", "api_key.invalid"),
    402: ("quota_exceeded", "insufficient_credit_balance"),
    403: ("permission", "permission.denied"),
    404: ("not_found", "session.not_found"),
    409: ("conflict", "idempotency_key.conflict"),
    422: ("unprocessable", "body.unprocessable"),
    429: ("quota_exceeded", "concurrent_sessions"),
    503: ("service_unavailable", "at_capacity"),
}
"""Type and code of an error by its status. Most codes are examples: Protoface has no list."""


class FakeProtoface(FakeVendor):
    """A fake of Protoface's API.

    Like Protoface, the fake repeats the first response for an idempotency key, refuses the key for
    another request body, and accepts the end of a session that has ended.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.

    Attributes:
        balance: The credits of the account, which `GET /v1/billing/quota` returns.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "PROTOFACE_API_URL": "{url}",
        "PROTOFACE_API_KEY": "vendor-key",
        "PROTOFACE_AVATAR_ID": "",
    }
    full = (429, "Org org_1 already has the maximum of concurrent sessions.")
    broke = (402, "The account has no usable credits.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: f"sess_{secrets.token_hex(13).upper()}"
        self.balance = 1240
        self._created: dict[str, tuple[dict[str, Any], VendorSession]] = {}
        self._bodies: dict[str, tuple[dict[str, Any], str]] = {}

    def error_body(self, status: int, message: str) -> Any:
        kind, code = TYPES.get(status, ("internal", "internal"))
        details = {"type": kind, "code": code, "message": message, "param": None}
        return {"error": {**details, "request_id": f"req_{secrets.token_hex(8)}"}}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise RefusedError(401, "Invalid API key.")
        match method, urlsplit(path).path.strip("/").split("/"):
            case "POST", ["v1", "sessions"]:
                key = headers.get("idempotency-key", "") if self._idempotent else ""
                return json_response(201, self._create_session(key, read_object(body), worker))
            case "GET", ["v1", "sessions", id]:
                return json_response(200, self._describe(self._session(id)))
            case "POST", ["v1", "sessions", id, "end"]:
                self.account.end(self._session(id), "it was ended")
                return json_response(200, self._describe(self._session(id)))
            case "GET", ["v1", "avatars", id] if id in AVATARS:
                return json_response(200, {"object": "avatar", "id": id, "status": AVATARS[id]})
            case "GET", ["v1", "billing", "quota"]:
                plan = {"plan_key": "launch", "status": "active", "balance_credits": self.balance}
                return json_response(200, {**plan, "can_start_session": self.balance > 0})
        raise RefusedError(404, "There is no such resource.")

    def _create_session(self, key: str, body: dict[str, Any], worker: Scenario) -> dict[str, Any]:
        if key in self._created:
            first, session = self._created[key]
            if body != first:
                raise RefusedError(409, "The idempotency key was used for another request.")
            return self._describe(session)
        room = body.get("transport")
        if not isinstance(room, dict) or body.keys() - FIELDS or room.keys() - TRANSPORT:
            raise RefusedError(400, "The request body has an unknown field or no transport.")
        if room.get("type") != "livekit":
            raise RefusedError(400, "transport.type is not supported")
        status = AVATARS.get(avatar := read_text(body, "avatar_id"))
        if status is None:
            raise RefusedError(422, "The avatar does not exist.")
        if status != "ready":
            raise RefusedError(409, "The avatar is not ready.")
        url, token = read_text(room, "url"), read_text(room, "worker_token")
        read_text(room, "room_name")
        check_room(url, token)
        wanted_s = body.get("max_duration_seconds") or PLAN_LIMIT_S
        session = self.account.create_session(
            name=avatar,
            key=key,
            token=token,
            livekit_url=url,
            scenario=worker,
            max_session_s=min(wanted_s, PLAN_LIMIT_S),
        )
        self._bodies[session.id] = (body, datetime.now(UTC).isoformat())
        if key:
            self._created[key] = (body, session)
        return self._describe(session)

    def _session(self, id: str) -> VendorSession:
        session = self.account.find(id)
        if session is None:
            raise RefusedError(404, "No session with that id.")
        return session

    def _describe(self, session: VendorSession) -> dict[str, Any]:
        body, created_at = self._bodies[session.id]
        started = session.worker_joined
        status = "running" if started else "queued"
        if session.ended_at is not None:
            status = "ended" if started else "canceled"
        return {
            "object": "session",
            "id": session.id,
            "status": status,
            "avatar_id": body["avatar_id"],
            "transport": {**body["transport"], "worker_token": "[redacted]"},
            "quality": body.get("quality", "standard"),
            "max_duration_seconds": int(session.max_session_s),
            "idle_timeout_seconds": body.get("idle_timeout_seconds", 30),
            "metadata": body.get("metadata", {}),
            "created_at": created_at,
            "usage": {"billable_seconds": int(self.account.billed_s(session)), "frames": 0},
        }
