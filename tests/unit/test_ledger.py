"""The ledger: whole records, in any process's sight, and a disk that will not take them."""

from __future__ import annotations

import json
import logging
import os
import resource
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.ledger_entry import KEPT_S, LedgerEntry

ROOT = Path(__file__).parents[2]
AVATAR = ProvisionedAvatar(
    session_id="s/../1", identity="acme-avatar-1", audio_identity="ear", state={"a": [1, None]}
)


def pending(key: str = "room-1") -> LedgerEntry:
    return LedgerEntry.pending("acme", key, "röom/..", "acme-avatar-1")


def test_what_was_bought_is_read_again(tmp_path: Path) -> None:
    ledger, entry = Ledger(tmp_path / "a" / "b"), pending()
    ledger.write(entry)
    ledger.write(entry.with_session(AVATAR))
    ledger.remove(entry)
    ledger.remove(entry)
    (read,) = Ledger(tmp_path / "a" / "b").entries()
    assert read == entry.with_session(AVATAR)
    assert read.avatar == AVATAR
    ledger.remove(read)
    assert ledger.entries() == []
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_it_is_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    Ledger(folder).write(pending())
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert file.parent == folder


def test_entries_come_oldest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for at in (3.0, 1.0, 2.0):
        ledger.write(replace(pending(f"room-{at}"), at=at))
    assert [entry.at for entry in ledger.entries()] == [1.0, 2.0, 3.0]


def test_who_lives_is_no_orphan_and_who_is_gone_is() -> None:
    own = pending()
    assert not own.is_orphan()
    assert replace(own, started=own.started - 60).is_orphan()
    gone = next(pid for pid in range(300_000, 400_000) if not psutil.pid_exists(pid))
    assert replace(own, pid=gone).is_orphan()
    assert not replace(own, pid=gone, host="another").is_orphan()
    assert replace(own, host="another", at=time.time() - KEPT_S - 1).is_orphan()
    assert replace(own, boot="another").is_orphan()
    assert own.disown().is_orphan()
    assert own.disown().name == own.name


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere start times do not move")
def test_a_clock_that_is_set_makes_nobody_an_orphan(monkeypatch: pytest.MonkeyPatch) -> None:
    own, booted = pending(), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600.0)
    assert psutil.Process().create_time() - time.time() > 1800.0
    assert not own.is_orphan()


def test_what_may_not_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    ledger = Ledger(tmp_path)
    assert ledger.entries() == []
    assert "cannot be read (Permission denied)" in ledger.fault
    assert ledger.fault in caplog.text


def test_entries_age_out() -> None:
    own = pending()
    assert not own.is_expired()
    assert replace(own, at=time.time() - KEPT_S - 1).is_expired()
    assert replace(own, expires_at=time.time() - 3600).is_expired()
    assert not replace(own, expires_at=time.time() + 60, at=0.0).is_expired()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"provider": "acme"}', '{"pid": "x"}', "\x00" * 99]
)
def test_what_is_no_entry_is_left_alone(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    (tmp_path / "odd.json").write_text(text)
    (tmp_path / "another.txt").write_text(text)
    assert ledger.entries() == [asked_as(ledger)]
    assert "odd.json is no entry of the ledger" in caplog.text
    assert (tmp_path / "odd.json").exists()


def asked_as(ledger: Ledger) -> LedgerEntry:
    (entry,) = ledger.entries()
    return entry


def test_an_entry_under_another_name_is_none(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    (file,) = tmp_path.iterdir()
    changed = json.loads(file.read_text()) | {"session_id": "of somebody else"}
    file.write_text(json.dumps(changed))
    assert ledger.entries() == []


def test_a_disk_that_takes_nothing_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    ledger = Ledger(blocked / "ledger")
    ledger.write(pending())
    ledger.write(pending("room-2"))
    ledger.remove(pending())
    assert ledger.entries() == []
    (said,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "avatar reap" in said.message


def test_a_full_disk_costs_one_warning_and_leaves_nothing_half_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # no file may hold a byte
    try:
        ledger.write(pending())
        ledger.write(pending("room-2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert len(caplog.records) == 1
    assert "File too large" in caplog.text


def test_a_state_that_is_no_json_costs_the_record_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending().with_session(replace(AVATAR, state={"odd": object()})))
    assert list(tmp_path.iterdir()) == []
    assert "TypeError" in caplog.text


def test_what_was_being_written_when_its_process_died_is_tidied_up(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    old, new = tmp_path / "a.1.new", tmp_path / "b.2.new"
    old.write_text("{")
    new.write_text("{")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    ledger.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["b.2.new"]
    assert ledger.entries() == []


def test_what_is_gone_before_it_is_tidied_up_harms_nobody(tmp_path: Path) -> None:
    gone = tmp_path / "a.1.new"
    gone.symlink_to(tmp_path / "nowhere")  # is listed, and is not there
    Ledger(tmp_path).tidy()
    assert gone.is_symlink()


def test_without_a_folder_nothing_is_written() -> None:
    ledger = Ledger(None)
    ledger.write(pending())
    assert ledger.entries() == []
    ledger.remove(pending())
    ledger.tidy()


def test_it_is_in_the_users_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_folder() == Path("/state/avatar-core/ledger")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_folder() == Path.home() / ".local/state/avatar-core/ledger"


def test_a_user_without_a_home_has_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])
    assert default_folder() is None
    assert "Set AVATAR_LEDGER" in caplog.text


def test_many_processes_share_it_though_some_are_killed() -> None:
    command = (sys.executable, "-m", "tests.long.ledger_stress", "6", "3")
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    outcome = json.loads(told.stdout)
    assert outcome["faults"] == {}, told.stderr
    assert outcome["kills"] >= 5
    assert outcome["records"] > 100
    assert outcome["looks"] > 10
    assert "no entry" not in told.stderr


def test_an_entry_is_on_the_disk_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        seen = os.fstat(descriptor)
        assert stat.S_ISDIR(seen.st_mode) or seen.st_size > 0, "its content was written by then"
        steps.append(f"sync the {'folder' if stat.S_ISDIR(seen.st_mode) else 'file'}")
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    assert Ledger(tmp_path).write(pending())
    assert steps == ["sync the file", "rename", "sync the folder"]
