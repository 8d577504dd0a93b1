"""A fake of Anam's API for tests, with the shapes and statuses of its documentation."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

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
AVATARS = {"30fa96d0-26c4-4e55-94a0-517025942e18": "Cara"}
"""The names of the avatars that exist, by their ids."""
SIZES = {"cara-3": (720, 480), "cara-4": (1152, 768), "cara-4-latest": (1152, 768)}
"""The size of the video that each model supports, in pixels."""
DEFAULT_MODEL = "cara-4"


class FakeAnam(FakeVendor):
    """A fake of Anam's API.

    Like Anam, the fake cannot stop a session in a LiveKit room: the route responds with 404. The
    session ends when its worker leaves the room. The default model and the messages of errors are
    guesses; the statuses are documented.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "ANAM_API_URL": "{url}",
        "ANAM_API_KEY": "vendor-key",
        "ANAM_AVATAR_ID": "30fa96d0-26c4-4e55-94a0-517025942e18",
    }
    full = (429, "Concurrent session limit or spend cap reached")
    broke = (429, "Concurrent session limit or spend cap reached")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: str(uuid.uuid4())
        self._started: dict[str, str] = {}

    def operation_of(self, method: str, path: str) -> str:
        route = urlsplit(path).path
        if (method, route) == ("POST", "/v1/engine/session"):
            return "create"
        return "find" if (method, route) == ("GET", "/v1/sessions") else "other"

    def error_body(self, status: int, message: str) -> Any:
        return {"message": message}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise RefusedError(401, "Unauthorized - invalid API key")
        url = urlsplit(path)
        match method, url.path.strip("/").split("/"):
            case "POST", ["v1", "engine", "session"]:
                started = self._begin(read_object(body), worker)
                return json_response(200, {"sessionId": started.id})
            case "GET", ["v1", "sessions"]:
                return json_response(200, self._list(parse_qs(url.query)))
            case "GET", ["v1", "sessions", id] if session := self.account.find(id):
                return json_response(200, {**self._describe(session), "toolCalls": []})
            case "GET", ["v1", "avatars", id] if id in AVATARS:
                return json_response(200, {"id": id, "displayName": AVATARS[id]})
        raise RefusedError(404, "Not Found")

    def _begin(self, body: Mapping[str, Any], worker: Scenario) -> VendorSession:
        _check_persona(body)
        room = body.get("environment", {})
        url, token = read_text(room, "livekitUrl"), read_text(room, "livekitToken")
        check_room(url, token)
        limit_s = body["personaConfig"].get("maxSessionLengthSeconds")
        session = self.account.create_session(
            name=body.get("clientLabel", ""),
            token=token,
            livekit_url=url,
            scenario=worker,
            max_session_s=limit_s,
        )
        self._started[session.id] = _now()
        return session

    def _list(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        """Return a page of the sessions, newest first."""
        search, page = query.get("search", [""])[0], int(query.get("page", ["1"])[0])
        size = int(query.get("perPage", ["10"])[0])
        if page < 1 or not 1 <= size <= 100:
            raise RefusedError(400, "Bad request - Invalid query parameters")
        found = [
            self._describe(one)
            for one in reversed(self.account.sessions)
            if search in one.name or search in one.id
        ]
        last = max(1, -(-len(found) // size))
        meta = {"total": len(found), "lastPage": last, "currentPage": page, "perPage": size}
        return {"data": found[(page - 1) * size : page * size], "meta": meta}

    def _describe(self, session: VendorSession) -> dict[str, Any]:
        ended = session.ended_at is not None
        return {
            "id": session.id,
            "personaId": None,
            "clientLabel": session.name or None,
            "startTime": self._started.get(session.id),
            "endTime": _now() if ended else None,
            "exitStatus": "CLOSED_BY_ENGINE" if ended else None,
            "engineHost": None,
        }


def _check_persona(body: Mapping[str, Any]) -> None:
    """Refuse options that Anam's documentation excludes.

    Raises:
        RefusedError: An option is invalid.
    """
    persona, options = body.get("personaConfig"), body.get("sessionOptions", {})
    if not isinstance(persona, dict) or persona.get("avatarId") not in AVATARS:
        raise RefusedError(400, "Invalid request body or persona configuration: avatarId")
    notes = persona.get("directorNotes", {})
    if "presetStyle" in notes and "customStylePrompt" in notes:
        raise RefusedError(400, "presetStyle and customStylePrompt are mutually exclusive")
    if not 0 <= notes.get("expressivity", 0) <= 1:
        raise RefusedError(400, "expressivity must be between 0 and 1")
    size = options.get("videoWidth"), options.get("videoHeight")
    supported = SIZES.get(persona.get("avatarModel", DEFAULT_MODEL))
    if size not in ((None, None), supported):
        raise RefusedError(400, "The avatar model does not support this video size")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
