"""The ledger writes complete entries for all processes of its user, and tolerates disk errors."""

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
from avatar_core.provisioning.ledger_entry import FORGET_AFTER_S, LedgerEntry

ROOT = Path(__file__).parents[2]
AVATAR = ProvisionedAvatar(
    session_id="s/../1", identity="acme-avatar-1", audio_identity="audio", state={"a": [1, None]}
)


def pending(key: str = "room-1") -> LedgerEntry:
    return LedgerEntry.pending("acme", key, "röom/..", "acme-avatar-1")


def test_written_ledger_entry_is_read_back(tmp_path: Path) -> None:
    ledger, ledger_entry = Ledger(tmp_path / "a" / "b"), pending()
    ledger.write(ledger_entry)
    ledger.write(ledger_entry.with_session(AVATAR))
    ledger.remove(ledger_entry)
    ledger.remove(ledger_entry)
    (read,) = Ledger(tmp_path / "a" / "b").read_all()
    assert read == ledger_entry.with_session(AVATAR)
    assert read.avatar == AVATAR
    ledger.remove(read)
    assert ledger.read_all() == []
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_ledger_is_readable_only_by_its_user(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    Ledger(folder).write(pending())
    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert file.parent == folder


def test_read_all_returns_the_oldest_first(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for at in (3.0, 1.0, 2.0):
        ledger.write(replace(pending(f"room-{at}"), at=at))
    assert [one.at for one in ledger.read_all()] == [1.0, 2.0, 3.0]


def test_session_of_a_dead_process_is_an_orphan() -> None:
    own = pending()
    assert not own.is_orphan()
    assert replace(own, started=own.started - 60).is_orphan()
    unused = next(pid for pid in range(300_000, 400_000) if not psutil.pid_exists(pid))
    assert replace(own, pid=unused).is_orphan()
    assert not replace(own, pid=unused, host="another").is_orphan()
    assert replace(own, host="another", at=time.time() - FORGET_AFTER_S - 1).is_orphan()
    assert replace(own, boot="another").is_orphan()
    assert own.disown().is_orphan()
    assert own.disown().file_name == own.file_name


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere start times do not move")
def test_clock_adjustment_does_not_make_a_session_an_orphan(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, booted = pending(), psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: booted + 3600.0)
    assert psutil.Process().create_time() - time.time() > 1800.0
    assert not own.is_orphan()


def test_folder_without_permission_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    ledger = Ledger(tmp_path)
    assert ledger.read_all() == []
    assert "cannot be read (Permission denied)" in ledger.problem
    assert ledger.problem in caplog.text


def test_session_expires_after_its_end_or_a_day() -> None:
    own = pending()
    assert not own.is_expired()
    assert replace(own, at=time.time() - FORGET_AFTER_S - 1).is_expired()
    assert replace(own, expires_at=time.time() - 3600).is_expired()
    assert not replace(own, expires_at=time.time() + 60, at=0.0).is_expired()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"provider": "acme"}', '{"pid": "x"}', "\x00" * 99]
)
def test_file_that_is_not_a_ledger_entry_is_ignored(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    (tmp_path / "odd.json").write_text(text)
    (tmp_path / "another.txt").write_text(text)
    assert [one.key for one in ledger.read_all()] == [pending().key]
    assert "odd.json is not a ledger entry" in caplog.text
    assert (tmp_path / "odd.json").exists()


def test_ledger_entry_under_another_file_name_is_ignored(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    (file,) = tmp_path.iterdir()
    moved = json.loads(file.read_text()) | {"session_id": "of another session"}
    file.write_text(json.dumps(moved))
    assert ledger.read_all() == []


def test_unwritable_folder_logs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    ledger = Ledger(blocked / "ledger")
    ledger.write(pending())
    ledger.write(pending("room-2"))
    ledger.remove(pending())
    assert ledger.read_all() == []
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "avatar reap" in warning.message


def test_full_disk_logs_one_warning_and_leaves_no_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # every write fails
    try:
        ledger.write(pending())
        ledger.write(pending("room-2"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []
    assert len(caplog.records) == 1
    assert "File too large" in caplog.text


def test_ledger_entry_with_a_state_that_is_not_json_is_not_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending().with_session(replace(AVATAR, state={"odd": object()})))
    assert list(tmp_path.iterdir()) == []
    assert "TypeError" in caplog.text


def test_tidy_removes_old_incomplete_files(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    old, new = tmp_path / "a.1.new", tmp_path / "b.2.new"
    old.write_text("{")
    new.write_text("{")
    os.utime(old, (time.time() - 3600, time.time() - 3600))
    ledger.tidy()
    assert [path.name for path in tmp_path.iterdir()] == ["b.2.new"]
    assert ledger.read_all() == []


def test_tidy_ignores_a_file_that_was_removed_meanwhile(tmp_path: Path) -> None:
    missing = tmp_path / "a.1.new"
    missing.symlink_to(tmp_path / "nowhere")  # is listed, but cannot be opened
    Ledger(tmp_path).tidy()
    assert missing.is_symlink()


def test_ledger_without_a_folder_stores_nothing() -> None:
    ledger = Ledger(None)
    ledger.write(pending())
    assert ledger.read_all() == []
    ledger.remove(pending())
    ledger.tidy()


def test_default_folder_is_in_the_xdg_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert default_folder() == Path("/state/avatar-core/ledger")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert default_folder() == Path.home() / ".local/state/avatar-core/ledger"


def test_user_without_a_home_has_no_default_folder(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda _: {}["nobody"])
    assert default_folder() is None
    assert "Set AVATAR_LEDGER" in caplog.text


def test_ledger_survives_processes_that_are_killed() -> None:
    command = (sys.executable, "-m", "tests.long.ledger_stress", "6", "3")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    outcome = json.loads(done.stdout)
    assert outcome["faults"] == {}, done.stderr
    assert outcome["kills"] >= 5
    assert outcome["records"] > 100
    assert outcome["reads"] > 10
    assert "not a ledger entry" not in done.stderr


def test_write_syncs_the_file_then_renames_it_then_syncs_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    sync, rename = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        seen = os.fstat(descriptor)
        assert stat.S_ISDIR(seen.st_mode) or seen.st_size > 0, "the file is still empty"
        steps.append(f"sync the {'folder' if stat.S_ISDIR(seen.st_mode) else 'file'}")
        sync(descriptor)

    def note_rename(path: Path, target: Path) -> Path:
        steps.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_rename)
    assert Ledger(tmp_path).write(pending())
    assert steps == ["sync the file", "rename", "sync the folder"]
