"""Locks on ledger entries: they show the death of an owner whose pid nobody else can look up."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from avatar_core import processes
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry

ROOT = Path(__file__).parents[2]
OWNER = """
import sys
from pathlib import Path
from avatar_core import processes
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
if place := sys.argv[2]:
    processes.place = lambda: place
ledger = Ledger(Path(sys.argv[1]))
written = ledger.write(LedgerEntry.pending("acme", "key", "room", "avatar"))
print(written, flush=True)
sys.stdin.read()
"""
PATIENCE_S = 20.0
UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def has_namespaces() -> bool:
    """Return whether this machine lets us make a pid namespace."""
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


@contextmanager
def owner(folder: Path, *prefix: str, place: str = "") -> Iterator[subprocess.Popen[str]]:
    """Run a process that owns a session in the ledger, and kill it afterwards."""
    with subprocess.Popen(
        [*prefix, sys.executable, "-c", OWNER, str(folder), place],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        try:
            yield process
        finally:
            process.kill()


def kill(process: subprocess.Popen[str]) -> None:
    """Kill an owner, and its pid namespace if it has one, and wait until all of it has ended."""
    members = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(PATIENCE_S)
    assert psutil.wait_procs(members, PATIENCE_S)[1] == []


def pending(key: str = "key") -> LedgerEntry:
    return LedgerEntry.pending("acme", key, "room", "avatar")


def only_ledger_entry(folder: Path) -> LedgerEntry:
    (ledger_entry,) = Ledger(folder).read_all()
    return ledger_entry


def test_session_of_a_process_in_another_pid_space_has_an_owner_until_the_process_is_killed(
    tmp_path: Path,
) -> None:
    with owner(tmp_path, place="a container") as process:
        ledger_entry = only_ledger_entry(tmp_path)
        assert ledger_entry.host == "a container"
        assert not Ledger(tmp_path).is_orphan(ledger_entry)
        kill(process)
        assert Ledger(tmp_path).is_orphan(ledger_entry)


@pytest.mark.skipif(not has_namespaces(), reason="pid namespaces are not permitted here")
def test_owner_in_a_pid_namespace_lives_until_it_is_killed(tmp_path: Path) -> None:
    with owner(tmp_path, *UNSHARE) as process:
        ledger_entry = only_ledger_entry(tmp_path)
        assert ledger_entry.pid == 1
        assert ledger_entry.host != processes.place()
        assert not Ledger(tmp_path).is_orphan(ledger_entry)
        kill(process)
        assert Ledger(tmp_path).is_orphan(ledger_entry)


def test_restarted_container_is_not_the_owner(tmp_path: Path) -> None:
    """Its host name, pid namespace and pid may be the same; the start time is not."""
    ledger = Ledger(tmp_path)
    ledger_entry = pending()
    ledger.write(replace(ledger_entry, started=ledger_entry.started - 60.0))
    assert Ledger(tmp_path).is_orphan(only_ledger_entry(tmp_path))


def test_session_of_this_process_is_not_an_orphan_until_it_is_disowned(tmp_path: Path) -> None:
    ledger, ledger_entry = Ledger(tmp_path), pending()
    ledger.write(ledger_entry)
    assert not Ledger(tmp_path).is_orphan(ledger_entry)
    ledger.write(ledger_entry.disown())
    assert Ledger(tmp_path).is_orphan(ledger_entry)


def test_two_reapers_at_once_find_the_same_orphan(tmp_path: Path) -> None:
    with owner(tmp_path, place="a container") as process:
        ledger_entry = only_ledger_entry(tmp_path)
        kill(process)
    with (tmp_path / ledger_entry.file_name).open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert Ledger(tmp_path).is_orphan(ledger_entry)


def test_file_that_the_owner_replaces_during_the_check_is_not_an_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old file has no lock any more, but the new one has."""
    monkeypatch.setattr(processes, "place", lambda: "a container")
    ledger, ledger_entry = Ledger(tmp_path), pending()
    ledger.write(ledger_entry)
    monkeypatch.setattr(processes, "place", lambda: "the host")
    flock = fcntl.flock

    def replace_before(descriptor: int, operation: int) -> None:
        monkeypatch.setattr(fcntl, "flock", flock)
        monkeypatch.setattr(processes, "place", lambda: "a container")
        assert ledger.write(ledger_entry)
        monkeypatch.setattr(processes, "place", lambda: "the host")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", replace_before)
    assert not Ledger(tmp_path).is_orphan(ledger_entry)
    assert fcntl.flock is flock


def test_file_that_was_removed_during_the_check_is_not_an_orphan(tmp_path: Path) -> None:
    ledger, ledger_entry = Ledger(tmp_path), pending()
    ledger.write(ledger_entry.disown())
    ledger.remove(ledger_entry)
    assert not ledger.is_orphan(ledger_entry)


def test_copied_ledger_contains_no_orphans(tmp_path: Path) -> None:
    with owner(tmp_path / "ledger", place="a container"):
        shutil.copytree(tmp_path / "ledger", tmp_path / "copy")
        assert not Ledger(tmp_path / "copy").is_orphan(only_ledger_entry(tmp_path / "copy"))


def test_owner_on_another_machine_keeps_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system may not show its lock here."""
    with owner(tmp_path, place="another machine") as process:
        kill(process)
        monkeypatch.setattr(processes, "boot", lambda: "another boot")
        assert not Ledger(tmp_path).is_orphan(only_ledger_entry(tmp_path))


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_file_system_without_locks_uses_the_pid(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)
    ledger, ledger_entry = Ledger(tmp_path), pending()
    assert ledger.write(ledger_entry)
    assert only_ledger_entry(tmp_path).lock == ""
    assert not Ledger(tmp_path).is_orphan(ledger_entry)
    monkeypatch.setattr(processes, "place", lambda: "the host")
    assert not Ledger(tmp_path).is_orphan(ledger_entry)


def test_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    program = f"""
import os, signal
{OWNER.replace("sys.stdin.read()", "")}
if os.fork() == 0:
    print(os.getpid(), flush=True)
    signal.pause()
os.wait()
"""
    command = [sys.executable, "-c", program, str(tmp_path), "a container"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        child = int(process.stdout.readline())
        try:
            ledger_entry = only_ledger_entry(tmp_path)
            assert not Ledger(tmp_path).is_orphan(ledger_entry)
            process.kill()
            process.wait(PATIENCE_S)
            assert Ledger(tmp_path).is_orphan(ledger_entry)
        finally:
            os.kill(child, 9)


def test_ended_sessions_leave_no_open_file(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        ledger_entry = pending(f"key {number}")
        ledger.write(ledger_entry)
        ledger.write(ledger_entry)
        assert len(os.listdir("/proc/self/fd")) == before + 1
        ledger.remove(ledger_entry)
    ledger.write(pending().disown())
    assert len(os.listdir("/proc/self/fd")) == before
    ledger.write(pending("dropped with its ledger"))
    del ledger
    assert len(os.listdir("/proc/self/fd")) == before
