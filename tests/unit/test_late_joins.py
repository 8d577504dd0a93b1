"""Avatars are removed if they join after this process or a dead one abandoned their session."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import RejectedError
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.leftovers import REAP_AGAIN_S
from avatar_core.http.memory import FakeResponse
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor
from avatar_core.testing.fake_vendor.responses import json_response
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time

JOIN_S, LIST_S = 5.0, 2.0


class NoEndProvider(ScriptedProvider):
    """A provider whose release does not stop the worker, so the participant must be removed."""

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        self.released.append((avatar.session_id, reason))


class RefusingProvider(ScriptedProvider):
    """A provider whose release always fails."""

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        self.released.append((avatar.session_id, reason))
        raise RejectedError("the session cannot be ended.")


def record_joins(room: MemoryRoom) -> list[str]:
    """Return a list to which the identity of each joining participant is added."""
    joined: list[str] = []

    def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
        if event is RoomEvent.JOINED and participant is not None:
            joined.append(participant.identity)

    room.join("watcher").watch(look)
    return joined


def late_provider(room: MemoryRoom) -> NoEndProvider:
    provider = NoEndProvider(room)
    provider.join_s = JOIN_S
    return provider


async def test_avatar_that_joins_after_its_timeout_is_removed(
    room: MemoryRoom, tmp_path: Path
) -> None:
    harness = FailoverHarness(room, late_provider(room), join_timeout_s=2.0, ledger=tmp_path)
    joined = record_joins(room)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    (ledger_entry,) = await harness.read_ledger()
    await harness.wait_until(lambda: ledger_entry.identity in joined, JOIN_S)
    await harness.wait_until(lambda: ledger_entry.identity not in room.members, 0.1)
    assert await harness.read_ledger() == []
    await harness.close()


async def test_session_left_at_close_can_be_ended_by_any_reaper(
    room: MemoryRoom, tmp_path: Path
) -> None:
    provider = late_provider(room)
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    await harness.controller.start()
    await harness.close()
    ((session_id, _),) = provider.released
    (ledger_entry,) = await harness.read_ledger()
    assert ledger_entry.session_id == session_id
    # any reaper may end it, although this process lives
    assert Ledger(tmp_path).is_orphan(ledger_entry)
    for worker in provider.workers.values():
        worker.cancel()


def orphan(key: str, identity: str, session_id: str = "") -> LedgerEntry:
    """Return the entry of a session whose process is dead."""
    ledger_entry = LedgerEntry.pending("vendor", key, "room", identity)
    return replace(ledger_entry, session_id=session_id, started=ledger_entry.started - 60)


async def test_late_avatar_of_a_dead_process_is_removed(room: MemoryRoom, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger_entry = orphan("key", "lost-avatar")
    ledger.write(ledger_entry)
    harness = FailoverHarness(room, ScriptedProvider(room), ledger=tmp_path)
    await harness.controller.start()
    await harness.controller.wait_until_settled()
    await asyncio.sleep(JOIN_S)
    room.join("lost-avatar", is_agent=True)
    assert (
        await harness.wait_until(lambda: "lost-avatar" not in room.members, 60.0)
        <= 2 * REAP_AGAIN_S
    )
    assert [one.key for one in ledger.read_all()] != [ledger_entry.key]
    await harness.close()
    assert ledger.read_all() == []


async def test_session_that_cannot_be_ended_is_logged_once(
    room: MemoryRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, provider = Ledger(tmp_path), RefusingProvider(room)
    ledger.write(orphan("key", "lost-avatar"))
    ledger.write(orphan("key", "held-avatar", session_id="held"))
    harness = FailoverHarness(room, provider, ledger=tmp_path)
    await harness.controller.start()
    await asyncio.sleep(3 * REAP_AGAIN_S)
    assert [session_id for session_id, _ in provider.released].count("held") > 2
    assert caplog.text.count("session of a killed process: vendor session held: ") == 1
    await harness.close()


async def test_participant_of_a_session_that_cannot_be_ended_is_removed(
    room: MemoryRoom, tmp_path: Path
) -> None:
    provider = RefusingProvider(room)
    provider.capabilities = replace(provider.capabilities, ends_session=True)
    harness = FailoverHarness(room, provider, join_timeout_s=2.0, ledger=tmp_path)
    provider.join_s = JOIN_S
    joined = record_joins(room)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    (identity,) = provider.workers
    await harness.wait_until(lambda: identity in joined, JOIN_S)
    await harness.wait_until(lambda: identity not in room.members, 1.0)
    (ledger_entry,) = await harness.read_ledger()
    assert not Ledger(tmp_path).is_orphan(ledger_entry)
    await harness.close()
    (ledger_entry,) = await harness.read_ledger()
    assert Ledger(tmp_path).is_orphan(ledger_entry)


class LateList(FakeVendor):
    """A vendor whose list shows a session only after `LIST_S` seconds."""

    async def handle(self, method: str, path: str, *rest: Any) -> FakeResponse:
        response = await super().handle(method, path, *rest)
        listed = any(now() - one.started_at > LIST_S for one in self.account.active)
        return response if method != "GET" or listed else json_response(200, {"data": []})


@pytest.mark.parametrize("faults", [("html",), ("reset after create", "402")])
async def test_session_that_the_vendor_lists_late_is_ended(
    faults: tuple[str, ...], room: MemoryRoom, tmp_path: Path
) -> None:
    account = VendorAccount(silent_workers(room), absent_timeout_s=120.0, join_s=JOIN_S)
    vendor = LateList(account)
    for fault in faults:
        vendor.fail(fault)
    harness = FailoverHarness(room, make_acme(SafeRetry.LOOKUP, vendor.transport), ledger=tmp_path)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    (session,) = account.sessions
    assert [one.key for one in await harness.read_ledger()] == [session.name]
    await asyncio.sleep(JOIN_S + 1.0)
    assert session.end_reason == "it was ended"
    assert await harness.read_ledger() == []
    await harness.close()
    await harness.agent.aclose()
    await vendor.aclose()
