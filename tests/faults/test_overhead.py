"""What a start costs beyond its vendor."""

from __future__ import annotations

import statistics
from pathlib import Path

from tests.long.overhead import overheads

MOST_MS = 50.0


async def test_a_start_costs_little_beyond_its_create(tmp_path: Path) -> None:
    _, *others = await overheads(8, tmp_path)
    assert statistics.median(others) < MOST_MS
