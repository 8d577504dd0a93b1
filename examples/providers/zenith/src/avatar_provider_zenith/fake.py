"""A fake of Zenith's API and sockets for tests, as the vendor documents them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

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

NO_FAULTS = Scenario()


class ZenithVendor(SocketVendor):
    """The server of Zenith. The base class has the account and the faults."""

    environment = {  # the variables with which the provider calls this fake, in `avatar_call`
        "ZENITH_API_KEY": "vendor-key",
        "ZENITH_API_URL": "{url}",
    }

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = NO_FAULTS,
    ) -> FakeResponse:
        """Execute a call of the API.

        Args:
            method: The HTTP method.
            path: The path with its query.
            headers: The header values by lower-case name.
            body: The body of the request.
            worker: The faults of the avatar of a session that the call creates.

        Returns:
            The response.

        Raises:
            RefusedError: The vendor refuses the request.
        """
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise RefusedError(401, "The API key is invalid.")
        match method, path.strip("/").split("/"):
            case "POST", ["v1", "sessions"]:
                return self._create_session(headers, body, worker)
            case "POST", ["v1", "sessions", id, "end"]:
                session = self.account.find(id)
                if session is None:
                    raise RefusedError(404, "The session does not exist.")
                self.account.end(session, "the customer ended it")
                return json_response(200, {})
        raise RefusedError(404, "The route does not exist.")

    def _create_session(
        self, headers: Mapping[str, str], body: bytes, worker: Scenario
    ) -> FakeResponse:
        fields = read_object(body)
        name, url, token, _ = (
            read_text(fields, key) for key in ("name", "livekit_url", "livekit_token", "face_id")
        )
        check_room(url, token)
        key = headers.get("idempotency-key", "")
        session = next((one for one in self.account.sessions if key and one.key == key), None)
        session = session or self.account.create_session(
            name=name, key=key, token=token, livekit_url=url, scenario=worker
        )
        return json_response(201, {"id": session.id, "ws_url": self.socket_url(session)})

    def read_command(self, message: str | bytes) -> Command:
        """Decode a message of the customer.

        Args:
            message: The message as JSON.

        Returns:
            The command.
        """
        fields = json.loads(message)
        pcm = base64.b64decode(fields.get("pcm", ""))
        return Command(fields["type"], fields.get("take", ""), pcm)

    def encode_report(self, kind: str, take_id: str, played_s: float) -> list[str | bytes]:
        """Encode an event.

        Args:
            kind: `ready`, `started`, `position`, `finished` or `cut`.
            take_id: The id of the take; empty for `ready`.
            played_s: Seconds of the take that were played.

        Returns:
            The event. The event `finished` reports the end of a take, and a cut too.
        """
        kind = "finished" if kind == "cut" else kind
        return [json.dumps({"type": kind, "take": take_id, "seconds": round(played_s, 3)})]
