"""A fake of Runway's API for tests, with the shapes and statuses of its OpenAPI document."""

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
VERSION = "2024-11-06"
READY_AVATAR = "3f7c2b91-9e1f-4a6a-8e9d-2c7c3e7d9b5a"
"""The id of a custom avatar that is ready."""
AVATARS = {READY_AVATAR: "READY", "0b0d1a2b-9e1f-4a6a-8e9d-2c7c3e7d9b5a": "PROCESSING"}
PRESETS = {"game-character", "music-superstar", "game-character-man", "cat-character"}
PRESETS |= {"influencer", "tennis-coach", "human-resource", "fashion-designer", "cooking-teacher"}
FIELDS = {"model", "avatar", "maxDuration", "personality", "startScript", "tools"}
FIELDS |= {"integration", "livekit"}


class FakeRunway(FakeVendor):
    """A fake of Runway's API.

    Like Runway, the fake requires the header `X-Runway-Version`, refuses unknown keys, and also
    accepts the room under the older key `livekit`. The response to a project without credits is the
    one that users of other endpoints report.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.

    Attributes:
        balance: The credits of the project, which `GET /v1/organization` returns.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "RUNWAYML_BASE_URL": "{url}",
        "RUNWAYML_API_SECRET": "vendor-key",
        "RUNWAYML_AVATAR_ID": "",
        "RUNWAYML_PRESET_ID": "cat-character",
    }
    full = (429, "Too many requests.")
    broke = (400, "You do not have enough credits to run this task.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: str(uuid.uuid4())
        self.balance = 1000
        self._created_at: dict[str, str] = {}

    def operation_of(self, method: str, path: str) -> str:
        return {"POST": "create", "DELETE": "end"}.get(method, "find")

    def error_body(self, status: int, message: str) -> Any:
        return {"error": message, "docUrl": "https://docs.dev.runwayml.com/api"}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise RefusedError(401, "The API key is not valid.")
        if headers.get("x-runway-version") != VERSION:
            raise RefusedError(400, "The header X-Runway-Version is missing or not valid.")
        match method, urlsplit(path).path.strip("/").split("/"):
            case "POST", ["v1", "realtime_sessions"]:
                return json_response(200, {"id": self._create_session(read_object(body), worker)})
            case "GET", ["v1", "realtime_sessions", id]:
                return json_response(200, self._describe(self._session(id)))
            case "DELETE", ["v1", "realtime_sessions", id]:
                self.account.end(self._session(id), "it was cancelled")
                return FakeResponse(204)
            case "GET", ["v1", "avatars", id] if id in AVATARS:
                return json_response(200, {"id": id, "status": AVATARS[id]})
            case "GET", ["v1", "organization"]:
                return json_response(200, {"creditBalance": self.balance, "tier": {}, "usage": {}})
        raise RefusedError(404, "Not found.")

    def _create_session(self, body: dict[str, Any], worker: Scenario) -> str:
        if unknown := body.keys() - FIELDS:
            raise RefusedError(400, f'Unrecognized key: "{min(unknown)}"')
        if body.get("model") != "gwm1_avatars":
            raise RefusedError(400, "The model is not valid.")
        match body.get("avatar"):
            case {"type": "custom", "avatarId": str(id)}:
                if AVATARS.get(id) != "READY":
                    raise RefusedError(404, "The avatar does not exist or is not ready.")
            case {"type": "runway-preset", "presetId": str(id)} if id in PRESETS:
                pass
            case _:
                raise RefusedError(400, "The avatar is not valid.")
        room = body.get("integration") or {**(body.get("livekit") or {}), "type": "livekit"}
        if room.get("type") != "livekit":
            raise RefusedError(400, "The fake supports the integration livekit only.")
        url, token = read_text(room, "url"), read_text(room, "token")
        read_text(room, "roomName")
        check_room(url, token)
        session = self.account.create_session(
            name=id,
            token=token,
            livekit_url=url,
            scenario=worker,
            max_session_s=body.get("maxDuration", 300),
        )
        self._created_at[session.id] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return session.id

    def _session(self, id: str) -> VendorSession:
        session = self.account.find(id)
        if session is None:
            raise RefusedError(404, "The session does not exist.")
        return session

    def _describe(self, session: VendorSession) -> dict[str, Any]:
        shown = {"id": session.id, "createdAt": self._created_at[session.id]}
        if session.ended_at is None:
            return {**shown, "status": "RUNNING" if session.worker_joined else "NOT_READY"}
        if session.end_reason == "it was cancelled":
            return {**shown, "status": "CANCELLED"}
        if not session.worker_joined:
            failure = {"failure": session.end_reason, "failureCode": "INTERNAL"}
            return {**shown, "status": "FAILED", **failure}
        duration = {"duration": int(self.account.billed_s(session))}
        return {**shown, "status": "COMPLETED", **duration}
