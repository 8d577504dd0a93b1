"""A start takes at most 50 ms longer than the create request at the vendor."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest

from tests.long.overhead import measure_overheads

MAX_MS = 50.0


@pytest.mark.alone
async def test_start_takes_at_most_50_ms_longer_than_the_create_request(tmp_path: Path) -> None:
    _, *others = await measure_overheads(8, tmp_path)
    assert statistics.median(others) < MAX_MS
