"""A fake of Acme's API for tests, as the vendor documents the API."""

from __future__ import annotations

from collections.abc import Mapping

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

NO_FAULTS = Scenario()


class AcmeVendor(FakeVendor):
    """The server of Acme. The base class has the account and the faults."""

    environment = {  # the variables with which the provider calls this fake, in `avatar_call`
        "ACME_API_KEY": "vendor-key",
        "ACME_API_URL": "{url}",
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
            worker: The faults of the worker of a session that the call creates.

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
        return json_response(201, {"id": session.id})
