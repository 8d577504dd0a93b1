"""The reaper ends, keeps or awaits the sessions in the ledger."""

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
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import FORGET_AFTER_S, MAY_STILL_JOIN_S, LedgerEntry
from avatar_core.provisioning.reaper import reap
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time


class ReaperHarness:
    """A ledger with sessions of dead processes, and a provider that ends them."""

    def __init__(self, folder: Path, **capabilities: object) -> None:
        self.ledger = Ledger(folder)
        self.provider = ScriptedProvider(MemoryRoom())
        self.provider.capabilities = Capabilities(**capabilities)  # type: ignore[arg-type]
        self.removed: list[tuple[str, str]] = []
        self.is_present = True
        self.error: AvatarError | None = None
        self.listed: list[ProvisionedAvatar] = []
        self.provider.lookup = self._lookup  # type: ignore[method-assign]

    def add_session(self, session_id: str, *, dead: bool = True, **fields: object) -> LedgerEntry:
        """Write the session of a dead process, or of this one, into the ledger."""
        ledger_entry = LedgerEntry.pending(
            "vendor", f"key of {session_id}", "room", f"{session_id}-avatar"
        )
        ledger_entry = replace(ledger_entry, session_id=session_id, **fields)  # type: ignore[arg-type]
        ledger_entry = (
            replace(ledger_entry, started=ledger_entry.started - 60) if dead else ledger_entry
        )
        self.ledger.write(ledger_entry)
        return ledger_entry

    def provider_of(self, name: str) -> AvatarProvider[object]:
        if name != "vendor":
            raise ProviderNotFoundError("unknown provider.")
        if self.error is not None:
            raise self.error
        return self.provider

    async def remove(self, room: str, identity: str) -> bool:
        self.removed.append((room, identity))
        return self.is_present

    async def reap(self, **options: Any) -> list[str]:
        results = await reap(AsyncLedger(self.ledger), self.provider_of, self.remove, **options)
        return [result.status for result in results]

    @property
    def released(self) -> list[str]:
        return [session_id for session_id, _ in self.provider.released]

    async def _lookup(self, key: str) -> ProvisionedAvatar | None:
        return self.listed.pop() if self.listed else None


async def test_reaper_ends_only_the_sessions_of_dead_processes(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.add_session("s1")
    alive = harness.add_session("s2", dead=False)
    harness.add_session("s3")
    assert await harness.reap() == ["ended", "alive", "ended"]
    assert harness.released == ["s1", "s3"]
    assert harness.removed == []
    assert harness.ledger.read_all() == [alive]
    assert await harness.reap() == ["alive"]


async def test_dry_run_ends_nothing(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.add_session("s1")
    harness.add_session("s2", expires_at=time.time() - FORGET_AFTER_S)
    assert await harness.reap(dry_run=True) == ["would_end", "expired"]
    assert harness.released == []
    assert len(harness.ledger.read_all()) == 2


async def test_participant_is_removed_if_the_vendor_cannot_end_sessions(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path)
    ledger_entry = harness.add_session("s1")
    assert await harness.reap() == ["ended"]
    assert harness.removed == [("room", ledger_entry.identity)]


async def test_lookup_finds_a_session_without_an_id(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True, safe_retry=SafeRetry.LOOKUP)
    harness.add_session("")
    harness.listed = [ProvisionedAvatar(session_id="found", identity="-avatar")]
    assert await harness.reap() == ["ended"]
    assert harness.released == ["found"]
    assert harness.removed == [("room", "-avatar")]


@pytest.mark.parametrize("session_id", ["s1", ""])
async def test_reaper_waits_for_a_participant_that_has_not_joined(
    session_id: str, tmp_path: Path
) -> None:
    harness = ReaperHarness(tmp_path)
    harness.add_session(session_id)
    harness.is_present = False
    assert await harness.reap() == ["waiting"]
    harness.is_present = True
    assert await harness.reap() == ["ended"]
    assert harness.ledger.read_all() == []


async def test_pending_request_is_looked_up_again(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True, safe_retry=SafeRetry.LOOKUP)
    harness.add_session("")
    harness.is_present = False
    assert await harness.reap() == ["waiting"]
    harness.listed = [ProvisionedAvatar(session_id="found", identity="-avatar")]
    assert await harness.reap() == ["ended"]
    assert harness.released == ["found"]


async def test_pending_request_expires_if_no_participant_joins(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path)
    harness.add_session("", at=time.time() - MAY_STILL_JOIN_S)
    harness.is_present = False
    assert await harness.reap() == ["expired"]
    assert harness.ledger.read_all() == []


async def test_failed_session_stays_in_the_ledger_until_it_expires(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.add_session("s1")
    harness.add_session("s2", expires_at=time.time() - FORGET_AFTER_S)
    harness.error = UnavailableError("it is down.")
    results = await reap(AsyncLedger(harness.ledger), harness.provider_of, harness.remove)
    assert [(result.status, result.why) for result in results] == [
        ("failed", str(UnavailableError("it is down."))),
        ("expired", str(UnavailableError("it is down."))),
    ]
    assert [one.session_id for one in harness.ledger.read_all()] == ["s1"]
    harness.error = None
    assert await harness.reap() == ["ended"]


async def test_missing_provider_does_not_prevent_reaping_the_others(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.add_session("s1", provider="uninstalled")
    harness.add_session("s2")
    assert await harness.reap() == ["failed", "ended"]
    assert await harness.reap(only=["vendor"]) == []


async def test_release_that_hangs_fails_at_its_deadline(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.provider.release_s = 60.0
    harness.add_session("s1")
    assert await harness.reap() == ["failed"]


@pytest.mark.parametrize("count", [40])
async def test_many_sessions_end_in_parallel(count: int, tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    harness.provider.release_s = 1.0
    for number in range(count):
        harness.add_session(f"s{number}")
    assert await harness.reap() == ["ended"] * count


async def test_session_of_another_account_is_not_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    monkeypatch.setattr(ScriptedProvider, "account", "ours")
    harness.add_session("s1", account="theirs")
    harness.add_session("s2", account="ours")
    harness.add_session("s3")  # its account is not recorded
    harness.add_session("s4", account="theirs", at=time.time() - FORGET_AFTER_S)
    assert sorted(await harness.reap()) == ["ended", "ended", "expired", "failed"]
    assert sorted(harness.released) == ["s2", "s3"]
    assert [one.session_id for one in harness.ledger.read_all()] == ["s1"]


@pytest.mark.parametrize(("ends", "status"), [(True, "ended"), (False, "failed")])
async def test_participant_at_another_server_is_not_removed(
    ends: bool, status: str, tmp_path: Path
) -> None:
    harness = ReaperHarness(tmp_path, ends_session=ends)
    harness.add_session("s1", livekit_url="wss://theirs.example")
    assert await harness.reap(livekit_url="wss://ours.example") == [status]
    assert harness.removed == []


async def test_disowned_session_ends_while_its_process_lives(tmp_path: Path) -> None:
    harness = ReaperHarness(tmp_path, ends_session=True)
    ledger_entry = harness.add_session("s1", dead=False)
    harness.ledger.write(ledger_entry.disown())
    assert await harness.reap() == ["ended"]
