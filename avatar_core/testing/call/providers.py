"""The providers of a call, with fake vendors, faults, and a count of their sessions."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import Any
from unittest.mock import patch

from avatar_core.bases.renderer import RendererProvider
from avatar_core.bases.rest import RestAvatarProvider
from avatar_core.contracts.errors import ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.registry.selection import Candidate, Item, parse_chain, resolve
from avatar_core.settings import AvatarSettings, ProviderSettings
from avatar_core.testing.call.faults import CallFaults
from avatar_core.testing.call.room import CallRoom
from avatar_core.testing.call.sessions import Sessions
from avatar_core.testing.call.small_frames import draw_small_frames
from avatar_core.testing.fake_vendor.account import VendorAccount, VendorSession
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.front import VendorFront
from avatar_core.testing.fake_vendor.http_server import serve_http
from avatar_core.testing.fake_vendor.installed import MakeVendor, connect, find_fake_vendor
from avatar_core.testing.fake_vendor.socket_vendor import SocketVendor
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.faults.start import start_faulty_worker

Create = Callable[[ProvisionRequest], Awaitable[ProvisionedAvatar]]
SETTLE_S = 2.0
"""Seconds after the call in which a worker must leave the room, so that its session ends."""
MEMORY_VENDOR_URL = "https://vendor.example"


class CallProviders:
    """Resolves the chain of a call, and puts faults and counters around its providers.

    Args:
        chain: The providers, as for `create_avatar`.
        vendor: The fake vendor of the only REST provider in the chain; None uses the fake vendors
            of installed distributions.
        registry: Finds providers by name; None finds the installed providers.
        room: The room of the call, in which the workers of fake vendors start.

    Attributes:
        sessions: The sessions of the call.
        vendors: The fake vendors by the name of their provider.
        faults: The faults of the call.
    """

    def __init__(
        self,
        chain: Item | Sequence[Item],
        vendor: MakeVendor | None,
        registry: ProviderRegistry | None,
        room: CallRoom,
    ) -> None:
        self.sessions = Sessions()
        self.vendors: dict[str, FakeVendor] = {}
        self.faults = CallFaults(room)
        self._chain = chain
        self._registry = registry or ProviderRegistry()
        self._open = AsyncExitStack()
        for name in _names(chain):
            make = vendor or find_fake_vendor(name)
            if make is not None:
                account = _CallAccount(room, self.faults.next_scenario)
                self.vendors[name] = make(account)
                self.sessions.accounts[name] = account

    async def resolve(self, settings: AvatarSettings, *, over_tcp: bool) -> tuple[Candidate, ...]:
        """Create the providers of the chain.

        Args:
            settings: The settings of avatar-core.
            over_tcp: Whether the providers call their fake vendors over TCP.

        Returns:
            The chain, whose last candidate is the agent's own voice.

        Raises:
            ConfigError: The chain is invalid, or a provider has no fake vendor.
        """
        if over_tcp:
            self._refuse_sockets()
        variables: dict[str, str] = {}
        for vendor in self.vendors.values():
            self._open.push_async_callback(vendor.aclose)
            url = MEMORY_VENDOR_URL
            if over_tcp:
                url = await self._open.enter_async_context(serve_http(vendor))
            variables |= {name: text.format(url=url) for name, text in vendor.environment.items()}
        with patch.dict(os.environ, variables):
            candidates = resolve(self._chain, self._registry, settings)
        for candidate in candidates:
            if candidate.provider is not None:
                self._wrap(candidate.provider, over_tcp)
        return candidates

    async def aclose(self) -> None:
        """Wait for the ends of the sessions, and close the fake vendors, after the avatar."""
        for account in self.sessions.accounts.values():
            await account.settle(SETTLE_S)
        await self._open.aclose()

    def _refuse_sockets(self) -> None:
        for name, vendor in self.vendors.items():
            if isinstance(vendor, SocketVendor):
                raise ConfigError(
                    f"The fake vendor of {name!r} works in rooms in memory only, because its "
                    "avatar plays the audio of the WebSocket in the process of the test.",
                    hint="Run this test without the option --avatar-server, or pass a provider "
                    "without a WebSocket, such as avatar='mock'.",
                )

    def _wrap(self, provider: AvatarProvider[Any], over_tcp: bool) -> None:
        vendor = self.vendors.get(provider.name)
        if vendor is not None and isinstance(provider, RestAvatarProvider):
            self.faults.add_api(vendor, has_workers=True)
            if not over_tcp:
                connect(provider, vendor)
            return
        if isinstance(provider, RestAvatarProvider) and provider.transport is None:
            raise ConfigError(
                f"The provider {provider.name!r} calls the API of its vendor, and the call knows "
                "no fake vendor for it.",
                hint="Pass vendor=..., a subclass of FakeVendor that imitates the API.",
            )
        front = VendorFront(provider.name)
        self.faults.add_api(front, has_workers=isinstance(provider, RendererProvider))
        _CountedProvider(provider, self.sessions, front).wrap()
        if isinstance(provider, RendererProvider):
            if not over_tcp:
                draw_small_frames(provider)
            self._wrap_worker(provider)

    def _wrap_worker(self, provider: RendererProvider[Any]) -> None:
        start_worker = provider.start_worker

        async def start(request: ProvisionRequest) -> Mapping[str, Any]:
            """Start the worker, with the faults of the call if there are any.

            Args:
                request: The request that `provision` received.

            Returns:
                The record of the worker.

            Raises:
                WorkerError: The worker cannot be started, or ended before it was ready.
            """
            scenario = self.faults.next_scenario()
            if scenario == QUIET:
                return await start_worker(request)
            return await start_faulty_worker(
                request, provider.renderer, options=provider.options(), scenario=scenario
            )

        provider.start_worker = start  # type: ignore[method-assign]


class _CallAccount(VendorAccount):
    """An account whose next worker has the next faults of the call.

    Args:
        room: The room of the call.
        next_scenario: Returns the faults of the next worker.
    """

    def __init__(self, room: CallRoom, next_scenario: Callable[[], Scenario]) -> None:
        super().__init__(room.launch, room=room.memory)
        self._next_scenario = next_scenario

    def create_session(self, *, scenario: Scenario = QUIET, **options: Any) -> VendorSession:
        if scenario == QUIET:
            scenario = self._next_scenario()
        return super().create_session(scenario=scenario, **options)


class _CountedProvider:
    """Counts the sessions of a provider, and sends its create requests to a fake vendor first.

    Args:
        provider: The provider.
        sessions: The sessions of the call.
        front: The fake vendor, which refuses or fails requests.
    """

    def __init__(
        self, provider: AvatarProvider[Any], sessions: Sessions, front: VendorFront
    ) -> None:
        self._provider, self._sessions, self._front = provider, sessions, front

    def wrap(self) -> None:
        """Give the provider a class that counts, also in copies such as those of the bridge."""
        cls = type(self._provider)
        counter = self

        async def provision(provider: Any, request: ProvisionRequest) -> ProvisionedAvatar:
            return await counter.provision(partial(cls.provision, provider), request)

        async def release(provider: Any, avatar: ProvisionedAvatar, reason: str) -> None:
            await cls.release(provider, avatar, reason)
            counter.end(avatar)

        methods = {"provision": provision, "release": release, "__module__": cls.__module__}
        self._provider.__class__ = type(cls.__name__, (cls,), methods)

    async def provision(self, create: Create, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session, unless the fake vendor refuses the request.

        Args:
            create: The method `provision` of the provider.
            request: The request.

        Returns:
            The record of the session.

        Raises:
            ProvisionError: The fake vendor refused the request, or the provider failed.
        """
        await self._front.create(request.deadline_s)

        def claim(avatar: ProvisionedAvatar) -> object:
            """Count the session, and write it into the ledger.

            Args:
                avatar: The record of the session.

            Returns:
                The result of `ProvisionRequest.claim`.
            """
            self._sessions.begin(self._provider.name, avatar.identity)
            return request.claim(avatar)

        avatar = await create(replace(request, claim=claim))
        self._sessions.begin(self._provider.name, avatar.identity)
        return avatar

    def end(self, avatar: ProvisionedAvatar) -> None:
        """Count the end of a session.

        Args:
            avatar: The record of the session.
        """
        self._sessions.end(self._provider.name, avatar.identity)


def _names(chain: Item | Sequence[Item]) -> list[str]:
    """Return the names of the providers of a chain, without those of its last resort, the voice."""
    if isinstance(chain, str):
        return [choice.name for choice in parse_chain(chain)] if chain.strip() else []
    if isinstance(chain, ProviderSettings):
        return [type(chain).provider]
    if isinstance(chain, AvatarProvider):
        return [chain.name]
    items = chain if isinstance(chain, Iterable) else ()  # `resolve` refuses other objects
    return [name for item in items for name in _names(item)]
