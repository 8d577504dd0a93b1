"""A fake of Simli's API for tests, with the shapes and statuses of its documentation."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from avatar_core.testing import (
    FakeResponse,
    FakeVendor,
    RefusedError,
    Scenario,
    check_room,
    json_response,
    read_object,
    read_text,
)

QUIET = Scenario()
FACES = {"cace3ef7-a4c4-425d-a8cf-a5358eb0c427", "b9e5fba3-071a-4e35-896e-211c4d6eaa7b"}
"""The ids of the faces that exist."""


class FakeSimli(FakeVendor):
    """A fake of Simli's API.

    Like Simli, the fake needs the API key for a session token only. A token starts one session. The
    statuses 401, 402 and 429 and the messages are guesses. A session ends at its maximum length, or
    when its worker leaves the room; the fake does not apply the idle time.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "SIMLI_API_URL": "{url}",
        "SIMLI_API_KEY": "vendor-key",
        "SIMLI_FACE_ID": "cace3ef7-a4c4-425d-a8cf-a5358eb0c427",
    }
    full = (429, "Too many concurrent sessions")
    broke = (402, "No minutes left")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: str(uuid.uuid4())
        self._configs: dict[str, dict[str, Any]] = {}
        self._tokens = 0

    def operation_of(self, method: str, path: str) -> str:
        routes = {"/integrations/livekit/agents": "create", "/compose/token": "token"}
        return routes.get(urlsplit(path).path, "other")

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
        match method, urlsplit(path).path:
            case "POST", "/compose/token":
                if headers.get("x-simli-api-key") not in self.keys:
                    raise RefusedError(401, "Invalid API key")
                return json_response(200, {"session_token": self._make_token(read_object(body))})
            case "POST", "/integrations/livekit/agents":
                return json_response(200, self._begin(read_object(body), worker))
        raise RefusedError(404, "Not Found")

    def _make_token(self, body: dict[str, Any]) -> str:
        face, _, _ = read_text(body, "faceId").partition("/")
        if face not in FACES:
            raise RefusedError(400, "INVALID_FACE_ID")
        self._tokens += 1
        token = f"session-token-{self._tokens}"  # the same in every run, for golden files
        self._configs[token] = body
        return token

    def _begin(self, body: Mapping[str, Any], worker: Scenario) -> dict[str, str]:
        url, token = read_text(body, "livekit_url"), read_text(body, "livekit_token")
        check_room(url, token)
        config = self._configs.pop(read_text(body, "session_token"), None)
        if config is None:
            raise RefusedError(400, "Invalid session token")
        session = self.account.create_session(
            name="",
            token=token,
            livekit_url=url,
            scenario=worker,
            max_session_s=config.get("maxSessionLength", 3600),
        )
        return {"status": "ok", "session_id": session.id, "destination": ""}
