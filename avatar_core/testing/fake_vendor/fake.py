"""The fake vendor: a REST API whose faults a test selects by name.

    POST /v1/sessions              {"name", "livekit_url", "token"}    201 {"id", "name", "status"}
    GET  /v1/sessions?name=NAME    the active sessions of that name    200 {"data": [{"id", ...}]}
    POST /v1/sessions/{id}/end     ends a session; idempotent          200 {}

Every call has the header `Authorization: Bearer KEY`; a create call may have an `Idempotency-Key`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from avatar_core.http.memory import FakeResponse, MemoryTransport
from avatar_core.testing.fake_vendor.account import (
    CapacityReachedError,
    OutOfCreditError,
    VendorAccount,
    VendorSession,
)
from avatar_core.testing.fake_vendor.faults import PendingFaults, VendorFault, find_vendor_fault
from avatar_core.testing.fake_vendor.recorded import RecordedRequest
from avatar_core.testing.fake_vendor.refusal import RefusedError, read_object, read_text
from avatar_core.testing.fake_vendor.responses import json_response, unusable_response
from avatar_core.testing.faults.scenario import QUIET, Scenario


class FakeVendor:
    """The server of a fake vendor.

    To imitate another vendor's API, override `handle`, `operation_of` and `error_body`, and set
    `full` and `broke`.

    Args:
        account: The account of the only customer.
        key: An API key that the server accepts; a test can add more keys to `keys`.
        create_s: Seconds that a create call takes.
        idempotent: Whether the server honours idempotency keys.

    Attributes:
        environment: The environment variables with which the settings of a provider select this
            vendor in an `AvatarCall`. `{url}` stands for the base URL of the server. An empty text
            unsets a variable, such as the id of an avatar that only the real vendor knows.
        account: The account of the only customer.
        requests: Method and path, without the query, of every request that arrived.
        recorded: Every request that arrived, with its query, headers and body.
        keys: The API keys that the server accepts.
        full: Status and message of a create request beyond the limit of concurrent sessions.
        broke: Status and message of a create request without credit.
    """

    environment: ClassVar[Mapping[str, str]] = {}
    full: ClassVar[tuple[int, str]] = (429, "Too many sessions at once.")
    broke: ClassVar[tuple[int, str]] = (402, "The account is out of credits.")

    def __init__(
        self,
        account: VendorAccount,
        *,
        key: str = "vendor-key",
        create_s: float = 0.0,
        idempotent: bool = True,
    ) -> None:
        self.account = account
        account.on_end = self.on_session_end
        self.requests: list[tuple[str, str]] = []
        self.recorded: list[RecordedRequest] = []
        self.keys = {key}
        self._create_s = create_s
        self._idempotent = idempotent
        self._faults = PendingFaults()
        self._serving: set[asyncio.Task[FakeResponse]] = set()

    @property
    def transport(self) -> MemoryTransport:
        """An httpx transport for `RestClient` that calls this server without a network."""
        return MemoryTransport(self.serve)

    def check_called(self, operation: str = "create") -> None:
        """Check that a call has reached this vendor, so that a test cannot pass without a call.

        If a provider fails, the agent speaks with its own voice, so most other checks of a test
        pass without a call to the vendor.

        Args:
            operation: The name of an operation that `operation_of` returns.

        Raises:
            AssertionError: No such call has arrived.
        """
        called = [self.operation_of(method, path) for method, path in self.requests]
        if operation not in called:
            raise AssertionError(
                f"No {operation} call has reached the fake vendor (calls: "
                f"{', '.join(called) or 'none'}), so this test did not check the provider. "
                "Set the attribute `transport` of the provider class, and read `avatar.last_error`."
            )

    def fail(self, fault: str | VendorFault) -> None:
        """Add a fault, which applies to later calls.

        Args:
            fault: A name in `FAULTS`, or a fault.

        Raises:
            ConfigError: `FAULTS` does not contain the name.
        """
        self._faults.add(find_vendor_fault(fault))

    @property
    def unused_faults(self) -> list[VendorFault]:
        """The faults from `fail` that have not applied to any call so far."""
        return self._faults.unused()

    async def serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        """Respond to a request; complete the request even if the client disconnects.

        Args:
            method: The HTTP method.
            path: The path with its query.
            headers: The header values by lower-case name.
            body: The body of the request.

        Returns:
            The response.

        Raises:
            ConnectionRefusedError: A fault refuses the connection.
            ConnectionResetError: A fault resets the connection.
        """
        self.requests.append((method, path.partition("?")[0]))
        self.recorded.append(RecordedRequest(method, path, dict(headers), body))
        fault = self.next_fault(self.operation_of(method, path), headers)
        if fault is not None and fault.mode == "refuse":
            raise ConnectionRefusedError
        work = self._respond(fault, method, path, headers, body)
        task = asyncio.create_task(work, name="vendor's call")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(task)

    async def aclose(self) -> None:
        """Cancel the calls in progress, and close the account."""
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self.account.aclose()

    def on_session_end(self, session: VendorSession) -> None:
        """Do nothing when a session ends; a subclass may notify the customer.

        Args:
            session: The session that has ended.
        """
        return

    def operation_of(self, method: str, path: str) -> str:
        """Return the name of the operation of a call; faults apply to an operation.

        Args:
            method: The HTTP method.
            path: The path with its query.

        Returns:
            "create", "end" or "find"; a subclass may return other names.
        """
        route = urlsplit(path).path
        is_end = method == "DELETE" or route.endswith(("/end", "/stop"))
        return "find" if method == "GET" else "end" if is_end else "create"

    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = QUIET,
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
            CapacityReachedError: The account has reached its limit of active sessions.
            OutOfCreditError: The account has no credit left.
        """
        url = urlsplit(path)
        parts = url.path.strip("/").split("/")
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.keys:
            raise RefusedError(401, "Invalid access token.")
        match method, parts:
            case "POST", ["v1", "sessions"]:
                return self._create(headers, body, worker)
            case "GET", ["v1", "sessions"]:
                names = parse_qs(url.query).get("name", [""])
                found = [one for one in self.account.active if one.name in names]
                return json_response(200, {"data": [_session_body(one) for one in found]})
            case "POST", ["v1", "sessions", id, "end"]:
                session = self.account.find(id)
                if session is None:
                    raise RefusedError(404, "There is no such session.")
                self.account.end(session, "it was ended")
                return json_response(200, {})
        raise RefusedError(404, "There is no such route.")

    def error_body(self, status: int, message: str) -> Any:
        """Return the body of a response with an error status, in the shape of this vendor.

        Args:
            status: The HTTP status of the response.
            message: The message of the vendor.

        Returns:
            The JSON value of the body.
        """
        return {"error": message}

    def _create(self, headers: Mapping[str, str], body: bytes, worker: Scenario) -> FakeResponse:
        fields = read_object(body)
        name, url, token = (read_text(fields, key) for key in ("name", "livekit_url", "token"))
        key = headers.get("idempotency-key", "") if self._idempotent else ""
        known = next((one for one in self.account.sessions if key and one.key == key), None)
        session = known or self.account.create_session(
            name=name, key=key, token=token, livekit_url=url, scenario=worker
        )
        return json_response(201, _session_body(session))

    async def _handle(self, *call: Any) -> FakeResponse:
        """Execute a call of the API, and turn a refusal into its response."""
        try:
            return await self.handle(*call)
        except RefusedError as refused:
            status, message = refused.status, refused.message
        except CapacityReachedError:
            status, message = self.full
        except OutOfCreditError:
            status, message = self.broke
        return json_response(status, self.error_body(status, message))

    def next_fault(self, operation: str, headers: Mapping[str, str]) -> VendorFault | None:
        """Return the fault of the next call, and count this use of the fault.

        Args:
            operation: The operation of the call, as `operation_of` returns it.
            headers: The header values by lower-case name, for subclasses.

        Returns:
            The first fault from `fail` that applies to the operation and is not used up, or None.
        """
        return self._faults.use_next(operation)

    async def _respond(
        self,
        fault: VendorFault | None,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> FakeResponse:
        if self.operation_of(method, path) == "create":
            await asyncio.sleep(self._create_s)
        if fault is None:
            return await self._handle(method, path, headers, body)
        fails = fault.mode != "status" or fault.status != 0
        response = FakeResponse(204)
        if fault.carried_out or not fails or fault.mode == "twice":
            response = await self._handle(method, path, headers, body, fault.worker)
        match fault.mode:
            case "reset":
                raise ConnectionResetError
            case "silence":
                await asyncio.Event().wait()
            case "twice":
                return await self._handle(method, path, headers, body, fault.worker)
            case "trickle" | "html" | "empty" | "huge":
                return unusable_response(fault.mode)
        if fails:
            said = self.error_body(fault.status, fault.message)
            return json_response(fault.status, said, **fault.response_headers())
        return response


def _session_body(session: VendorSession) -> dict[str, str]:
    status = "active" if session.ended_at is None else "ended"
    return {"id": session.id, "name": session.name, "status": status}
