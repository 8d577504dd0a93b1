"""A fake of LiveAvatar's API and its sockets for tests, in the shapes of its documentation."""

import base64
import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from avatar_core.testing import (
    Command,
    FakeResponse,
    RefusedError,
    Scenario,
    SocketVendor,
    check_room,
    json_response,
    read_object,
    read_text,
)

QUIET = Scenario()
SANDBOX_AVATAR = "dd73ea75-1218-4ef3-92ce-606d5f7fbc0a"
AVATARS = {
    SANDBOX_AVATAR: "ACTIVE",
    "0930fd59-c8ad-434d-ad53-b391a1768720": "ACTIVE",
    "64b526e4-741c-43b6-a918-4e40f3261c7a": "DEPLOYING",
}
LIMIT_S = 1200
"""The longest session of the fake account in seconds. The limits of the plans are not known."""
FIELDS = {"mode", "avatar_id", "is_sandbox", "video_settings", "max_session_duration"}
FIELDS |= {"livekit_config", "video_quality"}
"""Fields of the request for a token. `video_quality` is an undocumented field of the plugin."""
KINDS = {
    "agent.speak_end": "end",
    "agent.interrupt": "cut",
    "session.keep_alive": "alive",
}


class FakeLiveAvatar(SocketVendor):
    """A fake of LiveAvatar, whose avatars play the audio of `agent.speak` in a room in memory.

    A session exists from its token on, but the account counts a session from its start on.

    Args:
        *args: Positional arguments of `SocketVendor`.
        **options: Keyword arguments of `SocketVendor`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "LIVEAVATAR_API_URL": "{url}",
        "LIVEAVATAR_API_KEY": "vendor-key",
        "LIVEAVATAR_AVATAR_ID": "0930fd59-c8ad-434d-ad53-b391a1768720",
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._created: dict[str, tuple[str, dict[str, Any]]] = {}

    def operation_of(self, method: str, path: str) -> str:
        last = urlsplit(path).path.rpartition("/")[2]
        return {"token": "token", "start": "create", "stop": "end"}.get(last, "find")

    def error_body(self, status: int, message: str) -> Any:
        return {"code": status * 10, "data": None, "message": message}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        parts = urlsplit(path).path.strip("/").split("/")
        if (method, parts) == ("POST", ["v1", "sessions", "start"]):
            return _respond(201, self._start_session(bearer, worker))
        session_id = str(read_object(body).get("session_id", "")) if method == "POST" else ""
        is_stop = (method, parts) == ("POST", ["v1", "sessions", "stop"])
        is_owner = is_stop and bearer and self._created.get(session_id, ("",))[0] == bearer
        if headers.get("x-api-key") not in self.keys and not is_owner:
            raise RefusedError(401, "Invalid API key.")
        match method, parts:
            case "POST", ["v1", "sessions", "token"]:
                return _respond(200, self._create_token(read_object(body)))
            case "POST", ["v1", "sessions", "stop"]:
                if session_id not in self._created:
                    raise RefusedError(404, "Session not found.")
                if (session := self.account.find(session_id)) is not None:
                    self.account.end(session, "it was stopped")
                return _respond(200, None)
            case "GET", ["v1", "sessions", id] if id in self._created:
                session = self.account.find(id)
                is_over = session is not None and session.ended_at is not None
                return _respond(200, {"id": id, **({"end_at": "2026-11-30"} if is_over else {})})
            case "GET", ["v1", "avatars", id] if id in AVATARS:
                return _respond(200, {"id": id, "name": "Wayne", "status": AVATARS[id]})
        raise RefusedError(404, "Not found.")

    def _create_token(self, body: dict[str, Any]) -> dict[str, str]:
        room = body.get("livekit_config")
        if body.get("mode") != "LITE" or body.keys() - FIELDS or not isinstance(room, dict):
            raise RefusedError(422, "The request body is invalid.")
        if read_text(body, "avatar_id") not in AVATARS:
            raise RefusedError(404, "Avatar not found.")
        if body.get("is_sandbox") and body["avatar_id"] != SANDBOX_AVATAR:
            raise RefusedError(400, "The sandbox does not support this avatar.")
        read_text(room, "livekit_room")
        check_room(read_text(room, "livekit_url"), read_text(room, "livekit_client_token"))
        id, token = str(uuid4()), f"session-token-{len(self._created) + 1:012d}"
        self._created[id] = token, body
        return {"session_id": id, "session_token": token}

    def _start_session(self, bearer: str, worker: Scenario) -> dict[str, Any]:
        found = [id for id, (token, _) in self._created.items() if token == bearer]
        if not found:
            raise RefusedError(401, "Invalid session token.")
        (id,), body = found, self._created[found[0]][1]
        if self.account.find(id) is not None:
            raise RefusedError(400, "The session has started already.")
        limit_s = 60 if body.get("is_sandbox") else body.get("max_session_duration") or LIMIT_S
        room = body["livekit_config"]
        self.account.make_id = lambda: id
        session = self.account.create_session(
            name=body["avatar_id"],
            token=room["livekit_client_token"],
            livekit_url=room["livekit_url"],
            scenario=worker,
            max_session_s=limit_s,
        )
        shown = {"livekit_url": room["livekit_url"], "livekit_client_token": "a token of the user"}
        limits = {"max_session_duration": limit_s, "ws_url": self.socket_url(session)}
        return {"session_id": session.id, **shown, **limits}

    def read_command(self, message: str | bytes) -> Command:
        """Decode a command event.

        Args:
            message: The event as JSON.

        Returns:
            The command.

        Raises:
            ValueError: The message is malformed.
        """
        event = json.loads(message)
        if event["type"] == "agent.speak":
            return Command("audio", pcm=base64.b64decode(event["audio"], validate=True))
        kind: Any = KINDS.get(event["type"], "other")
        return Command(kind)

    def encode_report(self, kind: str, take_id: str, played_s: float) -> list[str | bytes]:
        """Encode a response event; LiveAvatar reports no positions.

        Args:
            kind: `ready`, `started`, `position`, `finished` or `cut`.
            take_id: The id of the take, which LiveAvatar does not know.
            played_s: Seconds of the take that were played, which LiveAvatar does not report.

        Returns:
            The events.
        """
        task = {"event_id": str(uuid4()), "task": {"id": str(uuid4())}}
        events: dict[str, dict[str, Any]] = {
            "ready": {"type": "session.state_updated", "state": "connected"},
            "started": {"type": "agent.speak_started", **task},
            "finished": {"type": "agent.speak_ended", **task},
            "cut": {"type": "agent.speak_interrupted", **task},
        }
        return [json.dumps(events[kind])] if kind in events else []


def _respond(status: int, data: Any) -> FakeResponse:
    return json_response(status, {"code": 100, "data": data, "message": "success"})
