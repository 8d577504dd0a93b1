"""Cancelled at every await of a start and of an end: nothing stays open."""

from __future__ import annotations

from pathlib import Path

import pytest

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.provisioning.provision import Provisioning
from tests.long.cancellations import HOWS, every_point

CASES = ("", "reset after create", "worker joins late")


@pytest.mark.parametrize("kind", SafeRetry)
@pytest.mark.parametrize("how", HOWS)
def test_nothing_stays_open(how: str, kind: SafeRetry, tmp_path: Path) -> None:
    for fault in CASES:
        points, left = every_point(how, kind, fault, tmp_path / (fault or "none"))
        assert points >= 10
        assert left == []


def test_a_purchase_that_is_dropped_would_be_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def drop(self: Provisioning, creating: object) -> None:
        return

    monkeypatch.setattr(Provisioning, "_abandon", drop)
    _, left = every_point("it is closed", SafeRetry.LOOKUP, "", tmp_path)
    assert left
