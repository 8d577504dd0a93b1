"""Each start creates at most one session and ends it, under every vendor fault."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.provisioning import provision, release
from avatar_core.testing.clock import run
from avatar_core.testing.fake_vendor.faults import FAULTS
from tests.long.provisioning import broken_laws, plans, start_and_end

SEEDS = 3


@pytest.mark.parametrize("name", FAULTS)
def test_start_creates_at_most_one_session_and_ends_it(name: str, tmp_path: Path) -> None:
    for number, (kind, faults, seed) in enumerate(plans(SEEDS, only=name)):
        result = run(start_and_end(kind, faults, seed, tmp_path / str(number)))
        assert not broken_laws(kind, faults, result), (kind, faults, seed, result)


def all_broken_laws(kinds: tuple[SafeRetry, ...] = tuple(SafeRetry), *, folder: Path) -> set[str]:
    """Return the laws that any start breaks, without their counts."""
    found = set()
    for number, (kind, faults, seed) in enumerate(plans(SEEDS)):
        if kind in kinds:
            result = run(start_and_end(kind, faults, seed, folder / str(number)))
            found.update(law.partition(" ")[2] for law in broken_laws(kind, faults, result))
    return found


def test_unsafe_retry_is_detected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def always(_: object, error: BaseException) -> bool:
        return getattr(error, "retryable", False)

    monkeypatch.setattr(provision.Provisioning, "_may_try_again", always)
    monkeypatch.setattr(logging.getLogger("avatar_core"), "disabled", True)
    assert "created" in all_broken_laws((SafeRetry.NEVER,), folder=tmp_path)


def test_end_without_retries_is_detected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(release, "_is_retryable", lambda _: False)
    monkeypatch.setattr(logging.getLogger("avatar_core"), "disabled", True)
    assert "left in the ledger" in all_broken_laws((SafeRetry.LOOKUP,), folder=tmp_path)
