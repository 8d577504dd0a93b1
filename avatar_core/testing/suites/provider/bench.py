"""A bench: a provider, the fake of its vendor and a room in memory, with records of all calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest, TokenSpec
from avatar_core.http.memory import FakeResponse, MemoryTransport
from avatar_core.testing.fake_vendor.account import LaunchWorker, VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.launcher import launch_no_worker, make_launcher
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import MemoryWorkers, mint
from avatar_core.testing.suites.check import Blocked, NotApplicable, message_of
from avatar_core.testing.suites.provider.subject import ProviderSubject

LIVEKIT_URL = "wss://my-project.livekit.cloud"
"""A public URL, so that the vendor could connect to the server. Nothing connects to it."""
DEADLINE_S = 5.0
AGENT = "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of the vendor's API.

    Attributes:
        operation: The operation, as `FakeVendor.operation_of` returns it.
        method: The HTTP method.
        path: The path with its query.
        headers: The header values by lower-case name.
        body: The body.
    """

    operation: str
    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Bench:
    """A provider, the fake of its vendor and a room in memory.

    Args:
        suite: The suite.
        speaks: Whether the workers of the vendor join the room and speak.
        settings: Settings that replace settings of the suite, by field name.

    Attributes:
        room: The room in memory; the agent is in the room.
        account: The account at the fake vendor.
        vendor: The fake vendor; None for a provider without a vendor.
        calls: The calls of the vendor's API, in order.
        minted: The specification and the text of each room token.
        claims: The records that the provider claimed.
        delay_s: Seconds by which each response of the vendor is late.
        respond: Returns the response in place of the vendor; None lets the vendor respond.
        on_response: Called after each response of the vendor, before the provider continues.
        provider_class: The provider class, which calls the fake vendor.
        provider: The provider.
    """

    def __init__(
        self, suite: ProviderSubject, *, speaks: bool = False, settings: Mapping[str, Any]
    ) -> None:
        self.suite = suite
        self.room = MemoryRoom()
        self.calls: list[Call] = []
        self.minted: list[tuple[TokenSpec, str]] = []
        self.claims: list[ProvisionedAvatar] = []
        self.delay_s = 0.0
        self.respond: Callable[[Call], FakeResponse | None] = lambda _: None
        self.on_response: Callable[[Call], object] = lambda _: None
        launch = _stock(make_launcher(self.room)) if speaks else launch_no_worker
        self.account = VendorAccount(launch, room=self.room if speaks else None)
        self.vendor = suite.make_vendor(self.account)
        self._has_workers = speaks or self.vendor is None
        self.provider_class = suite.provider
        if self.vendor is not None:
            self.provider_class = suite.connect(self.vendor, MemoryTransport(self._serve))
        self.provider = self.make_provider(**settings)

    def make_provider(self, **settings: Any) -> AvatarProvider[Any]:
        """Create another provider object that calls the same vendor.

        Args:
            settings: Settings that replace settings of the suite, by field name.

        Returns:
            The provider.

        Raises:
            Blocked: The settings of the suite are invalid, or `setup` raised an error.
        """
        loaded = self.suite.load_settings(**settings)
        try:
            return self.provider_class(loaded)
        except Exception as error:
            said = message_of(error)
            raise Blocked("P04", f"setup raised an error: {said}") from None

    def request(self, number: int = 1, *, deadline_s: float = DEADLINE_S) -> ProvisionRequest:
        """Return a request for an avatar.

        Args:
            number: The number of the request, which makes its key and its identity unique.
            deadline_s: Seconds that `provision` may take.

        Returns:
            The request.
        """
        suffix = f"{number:08x}"
        return ProvisionRequest(
            key=f"suite-room-{suffix}",
            livekit_url=LIVEKIT_URL,
            room_name=self.room.name,
            agent_identity=AGENT,
            identity=f"{self.provider.name}-avatar-{suffix}",
            deadline_s=deadline_s,
            mint=self.mint,
            claim=self.claims.append,
            start_worker=MemoryWorkers(self.room),
        )

    def mint(self, spec: TokenSpec) -> str:
        """Create and record a room token.

        Args:
            spec: The specification of the token.

        Returns:
            The token, a JWT.
        """
        token = mint(spec)
        self.minted.append((spec, token))
        return token

    async def provision(self, number: int = 1) -> ProvisionedAvatar:
        """Create a session, for a check of something else.

        Args:
            number: The number of the request.

        Returns:
            The record of the session.

        Raises:
            Blocked: The provider created no session, or returned something else than a record.
        """
        try:
            async with asyncio.timeout(2 * DEADLINE_S):
                avatar = await self.provider.provision(self.request(number))
        except Exception as error:
            said = message_of(error)
            raise Blocked("P10", f"provision raised an error: {said}") from None
        if not isinstance(avatar, ProvisionedAvatar):
            raise Blocked("P10", f"provision returned {type(avatar).__name__}")
        return avatar

    def fail(self, fault: str) -> None:
        """Add a fault of the vendor.

        Args:
            fault: A name in `FAULTS`.

        Raises:
            NotApplicable: The provider has no vendor.
        """
        self.need_vendor().fail(fault)

    def need_vendor(self) -> FakeVendor:
        """Return the fake vendor, for a check that needs it.

        Returns:
            The fake vendor.

        Raises:
            NotApplicable: The provider has no vendor.
        """
        if self.vendor is None:
            raise NotApplicable("the provider has no vendor")
        return self.vendor

    def calls_of(self, operation: str) -> list[Call]:
        """Return the calls of one operation.

        Args:
            operation: The operation, such as "create".

        Returns:
            The calls, in order.
        """
        return [call for call in self.calls if call.operation == operation]

    def secrets(self) -> list[str]:
        """Return the texts that must appear nowhere.

        Returns:
            The API key, and each room token with its signature alone.
        """
        key = getattr(self.provider.settings, "api_key", None)
        tokens = [token for _, token in self.minted]
        return [
            *([key.get_secret_value()] if key is not None else []),
            *tokens,
            *(token.rpartition(".")[2] for token in tokens),
        ]

    def sessions_in_room(self) -> set[str]:
        """Return the identities of the participants that speak for the agent.

        Returns:
            The identities.
        """
        return {
            identity
            for identity in self.room.members
            if self.room.speaks_for[identity] == AGENT and identity != AGENT
        }

    async def aclose(self) -> None:
        """Close the provider and the vendor, and remove all participants from the room."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                await self.provider.aclose()
        finally:
            if self.vendor is not None:
                await self.vendor.aclose()
            for identity in list(self.room.members):
                self.room.remove(identity)
            if self._has_workers:
                await asyncio.sleep(1.0)  # workers end when their room has ended

    async def _serve(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> FakeResponse:
        assert self.vendor is not None
        operation = self.vendor.operation_of(method, path)
        call = Call(operation=operation, method=method, path=path, headers=headers, body=body)
        self.calls.append(call)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if (response := self.respond(call)) is None:
            response = await self.vendor.serve(method, path, headers, body)
        self.on_response(call)
        return response


@asynccontextmanager
async def open_bench(
    suite: ProviderSubject, *, speaks: bool = False, **settings: Any
) -> AsyncIterator[Bench]:
    """Open a bench in an `async with` block.

    Args:
        suite: The suite.
        speaks: Whether the workers of the vendor join the room and speak.
        settings: Settings that replace settings of the suite, by field name.

    Yields:
        The bench.

    Raises:
        Blocked: The provider cannot be created.
    """
    bench = Bench(suite, speaks=speaks, settings=settings)
    bench.room.agent(AGENT)
    try:
        yield bench
    finally:
        await bench.aclose()


def _stock(launch: LaunchWorker) -> LaunchWorker:
    """Return a launcher whose workers report nothing but LiveKit's stock messages."""

    async def launch_stock(session: VendorSession, scenario: Scenario) -> Mapping[str, Any]:
        return await launch(session, replace(scenario, stock=True))

    return launch_stock
