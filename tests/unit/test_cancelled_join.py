"""A cancelled join lets livekit finish the connection, and then leaves the room."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc

from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.join import join


class SlowRoom:
    """A room whose connection waits for the test.

    Attributes:
        accepts: Set by the test when the server answers.
        fails: Whether the server refuses the connection.
        left: Set when the room is left.
    """

    def __init__(self) -> None:
        self.accepts, self.left = asyncio.Event(), asyncio.Event()
        self.fails = False
        self.is_cancelled = False

    async def connect(self, url: str, token: str, options: rtc.RoomOptions) -> None:
        try:
            await self.accepts.wait()
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if self.fails:
            raise rtc.ConnectError("refused")

    async def disconnect(self) -> None:
        self.left.set()


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> SlowRoom:
    slow = SlowRoom()
    monkeypatch.setattr(rtc, "Room", lambda: slow)
    return slow


@pytest.mark.virtual_time
async def test_room_is_left_after_a_join_that_took_too_long(room: SlowRoom) -> None:
    with pytest.raises(RoomError, match="took longer than 2 s"):
        await join("ws://127.0.0.1:1", "token", timeout_s=2.0)
    assert not room.is_cancelled
    room.accepts.set()
    async with asyncio.timeout(1.0):
        await room.left.wait()


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.virtual_time
async def test_cancelled_join_does_not_cancel_the_connection(room: SlowRoom, fails: bool) -> None:
    room.fails = fails
    joining = asyncio.create_task(join("ws://127.0.0.1:1", "token"))
    await asyncio.sleep(0.1)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    assert not room.is_cancelled
    room.accepts.set()
    await asyncio.sleep(0.1)
    assert room.left.is_set() is not fails
