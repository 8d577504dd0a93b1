"""A fake of LemonSlice's API for tests, with the shapes and statuses of its documentation."""

import uuid
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
FIELDS = {"agent_id", "agent_image_url", "agent_prompt", "agent_idle_prompt", "idle_timeout"}
FIELDS |= {"response_done_timeout", "model", "action_engine", "aspect_ratio", "simulcast"}
FIELDS |= {"audio_sample_rate", "transport_type", "properties"}
EVENTS = {
    "update-agent-prompt": {"agent_prompt"},
    "update-idle-prompt": {"idle_prompt"},
    "update-image": {"image_url", "image_base64"},
    "pose-trigger": {"pose_trigger"},
    "reset-idle-timeout": set[str](),
    "terminate": set[str](),
}
"""The control events, and the keys of each event."""
AGENTS = {"agent_abc123"}
MOST_IMAGE_CHARS = 1_200_000
"""The length of 900 KB in base64."""
TERMINATED = "it was terminated"


class FakeLemonSlice(FakeVendor):
    """A fake of LemonSlice's API.

    Like LemonSlice, the fake reports a session as QUEUED until its worker has joined. The statuses
    429, for too many sessions, and 404, for an event to a session that has ended, are guesses.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.

    Attributes:
        events: The control events that arrived, without `terminate`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "LEMONSLICE_API_URL": "{url}/api",
        "LEMONSLICE_API_KEY": "vendor-key",
        "LEMONSLICE_AGENT_ID": "agent_abc123",
    }
    full = (429, "Concurrency limit reached.")
    broke = (402, "Insufficient funds.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: f"livekit-{uuid.uuid4()}"
        self.events: list[dict[str, Any]] = []
        self._created_at: dict[str, str] = {}

    def operation_of(self, method: str, path: str) -> str:
        ends = urlsplit(path).path.endswith("/control")
        return "find" if method == "GET" else "end" if ends else "create"

    def error_body(self, status: int, message: str) -> Any:
        return {"detail": message}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if headers.get("x-api-key") not in self.keys:
            raise RefusedError(401, "Invalid API key.")
        match method, urlsplit(path).path.strip("/").split("/"):
            case "POST", ["api", "liveai", "sessions"]:
                id = self._create_session(read_object(body), worker)
                return json_response(201, {"session_id": id})
            case "GET", ["api", "liveai", "sessions"]:
                shown = [self._describe(one) for one in reversed(self.account.sessions)]
                pages = {"page": 1, "limit": 25, "total_pages": 1, "has_more": False}
                pagination = {**pages, "total": len(shown)}
                return json_response(200, {"sessions": shown, "pagination": pagination})
            case "GET", ["api", "liveai", "sessions", id]:
                return json_response(200, {"session_status": _status(self._session(id))})
            case "POST", ["api", "liveai", "sessions", id, "control"]:
                self._control(self._session(id), read_object(body))
                return json_response(200, {"success": True})
        raise RefusedError(404, "Not found")

    def _create_session(self, body: dict[str, Any], worker: Scenario) -> str:
        if unknown := body.keys() - FIELDS:
            raise RefusedError(400, f"Unknown field: {min(unknown)}")
        if ("agent_id" in body) == ("agent_image_url" in body):
            raise RefusedError(400, "Provide either agent_id or agent_image_url.")
        if body.get("agent_id", "agent_abc123") not in AGENTS:
            raise RefusedError(404, "Agent not found")
        room = body.get("properties")
        if body.get("transport_type") != "livekit" or not isinstance(room, dict):
            raise RefusedError(400, "transport_type must be livekit, with properties.")
        url, token = read_text(room, "livekit_url"), read_text(room, "livekit_token")
        check_room(url, token)
        session = self.account.create_session(
            name=str(body.get("agent_id", "")), token=token, livekit_url=url, scenario=worker
        )
        self._created_at[session.id] = datetime.now(UTC).isoformat()
        return session.id

    def _control(self, session: VendorSession, body: dict[str, Any]) -> None:
        event = read_text(body, "event")
        if event not in EVENTS or body.keys() - EVENTS[event] - {"event"}:
            raise RefusedError(400, "Invalid control event.")
        if event != "terminate" and not body.keys() & EVENTS[event] and EVENTS[event]:
            raise RefusedError(400, f"The event {event} lacks a field.")
        if len(body.get("image_base64", "")) > MOST_IMAGE_CHARS:
            raise RefusedError(413, "The image is too large.")
        if session.ended_at is not None:
            raise RefusedError(404, "The session has ended.")
        if event == "terminate":
            self.account.end(session, TERMINATED)
        else:
            self.events.append(body)

    def _session(self, id: str) -> VendorSession:
        session = self.account.find(id)
        if session is None:
            raise RefusedError(404, "Session not found")
        return session

    def _describe(self, session: VendorSession) -> dict[str, Any]:
        return {
            "session_id": session.id,
            "session_status": _status(session),
            "created_at": self._created_at[session.id],
            "credits_used": None,
            "provider": "livekit",
        }


def _status(session: VendorSession) -> str:
    if session.ended_at is None:
        return "ACTIVE" if session.worker_joined else "QUEUED"
    return "COMPLETED" if session.worker_joined or session.end_reason == TERMINATED else "TIMED_OUT"
