"""A ledger that other users can write to: nothing in it is believed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from avatar_core import processes
from avatar_core.cli import app
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.private_files import MAX_BYTES, UntrustedError, open_private

pytestmark = pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")


def pending() -> LedgerEntry:
    return LedgerEntry.pending("mock", "key", "room", "avatar")


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o722])
def test_folder_that_others_can_write_to_is_not_read(
    mode: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(tmp_path)
    tmp_path.chmod(mode)
    assert ledger.write(pending())
    assert ledger.read_all() == []
    assert f"mode {mode:04o} lets other users write to it; run: chmod go-w" in ledger.problem
    assert caplog.text.count("is not read") == 1
    tmp_path.chmod(0o700)
    assert [one.key for one in Ledger(tmp_path).read_all()] == [pending().key]


def test_folder_of_another_user_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    assert ledger.read_all() == []
    assert f"the owner is user {uid}, but this process runs as user {uid + 1}" in ledger.problem


def test_folder_that_others_can_only_read_is_read(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.write(pending())
    tmp_path.chmod(0o755)
    assert len(ledger.read_all()) == 1
    assert ledger.problem == ""


def make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


def make_link(path: Path) -> None:
    moved = path.with_suffix(".moved")
    path.rename(moved)
    path.symlink_to(moved)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def open_to_others(path: Path) -> None:
    path.chmod(0o622)


def lengthen(path: Path) -> None:
    os.truncate(path, MAX_BYTES + 1)


@pytest.mark.parametrize("spoil", [make_fifo, make_link, make_folder, open_to_others, lengthen])
def test_file_that_cannot_be_trusted_is_ignored_at_once(
    spoil: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger, ledger_entry = Ledger(tmp_path), pending().disown()
    ledger.write(ledger_entry)
    assert ledger.is_orphan(ledger_entry)
    spoil(tmp_path / ledger_entry.file_name)
    assert ledger.read_all() == []
    assert f"ignores the ledger file {tmp_path / ledger_entry.file_name}" in caplog.text
    assert not ledger.is_orphan(ledger_entry)


def test_file_of_another_user_is_not_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "planted.json"
    file.touch(0o600)
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)
    with pytest.raises(UntrustedError, match="the owner is user"), open_private(file):
        pass


def test_reap_of_a_shared_folder_signals_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = [sys.executable, "-c", "import sys; sys.stdin.read()", processes.new_nonce()]
    with subprocess.Popen(program, stdin=subprocess.PIPE) as victim:
        record = processes.ProcessRecord.of(victim.pid, program[-1])
        planted = replace(pending().disown(), session_id="s1", state=record.state)
        folder = tmp_path / "shared"
        folder.mkdir()
        folder.chmod(0o777)
        (folder / planted.file_name).write_text(json.dumps(asdict(planted)))
        (folder / planted.file_name).chmod(0o600)
        monkeypatch.setenv("AVATAR_LEDGER", str(folder))
        result = CliRunner().invoke(app, ["reap"], env={"COLUMNS": "300"})
        assert result.exit_code == 2
        assert "chmod go-w" in result.output
        assert record.process() is not None
        folder.chmod(0o700)
        assert CliRunner().invoke(app, ["reap"]).exit_code == 0
        assert victim.wait(20.0) == -15
