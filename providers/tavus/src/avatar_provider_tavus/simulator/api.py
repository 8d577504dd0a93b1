"""The part of Tavus's REST API that a LiveKit agent needs, implemented with `FakeVendor`.

The simulated API has these properties of Tavus:

- The status for an unknown id is 400, not 404.
- The message of an error is under the key `error` or `message`, depending on the call.
- Tavus counts and bills a conversation from its create request, even if no worker joins.
- DELETE removes a conversation from the lists, but does not end the conversation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from avatar_core.testing import (
    CapacityReachedError,
    FakeResponse,
    FakeVendor,
    OutOfCreditError,
    Scenario,
    VendorSession,
    json_response,
)
from avatar_provider_tavus.simulator.catalogue import Catalogue, now, with_old_names
from avatar_provider_tavus.simulator.request_schema import RefusedError, body_of, check, room_of

PAGE = 10
"""Number of conversations in a page of the list, if the request does not give a limit."""
ENDED = "end_conversation_endpoint_hit"
QUIET = Scenario()
FULL = "User has reached maximum concurrent conversations"
BROKE = "The user is out of conversational credits."
OLD = ("personas", "replicas")
REASONS = {
    ENDED: ENDED,
    "max duration": "max_call_duration reached",
    "its worker left": "participant_left_timeout reached",
    "its worker did not join": "participant_absent_timeout reached",
}
"""Tavus's names for the reasons of an end, by the names of `VendorAccount`."""


