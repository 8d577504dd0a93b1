"""Each start creates at most one session and ends it, under every vendor fault."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.provisioning import provision, release
from avatar_core.testing.clock import run
from avatar_core.testing.fake_vendor.faults import FAULTS
from tests.long.provisioning import Plan, broken_laws, plans, start_and_end
from tests.long.vendor_subjects import NATIVE

SEEDS = 3
IN_GATE = ("500 after create", "every response is lost", "worker joins late", "end fails once")
"""The faults of native providers in the gate; `make long` runs every fault."""


@pytest.mark.parametrize("name", FAULTS)
def test_start_creates_at_most_one_session_and_ends_it(name: str, tmp_path: Path) -> None:
    check_laws(plans(SEEDS, only=name), tmp_path)


@pytest.mark.parametrize("provider", NATIVE)
def test_native_provider_never_has_two_sessions_and_leaves_none(
    provider: str, tmp_path: Path
) -> None:
    for name in IN_GATE:
        check_laws(plans(1, [provider], only=name), tmp_path / name.replace(" ", "-"))


def check_laws(runs: list[Plan], folder: Path) -> None:
    """Fail if a run breaks a law."""
    for number, (subject, faults, seed) in enumerate(runs):
        result = run(start_and_end(subject, faults, seed, folder / str(number)))
        assert not broken_laws(faults, result), (subject, faults, seed, result)


def all_broken_laws(kinds: tuple[SafeRetry, ...] = tuple(SafeRetry), *, folder: Path) -> set[str]:
    """Return the laws that any start breaks, without their counts."""
    found = set()
    for number, (kind, faults, seed) in enumerate(plans(SEEDS, kinds)):
        result = run(start_and_end(kind, faults, seed, folder / str(number)))
        found.update(law.partition(" ")[2] for law in broken_laws(faults, result))
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
