"""A fake of D-ID's API for tests, with the shapes and statuses of its documentation."""

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
AGENTS = {"v2_agt_expressive": "expressive", "v2_agt_photo": "talk"}
"""The type of the presenter of each agent, by the id of the agent."""
RATES_HZ = (16_000, 24_000, 48_000)
KINDS = {401: "AuthorizationError", 402: "InsufficientCreditsError", 404: "NotFoundError"}


class FakeDid(FakeVendor):
    """A fake of D-ID's API.

    The route, the body and the id in the response follow livekit-plugins-did 1.8.9, because D-ID's
    documentation does not contain the route. The statuses 402 and 429 are guesses. A session ends
    when its worker leaves the room.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "DID_API_URL": "{url}",
        "DID_API_KEY": "vendor-key",
        "DID_AGENT_ID": "v2_agt_expressive",
    }
    full = (429, "too many sessions")
    broke = (402, "not enough credits")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.account.make_id = lambda: f"ses_{uuid.uuid4().hex}"

    def operation_of(self, method: str, path: str) -> str:
        return "create" if urlsplit(path).path.endswith("/sessions/join") else "other"

    def error_body(self, status: int, message: str) -> Any:
        return {"kind": KINDS.get(status, "Error"), "description": message}

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        if headers.get("authorization", "").removeprefix("Basic ") not in self.keys:
            raise RefusedError(401, "user unauthenticated")
        match method, urlsplit(path).path.strip("/").split("/"):
            case "POST", ["v2", "agents", id, "sessions", "join"] if id in AGENTS:
                return json_response(201, self._begin(id, read_object(body), worker))
            case "GET", ["agents", id] if id in AGENTS:
                return json_response(200, {"id": id, "presenter": {"type": AGENTS[id]}})
        raise RefusedError(404, "agent not found")

    def _begin(self, agent: str, body: Mapping[str, Any], worker: Scenario) -> dict[str, str]:
        room, audio = body.get("transport", {}), body.get("audio_config", {})
        if AGENTS[agent] != "expressive":
            raise RefusedError(400, "the agent is not an Expressive Agent")
        if room.get("provider") != "livekit" or audio.get("sample_rate") not in RATES_HZ:
            raise RefusedError(400, "invalid transport or audio_config")
        url, token = read_text(room, "server_url"), read_text(room, "token")
        check_room(url, token)
        read_text(room, "room_name")
        session = self.account.create_session(
            name="", token=token, livekit_url=url, scenario=worker
        )
        return {"id": session.id}