class TavusApi(FakeVendor):
    """A fake vendor with the routes of Tavus's API below `/v2`; `Simulator` adds real workers.

    Args:
        *args: Positional arguments of `FakeVendor`.
        **options: Keyword arguments of `FakeVendor`.

    Attributes:
        catalogue: The PALs and the faces.
    """

    environment: ClassVar[Mapping[str, str]] = {
        "TAVUS_API_URL": "{url}/v2",
        "TAVUS_API_KEY": "vendor-key",
        **dict.fromkeys(("TAVUS_PAL_ID", "TAVUS_FACE_ID"), ""),
        **dict.fromkeys(("TAVUS_PERSONA_ID", "TAVUS_REPLICA_ID"), ""),
    }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.catalogue = Catalogue()
        self._request_bodies: dict[str, dict[str, Any]] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._deleted: set[str] = set()

    def request_body(self, session: VendorSession) -> Mapping[str, Any]:
        """Return the body of the request that created a conversation.

        Args:
            session: The conversation.

        Returns:
            The body with the ids of PAL and face and the time of creation; an empty mapping if no
            request of this API created the conversation.
        """
        return self._request_bodies.get(session.id, {})

    def tell(self, session: VendorSession, event: str, **properties: str) -> dict[str, Any]:
        """Record an event of a conversation.

        Args:
            session: The conversation.
            event: Type of the event, such as `system.shutdown`.
            **properties: Properties of the event.

        Returns:
            The body of the webhook call; `webhook_url` is empty if the customer gave no URL.
        """
        said = {
            "conversation_id": session.id,
            "webhook_url": str(self.request_body(session).get("callback_url") or ""),
            "message_type": "system",
            "event_type": event,
            "timestamp": now(),
            "properties": properties,
        }
        self._events.setdefault(session.id, []).append(said)
        return said

    def on_session_end(self, session: VendorSession) -> None:
        """Record the event `system.shutdown` of a conversation that has ended.

        Args:
            session: The conversation that has ended.
        """
        reason = REASONS.get(session.end_reason, "internal error")
        self.tell(session, "system.shutdown", shutdown_reason=reason)

    def operation_of(self, method: str, path: str) -> str:
        """Return the operation of a call; a fault can be limited to one operation.

        Args:
            method: HTTP method.
            path: Path with its query.

        Returns:
            "create", "end", "find", or "other" for calls that do not concern conversations and for
            DELETE.
        """
        route = urlsplit(path).path.rstrip("/")
        if not route.startswith("/v2/conversations"):
            return "other"
        if method == "POST":
            return "end" if route.endswith("/end") else "create"
        return "find" if method == "GET" else "other"

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> FakeResponse:
        """Process an API call.

        Args:
            method: HTTP method.
            path: Path with its query.
            headers: Header values by lower-case name.
            body: The body.
            worker: Faults of the worker of a conversation that the call creates.

        Returns:
            The response, with an error status if the simulator refuses the call.
        """
        url = urlsplit(path)
        route = tuple(url.path.strip("/").split("/"))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            if headers.get("x-api-key") not in self.keys:
                raise RefusedError(401, "Invalid access token", key="message")
            return self._routed(method, route, query, body, worker)
        except RefusedError as refused:
            return refused.response
        except ValueError:
            return json_response(400, {"message": "Bad request"})

    def _routed(
        self,
        method: str,
        route: tuple[str, ...],
        query: Mapping[str, str],
        body: bytes,
        worker: Scenario,
    ) -> FakeResponse:
        match method, route:
            case "POST", ("v2", "conversations"):
                return self._begin(body_of(body), worker)
            case "GET", ("v2", "conversations"):
                return self._listed(query)
            case "GET", ("v2", "conversations", id):
                session = self._session(id)
                verbose = query.get("verbose") == "true"
                return json_response(
                    200, self._shown(session) | (self._more(session) if verbose else {})
                )
            case "POST", ("v2", "conversations", id, "end"):
                self.account.end(self._session(id), ENDED)
                return FakeResponse(200)
            case "DELETE", ("v2", "conversations", id):
                self._deleted.add(self._session(id).id)
                return FakeResponse(204)
            case "POST", ("v2", "pals" | "personas" as kind):
                return self._pal_made(body_of(body), old=kind in OLD)
            case "GET", ("v2", "pals" | "personas" | "faces" | "replicas" as kind):
                found = list(self._things(kind).values())
                described = [with_old_names(one) if kind in OLD else one for one in found]
                return json_response(200, {"data": described, "total_count": len(found)})
            case "GET", ("v2", "pals" | "personas" | "faces" | "replicas" as kind, id):
                thing = self._things(kind).get(id)
                if thing is None:
                    one = "persona_id" if kind in ("pals", "personas") else "replica_uuid"
                    raise RefusedError(400, f"Invalid {one}")
                return json_response(200, with_old_names(thing) if kind in OLD else thing)
        raise RefusedError(404, "Not found", key="message")

    def _things(self, kind: str) -> dict[str, dict[str, Any]]:
        pals = kind in ("pals", "personas")
        return self.catalogue.pals if pals else self.catalogue.faces

    def _begin(self, body: Mapping[str, Any], worker: Scenario) -> FakeResponse:
        check(body)
        try:
            pal_id, face_id = self.catalogue.face_of(body)
        except LookupError as error:
            raise RefusedError(400, str(error.args[0])) from None
        properties = body.get("properties", {})
        url, token = room_of(properties)
        body = {**body, "pal_id": pal_id, "face_id": face_id, "created_at": now()}
        if body.get("test_mode"):
            return json_response(200, self._describe("ctest", body, "ended"))
        try:
            session = self.account.create_session(
                name=str(body.get("conversation_name", "")),
                key="",
                token=token,
                livekit_url=url,
                scenario=worker,
                left_timeout_s=properties.get("participant_left_timeout", 0),
                absent_timeout_s=properties.get("participant_absent_timeout", 300),
                max_session_s=properties.get("max_call_duration", 3600),
            )
        except CapacityReachedError:
            raise RefusedError(400, FULL, key="message") from None
        except OutOfCreditError:
            raise RefusedError(402, BROKE, key="message") from None
        self._request_bodies[session.id] = body
        return json_response(200, self._shown(session))

    def _listed(self, query: Mapping[str, str]) -> FakeResponse:
        wanted = query.get("status", "")
        found = [
            one
            for one in reversed(self.account.sessions)
            if wanted in ("", "active" if one.ended_at is None else "ended")
            and one.id not in self._deleted
        ]
        size, page = int(query.get("limit", PAGE)), int(query.get("page", 1))
        if size < 1 or page < 1:
            raise ValueError
        shown = [self._shown(one) for one in found[(page - 1) * size : page * size]]
        return json_response(200, {"data": shown, "total_count": len(found)})

    def _pal_made(self, body: Mapping[str, Any], *, old: bool) -> FakeResponse:
        if not old and "default_face_id" not in body:
            raise RefusedError(400, "default_face_id is required", key="message")
        pal = self.catalogue.add_pal(body)
        shown = ("pal_id", "pal_name", "created_at")
        described = {name: value for name, value in pal.items() if name in shown}
        return json_response(200, with_old_names(described) if old else described)

    def _session(self, id: str) -> VendorSession:
        session = self.account.find(id)
        if session is None:
            raise RefusedError(400, "Invalid conversation_id")
        return session

    def _shown(self, session: VendorSession) -> dict[str, Any]:
        body = self.request_body(session)
        status = "active" if session.ended_at is None else "ended"
        return self._describe(session.id, body, status)

    def _more(self, session: VendorSession) -> dict[str, Any]:
        """Return the fields that `?verbose=true` adds."""
        events = self._events.get(session.id, [])
        reasons = [one["properties"] for one in events if one["event_type"] == "system.shutdown"]
        return {"events": events, **(reasons[0] if reasons else {})}

    def _describe(self, id: str, body: Mapping[str, Any], status: str) -> dict[str, Any]:
        return {
            "conversation_id": id,
            "conversation_name": body.get("conversation_name", ""),
            "conversation_url": f"https://tavus.daily.co/{id}",
            "status": status,
            "callback_url": body.get("callback_url", ""),
            "pal_id": body["pal_id"],
            "face_id": body["face_id"],
            "created_at": body["created_at"],
        }
