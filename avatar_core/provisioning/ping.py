"""Asks a participant for a sign of life, or whether it serves an RPC method."""

from __future__ import annotations

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink

UNSUPPORTED_METHOD = 1400


async def is_alive(link: RoomLink, identity: str, within_s: float) -> bool:
    """Return whether a participant responds to an RPC, with a result or with an error.

    Every live LiveKit SDK responds within 8 ms on loopback to an RPC that it does not serve. A
    killed or frozen process never responds (measured, livekit-server 1.13.5).

    Args:
        link: A connection to the room of the participant.
        identity: The identity of the participant.
        within_s: Seconds to wait for the response.

    Returns:
        Whether the participant responded in time. If our own connection is closed, the result is
        also False.
    """
    try:
        await link.call(identity, wire.PING, "", timeout_s=within_s)
    except RoomError as error:
        return error.rpc_code == UNSUPPORTED_METHOD
    return True


async def lacks_method(link: RoomLink, identity: str, method: str, within_s: float) -> bool:
    """Return whether a participant responds that it does not serve an RPC method.

    Args:
        link: A connection to the room of the participant.
        identity: The identity of the participant.
        method: The name of the method, which is called with an empty payload.
        within_s: Seconds to wait for the response.

    Returns:
        Whether the participant lacks the method. False also without a response.
    """
    try:
        await link.call(identity, method, "", timeout_s=within_s)
    except RoomError as error:
        return error.rpc_code == UNSUPPORTED_METHOD
    return False
