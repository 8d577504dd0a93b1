"""A worker that comes when nobody waits for it any more is put out, of the living and the dead."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import RejectedError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.controller import LOOK_AGAIN_S
from avatar_core.http.memory import FakeResponse
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.testing.clock import now
from avatar_core.testing.failover_harness import Scene, Vendor
from avatar_core.testing.fake_vendor.account import VendorAccount
from avatar_core.testing.fake_vendor.fake import FakeVendor, json_response
from avatar_core.testing.rest_harness import make_acme, silent_workers
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time

JOIN_S, LIST_S = 5.0, 2.0


class Endless(Vendor):
    """Has no end: its worker must be put out."""

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        self.released.append((avatar.session_id, reason))


class Unending(Vendor):
    """Refuses to end what it sold."""

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        self.released.append((avatar.session_id, reason))
        raise RejectedError("does not end it.")


def coming(room: MemoryRoom) -> list[str]:
    """Who joins from now on."""
    seen: list[str] = []

    def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
        if event is RoomEvent.JOINED and participant is not None:
            seen.append(participant.identity)

    room.join("watcher").watch(look)
    return seen


def endless(room: MemoryRoom) -> Endless:
    vendor = Endless(room)
    vendor.join_s = JOIN_S
    return vendor


async def test_whose_time_was_up_is_put_out_as_it_joins(room: MemoryRoom, tmp_path: Path) -> None:
    scene = Scene(room, endless(room), join_timeout_s=2.0, ledger=tmp_path)
    came = coming(room)
    await scene.controller.start()
    assert await scene.controller.settled() is None
    (entry,) = Ledger(tmp_path).entries()
    await scene.until(lambda: entry.identity in came, JOIN_S)
    await scene.until(lambda: entry.identity not in room.members, 0.1)
    assert Ledger(tmp_path).entries() == []
    await scene.close()


async def test_whose_session_was_closed_is_left_to_the_reaper(
    room: MemoryRoom, tmp_path: Path
) -> None:
    vendor = endless(room)
    scene = Scene(room, vendor, ledger=tmp_path)
    await scene.controller.start()
    await scene.close()
    ((session_id, _),) = vendor.released
    (entry,) = Ledger(tmp_path).entries()
    assert entry.session_id == session_id
    assert entry.is_orphan()  # any reaper may, though this process lives
    for worker in vendor.workers.values():
        worker.cancel()


def orphan(key: str, identity: str, session_id: str = "") -> LedgerEntry:
    """Of a process that is dead."""
    entry = LedgerEntry.pending("vendor", key, "room", identity)
    return replace(entry, session_id=session_id, started=entry.started - 60)


async def test_what_a_dead_process_asked_for_is_looked_for_again(
    room: MemoryRoom, tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    entry = orphan("key", "lost-avatar")
    ledger.write(entry)
    scene = Scene(room, Vendor(room), ledger=tmp_path)
    await scene.controller.start()
    await scene.controller.settled()
    await asyncio.sleep(JOIN_S)
    room.join("lost-avatar", is_agent=True)
    assert await scene.until(lambda: "lost-avatar" not in room.members, 60.0) <= 2 * LOOK_AGAIN_S
    assert [left.key for left in ledger.entries()] != [entry.key]
    await scene.close()
    assert ledger.entries() == []


async def test_what_cannot_be_ended_is_said_once_though_it_is_tried_again(
    room: MemoryRoom, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, vendor = Ledger(tmp_path), Unending(room)
    ledger.write(orphan("key", "lost-avatar"))
    ledger.write(orphan("key", "held-avatar", session_id="held"))
    scene = Scene(room, vendor, ledger=tmp_path)
    await scene.controller.start()
    await asyncio.sleep(3 * LOOK_AGAIN_S)
    assert [session_id for session_id, _ in vendor.released].count("held") > 2
    assert caplog.text.count("vendor session held of a dead process: kept") == 1
    await scene.close()


async def test_the_worker_of_what_cannot_be_ended_is_put_out(
    room: MemoryRoom, tmp_path: Path
) -> None:
    vendor = Unending(room)
    vendor.capabilities = replace(vendor.capabilities, ends_session=True)
    scene = Scene(room, vendor, join_timeout_s=2.0, ledger=tmp_path)
    vendor.join_s = JOIN_S
    came = coming(room)
    await scene.controller.start()
    assert await scene.controller.settled() is None
    (identity,) = vendor.workers
    await scene.until(lambda: identity in came, JOIN_S)
    await scene.until(lambda: identity not in room.members, 1.0)
    (entry,) = Ledger(tmp_path).entries()
    assert not entry.is_orphan()
    await scene.close()
    (entry,) = Ledger(tmp_path).entries()
    assert entry.is_orphan()


class LateList(FakeVendor):
    """Names a session in its list only after a while."""

    async def handle(self, method: str, path: str, *rest: Any) -> FakeResponse:
        answer = await super().handle(method, path, *rest)
        listed = any(now() - one.started_at > LIST_S for one in self.account.active)
        return answer if method != "GET" or listed else json_response(200, {"data": []})


@pytest.mark.parametrize("faults", [("html",), ("reset after create", "402")])
async def test_what_its_vendors_list_names_too_late_is_ended_all_the_same(
    faults: tuple[str, ...], room: MemoryRoom, tmp_path: Path
) -> None:
    account = VendorAccount(silent_workers(room), absent_timeout_s=120.0, join_s=JOIN_S)
    vendor = LateList(account)
    for fault in faults:
        vendor.fail(fault)
    scene = Scene(room, make_acme(SafeRetry.LOOKUP, vendor.transport), ledger=tmp_path)
    await scene.controller.start()
    assert await scene.controller.settled() is None
    (session,) = account.sessions
    assert [entry.key for entry in Ledger(tmp_path).entries()] == [session.name]
    await asyncio.sleep(JOIN_S + 1.0)
    assert session.end_reason == "it was ended"
    assert Ledger(tmp_path).entries() == []
    await scene.close()
    await scene.agent.aclose()
    await vendor.aclose()
