"""A fake of Beyond Presence's API for tests, with the shapes and statuses of its documentation."""

import uuid
from collections.abc import Mapping
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
AVATARS = {
    "b9be11b8-89fb-4227-8f86-4a881393cbdb": "available",
    "01234567-89ab-cdef-0123-456789abcdef": "training",
}
"""The status of each avatar, by its id."""


class FakeBey(FakeVendor):
    """A fake of Beyond Presence's API.

    Like Beyond Presence, the fake validates a request with status 422 and a list of errors, and has
    no call that ends a session: a session ends when its worker leaves the room. The statuses are
    documented, except 404 for an unknown avatar; the messages are guesses.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "BEY_API_URL": "{url}",
        "BEY_API_KEY": "vendor-key",
        "BEY_AVATAR_ID": "",
    }
    full = (429, "Concurrent session limit reached.")
    broke = (402, "Usage limit reached.")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: str(uuid.uuid4())
        self._avatars: dict[str, str] = {}

    def operation_of(self, method: str, path: str) -> str:
        created = (method, urlsplit(path).path) == ("POST", "/v1/sessions")
        return "create" if created else "other"

    def error_body(self, status: int, message: str) -> Any:
        if status == 422:
            return {"detail": [{"loc": ["body"], "msg": message, "type": "value_error"}]}
        return {"detail": message}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if "x-api-key" not in headers:
            raise RefusedError(401, "API key is required.")
        if headers["x-api-key"] not in self.keys:
            raise RefusedError(401, "Invalid API key.")
        match method, urlsplit(path).path.strip("/").split("/"):
            case "POST", ["v1", "sessions"]:
                return json_response(201, self._begin(read_object(body), worker))
            case "GET", ["v1", "sessions", id] if session := self.account.find(id):
                return json_response(200, self._describe(session))
            case "GET", ["v1", "avatars", id] if id in AVATARS:
                avatar = {"id": id, "name": "Ege", "visibility": "public", "status": AVATARS[id]}
                return json_response(200, avatar)
            case "GET", ["v1", "auth", "verify"]:
                return FakeResponse(204)
        raise RefusedError(404, "Not Found")

    def _begin(self, body: Mapping[str, Any], worker: Scenario) -> dict[str, Any]:
        try:
            avatar, url, token = (read_text(body, key) for key in ("avatar_id", "url", "token"))
            check_room(url, token)
        except RefusedError as refused:
            raise RefusedError(422, refused.message) from None
        if body.get("transport") != "livekit":
            raise RefusedError(422, "Input should be 'livekit'")
        if avatar not in AVATARS:
            raise RefusedError(404, "Avatar not found.")
        session = self.account.create_session(
            name="", token=token, livekit_url=url, scenario=worker
        )
        self._avatars[session.id] = avatar
        return self._describe(session)

    def _describe(self, session: VendorSession) -> dict[str, Any]:
        joined = "ongoing" if session.worker_joined else "to_start"
        return {
            "id": session.id,
            "avatar_id": self._avatars[session.id],
            "status": {"type": joined if session.ended_at is None else "completed"},
            "url": session.livekit_url,
            "transport": "livekit",
        }
