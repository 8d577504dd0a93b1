"""A token admits an avatar while it may join, and a participant that was removed stays out."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from avatar_core.contracts.errors import CapacityError
from avatar_core.contracts.provisioning import ProvisionRequest, TokenSpec
from avatar_core.provisioning.lease import Lease
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.tokens import JOIN_MARGIN_S
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.room.workers import mint
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time


class MintingProvider(ScriptedProvider):
    """A provider that makes its token at once, and notes when its avatar has joined."""

    token = ""

    async def provision(self, request: ProvisionRequest) -> object:  # type: ignore[override]
        self.token = request.avatar_token()
        return await super().provision(request)


@pytest.mark.parametrize(
    ("expected_join_s", "lifetime_s"), [(1.0, 110.0), (15.0, 110.0), (75.0, 230.0)]
)
async def test_token_is_valid_for_provisioning_and_the_join(
    expected_join_s: float, lifetime_s: float, room: MemoryRoom
) -> None:
    specs: list[TokenSpec] = []

    def note(spec: TokenSpec) -> str:
        specs.append(spec)
        return mint(spec)

    provider = MintingProvider(room)
    provider.capabilities = replace(
        provider.capabilities, expected_join_s=expected_join_s, max_session_s=7200.0
    )
    harness = FailoverHarness(room, provider, mint=note)
    await harness.controller.start()
    assert [spec.ttl_s for spec in specs] == [lifetime_s]
    await harness.close()


async def test_token_outlives_the_latest_join(room: MemoryRoom) -> None:
    """The avatar is given up before its token expires, and not much earlier."""
    specs: list[TokenSpec] = []

    def note(spec: TokenSpec) -> str:
        specs.append(spec)
        return mint(spec)

    provider = MintingProvider(room)
    provider.provision_s, provider.joins = 19.0, False
    harness = FailoverHarness(room, provider, mint=note)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    assert specs[0].ttl_s - 2 * JOIN_MARGIN_S < now() < specs[0].ttl_s
    await harness.close()


async def joined_identity(harness: FailoverHarness) -> str:
    """Start the avatar of a harness, and return its identity."""
    await harness.controller.start()
    lease = await harness.controller.wait_until_settled()
    assert isinstance(lease, Lease)
    return lease.avatar.identity


async def test_lost_avatar_that_joins_again_is_removed(room: MemoryRoom) -> None:
    harness = FailoverHarness(room, ScriptedProvider(room))
    identity = await joined_identity(harness)
    room.remove(identity)
    await harness.wait_until(lambda: harness.controller.lease is None, 30.0)
    for _ in range(2):  # its token is still valid
        room.join(identity, is_agent=True)
        room.published(identity, "video")
        assert identity in room.members
        await harness.wait_until(lambda: identity not in room.members, 1.0)
    await harness.close()


async def test_avatar_of_a_failed_start_that_joins_again_is_removed(room: MemoryRoom) -> None:
    provider = ScriptedProvider(room)
    provider.provision_error = CapacityError("there is no place.")
    harness = FailoverHarness(room, provider)
    identities: list[str] = []
    provision = provider.provision

    async def note(request: ProvisionRequest) -> object:
        identities.append(request.identity)
        return await provision(request)

    provider.provision = note  # type: ignore[method-assign, assignment]
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    room.join(identities[0], is_agent=True)
    room.published(identities[0], "video")
    await harness.wait_until(lambda: identities[0] not in room.members, 1.0)
    await harness.close()


async def test_other_participants_and_the_next_avatar_are_not_removed(room: MemoryRoom) -> None:
    first, second = ScriptedProvider(room, "first"), ScriptedProvider(room, "second")
    harness = FailoverHarness(room, first, second)
    lost = await joined_identity(harness)
    room.remove(lost)
    await harness.wait_until(lambda: harness.controller.lease is None, 30.0)
    lease = await harness.controller.wait_until_settled()
    assert lease is not None
    room.join("a user")
    await asyncio.sleep(10.0)
    assert {lease.avatar.identity, "a user"} < room.members.keys()
    await harness.close()
    assert lost not in room.members


def test_identity_that_the_vendor_chose_is_not_removed() -> None:
    """The vendor may give it to the next session, too."""
    ours = LedgerEntry.pending("acme", "room-1a2b3c4d", "room", "acme-avatar-1a2b3c4d")
    assert ours.has_own_identity
    assert not replace(ours, identity="acme-avatar-agent").has_own_identity
