"""Tavus's REST API, as documented, over the books of FakeVendor.

Kept quirks: an unknown id is answered 400, never 404; errors speak now in `error`, now in
`message`; a conversation counts and costs from its create, whether or not its worker joins.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

from avatar_core import (
    FakeVendor,
    Scenario,
    Served,
    SoldOutError,
    UnpaidError,
    VendorSession,
    reply,
)
from avatar_provider_tavus.simulator.catalogue import Catalogue, in_old_words, now

PAGE = 10
QUIET = Scenario()
FULL = "User has reached maximum concurrent conversations"
BROKE = "The user is out of conversational credits."
OLD = ("personas", "replicas")


class RefusedError(Exception):
    """A call that is answered so."""

    def __init__(self, status: int, said: str, *, key: str = "error") -> None:
        super().__init__(said)
        self.answer = reply(status, {key: said})


class TavusApi(FakeVendor):
    """The routes below `/v2`.

    Attributes:
        catalogue: PALs and faces.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.catalogue = Catalogue()
        self._asked_for: dict[str, dict[str, Any]] = {}

    def asked_for(self, session: VendorSession) -> Mapping[str, Any]:
        """The body that a conversation was created with."""
        return self._asked_for.get(session.id, {})

    def call_of(self, method: str, path: str) -> str:
        """What a call is, for faults."""
        route = urlsplit(path).path.rstrip("/")
        if not route.startswith("/v2/conversations"):
            return "other"
        if method == "POST":
            return "end" if route.endswith("/end") else "create"
        return "end" if method == "DELETE" else "find"

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> Served:
        """Carry out a call."""
        url = urlsplit(path)
        route = tuple(url.path.strip("/").split("/"))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        try:
            if headers.get("x-api-key") not in self.keys:
                raise RefusedError(401, "Invalid access token", key="message")
            return self._routed(method, route, query, body, worker)
        except RefusedError as refused:
            return refused.answer
        except ValueError:
            return reply(400, {"message": "Bad request"})

    def _routed(
        self,
        method: str,
        route: tuple[str, ...],
        query: Mapping[str, str],
        body: bytes,
        worker: Scenario,
    ) -> Served:
        match method, route:
            case "POST", ("v2", "conversations"):
                return self._begin(_read(body), worker)
            case "GET", ("v2", "conversations"):
                return self._listed(query)
            case "GET", ("v2", "conversations", id):
                return reply(200, self._shown(self._session(id)))
            case "POST", ("v2", "conversations", id, "end"):
                self.account.end(self._session(id), "end_conversation_endpoint_hit")
                return Served(200)
            case "DELETE", ("v2", "conversations", id):
                self.account.end(self._session(id), "end_conversation_endpoint_hit")
                return Served(204)
            case "POST", ("v2", "pals" | "personas" as kind):
                return self._pal_made(_read(body), old=kind in OLD)
            case "GET", ("v2", "pals" | "personas" | "faces" | "replicas" as kind):
                found = list(self._things(kind).values())
                told = [in_old_words(one) if kind in OLD else one for one in found]
                return reply(200, {"data": told, "total_count": len(found)})
            case "GET", ("v2", "pals" | "personas" | "faces" | "replicas" as kind, id):
                thing = self._things(kind).get(id)
                if thing is None:
                    one = "persona_id" if kind in ("pals", "personas") else "replica_uuid"
                    raise RefusedError(400, f"Invalid {one}")
                return reply(200, in_old_words(thing) if kind in OLD else thing)
        raise RefusedError(404, "Not found", key="message")

    def _things(self, kind: str) -> dict[str, dict[str, Any]]:
        pals = kind in ("pals", "personas")
        return self.catalogue.pals if pals else self.catalogue.faces

    def _begin(self, asked: Mapping[str, Any], worker: Scenario) -> Served:
        try:
            pal_id, face_id = self.catalogue.face_of(asked)
        except LookupError as error:
            raise RefusedError(400, str(error.args[0])) from None
        properties = asked.get("properties") or {}
        url, token = _room(properties)
        if asked.get("test_mode"):
            return reply(200, self._told("ctest", asked, pal_id, face_id, "ended"))
        try:
            session = self.account.sell(
                name=str(asked.get("conversation_name", "")),
                key="",
                token=token,
                livekit_url=url,
                scenario=worker,
                left_s=properties.get("participant_left_timeout", 0),
                absent_s=properties.get("participant_absent_timeout", 300),
                max_session_s=properties.get("max_call_duration", 3600),
            )
        except SoldOutError:
            raise RefusedError(400, FULL, key="message") from None
        except UnpaidError:
            raise RefusedError(402, BROKE, key="message") from None
        self._asked_for[session.id] = {**asked, "pal_id": pal_id, "face_id": face_id}
        return reply(200, self._shown(session))

    def _listed(self, query: Mapping[str, str]) -> Served:
        wanted = query.get("status", "")
        found = [
            one
            for one in reversed(self.account.sessions)
            if wanted in ("", "ended" if one.ended else "active")
        ]
        size, page = int(query.get("limit", PAGE)), int(query.get("page", 1))
        shown = [self._shown(one) for one in found[(page - 1) * size : page * size]]
        return reply(200, {"data": shown, "total_count": len(found)})

    def _pal_made(self, asked: Mapping[str, Any], *, old: bool) -> Served:
        if not old and "default_face_id" not in asked:
            raise RefusedError(400, "default_face_id is required", key="message")
        pal = self.catalogue.add_pal(asked)
        shown = ("pal_id", "pal_name", "created_at")
        told = {name: value for name, value in pal.items() if name in shown}
        return reply(200, in_old_words(told) if old else told)

    def _session(self, id: str) -> VendorSession:
        session = self.account.find(id)
        if session is None:
            raise RefusedError(400, "Invalid conversation_id")
        return session

    def _shown(self, session: VendorSession) -> dict[str, Any]:
        asked = self.asked_for(session)
        status = "active" if session.ended is None else "ended"
        told = self._told(session.id, asked, asked.get("pal_id"), asked.get("face_id"), status)
        return told | ({"shutdown_reason": session.why} if session.why else {})

    def _told(
        self, id: str, asked: Mapping[str, Any], pal: Any, face: Any, status: str
    ) -> dict[str, Any]:
        return {
            "conversation_id": id,
            "conversation_name": asked.get("conversation_name", ""),
            "conversation_url": f"https://tavus.daily.co/{id}",
            "status": status,
            "callback_url": asked.get("callback_url", ""),
            "pal_id": pal,
            "face_id": face,
            "created_at": now(),
        }


def _read(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise RefusedError(400, "The request body must be JSON.", key="message")
    return asked


def _room(properties: Mapping[str, Any]) -> tuple[str, str]:
    """Where the worker joins, and with what; the token is read, not verified."""
    url, token = str(properties.get("livekit_ws_url", "")), properties.get("livekit_room_token", "")
    if urlsplit(url).scheme not in ("ws", "wss", "http", "https"):
        raise RefusedError(400, "There was an error creating the conversation: livekit_ws_url")
    try:
        grants = jwt.decode(token, options={"verify_signature": False, "verify_exp": True})["video"]
        if not (grants["roomJoin"] and grants["room"]):
            raise KeyError
    except (jwt.PyJWTError, KeyError, TypeError):
        what = "There was an error creating the conversation: livekit_room_token"
        raise RefusedError(400, what) from None
    return url, str(token)
