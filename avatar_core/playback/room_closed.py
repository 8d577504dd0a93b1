"""The error of speech in a room that was deleted or that the agent has left."""

from __future__ import annotations

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError


class RoomClosedError(RoomError):
    """The agent's connection to its room has closed, so no participant can hear the agent.

    The failover controller logs the end of the room once; the player does not log this error.

    Args:
        room_name: The name of the room.
    """

    def __init__(self, room_name: str) -> None:
        super().__init__(
            f"The agent's connection to the room {room_name!r} closed.",
            hint="Start another session in another room.",
            code=ErrorCode.ROOM_CLOSED,
        )
