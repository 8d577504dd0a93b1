"""Reads from a LiveKit server who is in a room, for services that are not in the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from livekit import api

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.participants import RemoteParticipant
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.server_api import open_api
from avatar_core.settings import LiveKitSettings

TIMEOUT_S = 3.0
_KINDS = {api.TrackType.AUDIO: "audio", api.TrackType.VIDEO: "video"}
_NOT_LISTENERS = (
    api.ParticipantInfo.Kind.AGENT,
    api.ParticipantInfo.Kind.EGRESS,
    api.ParticipantInfo.Kind.INGRESS,
)


@dataclass(frozen=True, slots=True)
class Roster:
    """The participants of a room at one moment.

    Attributes:
        participants: The participants, by identity; empty if the room does not exist.
        hidden: The identities of the participants that the others cannot see.
        without_data: The identities of the participants that may not publish data.
    """

    participants: Mapping[str, RemoteParticipant] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    without_data: frozenset[str] = frozenset()


async def read_roster(livekit: LiveKitSettings, room: str) -> Roster:
    """Read who is in a room.

    Args:
        livekit: The URL of the server, and its API key and secret.
        room: The name of the room.

    Returns:
        The roster; an empty one if the room does not exist.

    Raises:
        RoomError: The server cannot be reached, did not respond within 3 s, or refused the call.
    """
    try:
        async with open_api(livekit, TIMEOUT_S) as server:
            listing = await server.room.list_participants(api.ListParticipantsRequest(room=room))
            return _read(listing.participants)
    except api.TwirpError as error:
        fault = "" if error.code == api.TwirpErrorCode.NOT_FOUND else error.code
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        fault = type(error).__name__
    if fault:  # raised outside of the handlers, so that no chain of causes leads to the key
        raise RoomError(
            f"The LiveKit server did not list the participants of the room {room!r} ({fault}).",
            hint="Check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        )
    return Roster()


def _read(listed: object) -> Roster:
    everyone = [one for one in listed if one.state != api.ParticipantInfo.State.DISCONNECTED]  # type: ignore[attr-defined]
    return Roster(
        participants={one.identity: _participant(one) for one in everyone},
        hidden=frozenset(one.identity for one in everyone if one.permission.hidden),
        without_data=frozenset(
            one.identity for one in everyone if not one.permission.can_publish_data
        ),
    )


def _participant(info: api.ParticipantInfo) -> RemoteParticipant:
    return RemoteParticipant(
        identity=info.identity,
        sid=info.sid,
        is_agent=info.kind == api.ParticipantInfo.Kind.AGENT,
        attributes=dict(info.attributes),
        tracks=frozenset(
            _KINDS[track.type] for track in info.tracks if track.type in _KINDS and not track.muted
        ),
        is_listener=info.kind not in _NOT_LISTENERS and PUBLISH_ON_BEHALF not in info.attributes,
    )
