"""The development server creates one log for each run and deletes old ones."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avatar_core.testing.server import runs


def test_create_log_keeps_only_the_newest_logs_of_a_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "cache_dir", lambda: tmp_path)
    other = runs.create_log("livekit-server", "1")
    for number in range(runs.KEPT_LOGS):
        os.utime(runs.create_log("demo", str(number)), (number, number))
    newest = runs.create_log("demo", "newest")
    kept = sorted(path.name for path in tmp_path.rglob("*.log"))
    assert len(kept) == runs.KEPT_LOGS + 1
    assert {other.name, newest.name, "demo-1.log"} < set(kept)
    assert "demo-0.log" not in kept


def test_create_log_empties_an_older_log_of_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "cache_dir", lambda: tmp_path)
    runs.create_log("demo", "7").write_text("from an earlier process")
    log = runs.create_log("demo", "7")
    assert log.read_text() == ""
    assert log.stat().st_mode & 0o777 == 0o600
