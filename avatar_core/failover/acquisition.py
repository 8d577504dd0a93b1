"""Acquires an avatar from the first provider of the chain that works, and again after a loss."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from avatar_core.contracts.errors import (
    AvatarError,
    CapacityError,
    JoinTimeoutError,
    TransportError,
    UnavailableError,
    WorkerError,
)
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.failover.retries import RetryBudget
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.lease import Lease
from avatar_core.registry.selection import Candidate
from avatar_core.tasks import as_avatar_error

TRANSIENT = (UnavailableError, CapacityError, JoinTimeoutError, TransportError, WorkerError)
"""The errors after which another retry of the same provider may succeed."""


class Acquisition:
    """Provisions the providers of a chain in order, until an avatar can be used.

    A provider that fails before its avatar was in use is not tried again. A provider whose avatar
    was lost in use is tried again before the next one, as often as its budget allows.

    Args:
        context: The room, and the means to provision avatars for it.
        chain: The providers in order of preference.
        report_failure: Called with the name of a provider and its error.

    Attributes:
        providers: The providers of the chain.
        provisioned: Set once the first `provision` has succeeded, or all have failed.
        provisioning: The provider whose avatar is being provisioned, or joins; None otherwise.
    """

    def __init__(
        self,
        context: SessionContext,
        chain: Sequence[Candidate],
        report_failure: Callable[[str, AvatarError], None],
    ) -> None:
        self._context = context
        self._chain = [candidate for candidate in chain if candidate.provider is not None]
        self._remaining = list(self._chain)
        self._report_failure = report_failure
        self._budgets: dict[int, RetryBudget] = {}
        self._current: Candidate | None = None
        self._lost: Candidate | None = None
        self.providers = [one.provider for one in self._chain if one.provider is not None]
        self.provisioned = asyncio.Event()
        self.provisioning: AvatarProvider[Any] | None = None

    @property
    def first_name(self) -> str | None:
        """Name of the first provider of the chain; None for a chain without a provider."""
        return self.providers[0].name if self.providers else None

    def restart(self) -> None:
        """Begin again with the first provider of the chain, regardless of earlier failures."""
        self._remaining, self._lost = list(self._chain), None

    def note_loss(self) -> None:
        """Let the next `run` begin with the provider whose avatar was lost, within its budget."""
        self._lost = self._current

    async def run(self) -> Lease | None:
        """Provision until an avatar can be used.

        Returns:
            The lease, with its transport open; None if no provider is left, or the room has closed.
        """
        try:
            while self._context.link.connected:
                candidate = self._current = await self._next_candidate()
                if candidate is None:
                    return None
                if (lease := await self._try(candidate)) is not None:
                    return lease
            return None
        finally:
            self.provisioning = None
            self.provisioned.set()

    async def _next_candidate(self) -> Candidate | None:
        if self._lost is not None:
            budget = self._budgets.setdefault(id(self._lost), RetryBudget(self._context.retries))
            delay_s = budget.take(self._context.clock())
            if delay_s is not None:
                await asyncio.sleep(delay_s)
                return self._lost
            self._lost = None
        return self._remaining.pop(0) if self._remaining else None

    async def _try(self, candidate: Candidate) -> Lease | None:
        provider = self.provisioning = candidate.provider
        assert provider is not None
        name = provider.name
        lease: Lease | None = None
        try:
            lease = await Lease.provision(provider, self._context)
            self.provisioned.set()
            await lease.open()
        except Exception as raised:
            error = as_avatar_error(raised, name)
            self._report_failure(name, error)
            self._release(lease, name, str(error))
            if not isinstance(error, TRANSIENT):
                self._lost = None
            return None
        except asyncio.CancelledError:
            self._release(lease, name, "closing")
            raise
        return lease

    def _release(self, lease: Lease | None, name: str, reason: str) -> None:
        if lease is not None:
            self._context.releaser.tasks.start(lease.release(reason), f"{name}-release")
