"""FakeVendor: the REST API of a vendor that does not exist, and its faults by name.

    POST /v1/sessions              {"name", "livekit_url", "token"}   201 {"id", "status"}
    GET  /v1/sessions?name=NAME    the active ones of that name       200 {"data": [{"id", ...}]}
    POST /v1/sessions/{id}/end     idempotent                         200 {}

Every call carries `Authorization: Bearer KEY`; a create may carry an `Idempotency-Key`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from avatar_core.http.memory import MemoryTransport, Served
from avatar_core.testing.fake_vendor.account import (
    CapacityReachedError,
    OutOfCreditError,
    VendorAccount,
    VendorSession,
)
from avatar_core.testing.fake_vendor.faults import FAULTS, VendorFault
from avatar_core.testing.faults.scenario import QUIET, Scenario

TRICKLE_S = 1.0
HUGE = 64 * 1024
PAGE = b"<html><body>Please log in.</body></html>"


class FakeVendor:
    """A vendor's server. Other vendors' are this one with another `handle` and `call_of`.

    Args:
        account: The customer's books.
        key: What its calls must carry; `keys` may hold more.
        answer_s: What a create takes.
        takes_keys: Whether it heeds idempotency keys.

    Attributes:
        asked: Every call that arrived: method and path.
        keys: Those that are let in.
    """

    def __init__(
        self,
        account: VendorAccount,
        *,
        key: str = "vendor-key",
        answer_s: float = 0.0,
        takes_keys: bool = True,
    ) -> None:
        self.account = account
        account.on_end = self.ended
        self.asked: list[tuple[str, str]] = []
        self.keys = {key}
        self._answer_s = answer_s
        self._takes_keys = takes_keys
        self._faults: list[list[Any]] = []
        self._serving: set[asyncio.Task[Served]] = set()

    @property
    def transport(self) -> MemoryTransport:
        """For `RestClient`: no network."""
        return MemoryTransport(self.serve)

    def fail(self, fault: str | VendorFault) -> None:
        """From now on, let calls fail so."""
        fault = FAULTS[fault] if isinstance(fault, str) else fault
        self._faults.append([fault, fault.times or -1])

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Served:
        """Response a call. What was taken in is carried out, though its caller may have left."""
        self.asked.append((method, path.partition("?")[0]))
        fault = self.fault_of(self.call_of(method, path), headers)
        if fault is not None and fault.manner == "refuse":
            raise ConnectionRefusedError
        work = self._answer(fault, method, path, headers, body)
        task = asyncio.create_task(work, name="vendor's call")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Close down."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self.account.aclose()

    def ended(self, session: VendorSession) -> None:
        """A session is over; for vendors that tell somebody."""
        return

    # The API.

    def call_of(self, method: str, path: str) -> str:
        """What a call is, for faults."""
        route = urlsplit(path).path
        return "find" if method == "GET" else "end" if route.endswith("/end") else "create"

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
    ) -> Served:
        """Carry out a call; `worker` says how a worker that it brings misbehaves."""
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            return _error(401, "Invalid access token.")
        match method, parts:
            case "POST", ["v1", "sessions"]:
                return self._create(headers, body, worker)
            case "GET", ["v1", "sessions"]:
                names = parse_qs(url.query).get("name", [""])
                found = [one for one in self.account.alive if one.name in names]
                return reply(200, {"data": [_shown(one) for one in found]})
            case "POST", ["v1", "sessions", id, "end"]:
                session = self.account.find(id)
                if session is None:
                    return _error(404, "There is no such session.")
                self.account.end(session, "it was ended")
                return reply(200, {})
        return _error(404, "There is no such route.")

    def _create(self, headers: Mapping[str, str], body: bytes, worker: Scenario) -> Served:
        try:
            asked = json.loads(body)
            name, url, token = asked["name"], asked["livekit_url"], asked["token"]
        except (ValueError, KeyError, TypeError):
            return _error(400, "name, livekit_url and token are needed.")
        key = headers.get("idempotency-key", "") if self._takes_keys else ""
        known = next((one for one in self.account.sessions if key and one.key == key), None)
        try:
            session = known or self.account.sell(
                name=name, key=key, token=token, livekit_url=url, scenario=worker
            )
        except CapacityReachedError:
            return _error(429, "Too many sessions at once.")
        except OutOfCreditError:
            return _error(402, "The account is out of credits.")
        return reply(201, _shown(session))

    # What goes wrong.

    def fault_of(self, call: str, headers: Mapping[str, str]) -> VendorFault | None:
        """How a call of that kind fails, by what was told to `fail`."""
        for pending in self._faults:
            fault: VendorFault = pending[0]
            if fault.fits(call) and pending[1] != 0:
                pending[1] -= 1
                return fault
        return None

    async def _answer(
        self,
        fault: VendorFault | None,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Served:
        if self.call_of(method, path) == "create":
            await asyncio.sleep(self._answer_s)
        if fault is None:
            return await self.handle(method, path, headers, body)
        fails = fault.manner != "answer" or fault.status != 0
        answer = Served(204)
        if fault.carried_out or not fails or fault.manner == "twice":
            answer = await self.handle(method, path, headers, body, fault.worker)
        match fault.manner:
            case "reset":
                raise ConnectionResetError
            case "silence":
                await asyncio.Event().wait()
            case "trickle":
                return Served(200, _JSON, _trickle())
            case "html":
                return Served(200, {"Content-Type": "text/html"}, PAGE)
            case "empty":
                return Served(200, _JSON)
            case "huge":
                return Served(200, _JSON, _endless())
            case "twice":
                return await self.handle(method, path, headers, body, fault.worker)
        if fails:
            return reply(fault.status, {"error": fault.message}, **fault.all_headers())
        return answer


_JSON = {"Content-Type": "application/json"}


def reply(status: int, body: Any, **headers: str) -> Served:
    """An answer of JSON."""
    date = format_datetime(datetime.now(UTC), usegmt=True)
    return Served(status, {**_JSON, "Date": date, **headers}, json.dumps(body).encode())


def _error(status: int, message: str) -> Served:
    return reply(status, {"error": message})


def _shown(session: VendorSession) -> dict[str, str]:
    status = "active" if session.ended is None else "ended"
    return {"id": session.id, "name": session.name, "status": status}


async def _trickle() -> AsyncIterator[bytes]:
    yield b'{"id": "'
    while True:
        await asyncio.sleep(TRICKLE_S)
        yield b"s"


async def _endless() -> AsyncIterator[bytes]:
    yield b'{"id": "'
    while True:
        yield b"s" * HUGE
