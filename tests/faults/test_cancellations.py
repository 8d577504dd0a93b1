"""A start or an end that is cancelled at any of its awaits leaves no session open."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.provisioning.provision import Provisioning
from tests.long.cancellations import KINDS, cancel_at_every_turn

CASES = ("", "reset after create", "worker joins late")


@pytest.mark.parametrize(
    "safe_retry",
    [
        SafeRetry.KEY,
        SafeRetry.LOOKUP,
        pytest.param(SafeRetry.NEVER, marks=pytest.mark.slow),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_cancellation_leaves_no_session_open(
    kind: str, safe_retry: SafeRetry, tmp_path: Path
) -> None:
    for fault in CASES:
        count, leaks = cancel_at_every_turn(kind, safe_retry, fault, tmp_path / (fault or "none"))
        assert count >= 10
        assert leaks == []


def test_leak_of_an_abandoned_session_is_detected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def drop(self: Provisioning, creating: object) -> None:
        return

    monkeypatch.setattr(Provisioning, "_abandon", drop)
    _, leaks = cancel_at_every_turn("it is closed", SafeRetry.LOOKUP, "", tmp_path)
    assert leaks
