"""The logs of the development servers: each run has one, and old ones go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from avatar_core.testing.server import runs


def test_only_the_newest_logs_of_a_kind_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "cache_dir", lambda: tmp_path)
    other = runs.new_log("livekit-server", "1")
    for number in range(runs.KEPT_LOGS):
        os.utime(runs.new_log("demo", str(number)), (number, number))
    newest = runs.new_log("demo", "newest")
    kept = sorted(path.name for path in tmp_path.rglob("*.log"))
    assert len(kept) == runs.KEPT_LOGS + 1
    assert {other.name, newest.name, "demo-1.log"} < set(kept)
    assert "demo-0.log" not in kept


def test_a_log_of_a_process_whose_number_was_used_before_begins_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "cache_dir", lambda: tmp_path)
    runs.new_log("demo", "7").write_text("of another one")
    log = runs.new_log("demo", "7")
    assert log.read_text() == ""
    assert log.stat().st_mode & 0o777 == 0o600
