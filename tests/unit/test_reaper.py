"""The reaper: dead processes' purchases end, living ones' are not touched."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.errors import AvatarError, ProviderNotFoundError, UnavailableError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import KEPT_S, MAY_STILL_JOIN_S, LedgerEntry
from avatar_core.provisioning.reaper import reap
from avatar_core.testing.failover_harness import Vendor
from avatar_core.testing.room.room import MemoryRoom

pytestmark = pytest.mark.virtual_time


class Shop:
    """A ledger with entries of dead processes, and a vendor that ends them."""

    def __init__(self, folder: Path, **capabilities: object) -> None:
        self.ledger = Ledger(folder)
        self.vendor = Vendor(MemoryRoom())
        self.vendor.capabilities = Capabilities(**capabilities)  # type: ignore[arg-type]
        self.remove_participant: list[tuple[str, str]] = []
        self.there = True
        self.fault: AvatarError | None = None
        self.held: list[ProvisionedAvatar] = []
        self.vendor.lookup = self._lookup  # type: ignore[method-assign]

    def left(self, session_id: str, *, dead: bool = True, **changes: object) -> LedgerEntry:
        """Something that a process left behind, or still holds."""
        entry = LedgerEntry.pending(
            "vendor", f"key of {session_id}", "room", f"{session_id}-avatar"
        )
        entry = replace(entry, session_id=session_id, **changes)  # type: ignore[arg-type]
        entry = replace(entry, started=entry.started - 60) if dead else entry
        self.ledger.write(entry)
        return entry

    def provider_of(self, name: str) -> AvatarProvider[object]:
        if name != "vendor":
            raise ProviderNotFoundError("no such provider.")
        if self.fault is not None:
            raise self.fault
        return self.vendor

    async def remove(self, room: str, identity: str) -> bool:
        self.remove_participant.append((room, identity))
        return self.there

    async def reap(self, **options: Any) -> list[str]:
        results = await reap(self.ledger, self.provider_of, self.remove, **options)
        return [result.status for result in results]

    @property
    def released(self) -> list[str]:
        return [session_id for session_id, _ in self.vendor.released]

    async def _lookup(self, key: str) -> ProvisionedAvatar | None:
        return self.held.pop() if self.held else None


async def test_what_the_dead_left_is_ended_and_the_living_keep_theirs(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.left("s1")
    alive = shop.left("s2", dead=False)
    shop.left("s3")
    assert await shop.reap() == ["ended", "alive", "ended"]
    assert shop.released == ["s1", "s3"]
    assert shop.remove_participant == []
    assert shop.ledger.entries() == [alive]
    assert await shop.reap() == ["alive"]


async def test_a_dry_run_only_tells(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.left("s1")
    shop.left("s2", expires_at=time.time() - KEPT_S)
    assert await shop.reap(dry_run=True) == ["to end", "over"]
    assert shop.released == []
    assert len(shop.ledger.entries()) == 2


async def test_a_vendor_without_an_end_has_its_worker_put_out(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    entry = shop.left("s1")
    assert await shop.reap() == ["ended"]
    assert shop.remove_participant == [("room", entry.identity)]


async def test_what_may_have_been_bought_is_looked_for(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True, safe_retry=SafeRetry.LOOKUP)
    shop.left("")
    shop.held = [ProvisionedAvatar(session_id="found", identity="-avatar")]
    assert await shop.reap() == ["ended"]
    assert shop.released == ["found"]
    assert shop.remove_participant == [("room", "-avatar")]


@pytest.mark.parametrize("session_id", ["s1", ""])
async def test_a_worker_that_comes_late_is_waited_for(session_id: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.left(session_id)
    shop.there = False
    assert await shop.reap() == ["waiting"]
    shop.there = True
    assert await shop.reap() == ["ended"]
    assert shop.ledger.entries() == []


async def test_a_create_that_was_on_its_way_is_looked_for_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True, safe_retry=SafeRetry.LOOKUP)
    shop.left("")
    shop.there = False
    assert await shop.reap() == ["waiting"]
    shop.held = [ProvisionedAvatar(session_id="found", identity="-avatar")]
    assert await shop.reap() == ["ended"]
    assert shop.released == ["found"]


async def test_what_never_came_is_forgotten_in_the_end(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.left("", at=time.time() - MAY_STILL_JOIN_S)
    shop.there = False
    assert await shop.reap() == ["over"]
    assert shop.ledger.entries() == []


async def test_what_cannot_be_ended_is_kept_until_it_is_over(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.left("s1")
    shop.left("s2", expires_at=time.time() - KEPT_S)
    shop.fault = UnavailableError("it is down.")
    results = await reap(shop.ledger, shop.provider_of, shop.remove)
    assert [(result.status, result.why) for result in results] == [
        ("kept", "[AV205] it is down."),
        ("over", "[AV205] it is down."),
    ]
    assert [entry.session_id for entry in shop.ledger.entries()] == ["s1"]
    shop.fault = None
    assert await shop.reap() == ["ended"]


async def test_a_provider_that_is_gone_keeps_nobody_else(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.left("s1", provider="uninstalled")
    shop.left("s2")
    assert await shop.reap() == ["kept", "ended"]
    assert await shop.reap(only=["vendor"]) == []


async def test_one_that_hangs_is_given_up(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.vendor.release_s = 60.0
    shop.left("s1")
    assert await shop.reap() == ["kept"]


@pytest.mark.parametrize("count", [40])
async def test_many_are_ended_at_once(count: int, tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    shop.vendor.release_s = 1.0
    for number in range(count):
        shop.left(f"s{number}")
    assert await shop.reap() == ["ended"] * count


async def test_what_another_account_bought_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, ends_session=True)
    monkeypatch.setattr(Vendor, "account", "ours")
    shop.left("s1", account="theirs")
    shop.left("s2", account="ours")
    shop.left("s3")  # nobody wrote down whose
    shop.left("s4", account="theirs", at=time.time() - KEPT_S)
    assert sorted(await shop.reap()) == ["ended", "ended", "kept", "over"]
    assert sorted(shop.released) == ["s2", "s3"]
    assert [entry.session_id for entry in shop.ledger.entries()] == ["s1"]


@pytest.mark.parametrize(("ends", "status"), [(True, "ended"), (False, "kept")])
async def test_nobody_is_put_out_of_a_room_elsewhere(
    ends: bool, status: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path, ends_session=ends)
    shop.left("s1", livekit_url="wss://theirs.example")
    assert await shop.reap(livekit_url="wss://ours.example") == [status]
    assert shop.remove_participant == []


async def test_what_its_process_let_go_of_is_ended_while_that_lives(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ends_session=True)
    entry = shop.left("s1", dead=False)
    shop.ledger.write(entry.disown())
    assert await shop.reap() == ["ended"]
