"""A publication that LiveKit never completes leaves no task behind."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest.mock import Mock

import pytest

from avatar_core.rtc.media import TrackPublisher


@pytest.mark.parametrize("closed_first", [True, False])
async def test_publication_in_a_closed_room_is_abandoned(closed_first: bool) -> None:
    publisher = TrackPublisher(Mock())
    never: Any = asyncio.Event().wait()
    before = asyncio.all_tasks()
    publishing = asyncio.create_task(publisher._publish(never))
    await asyncio.sleep(0)
    if closed_first:
        publisher.close()
    publishing.cancel()
    await asyncio.gather(publishing, return_exceptions=True)
    if not closed_first:
        publisher.close()
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=5.0)
    assert [task for task in left if not task.done()] == []
