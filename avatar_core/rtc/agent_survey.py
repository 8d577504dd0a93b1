"""Lists the agents that are in the rooms of a LiveKit server, for `avatar doctor`."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from livekit import api

from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.rtc.server_api import open_api
from avatar_core.settings import LiveKitSettings

SURVEY_S = 3.0
MAX_ROOMS = 50
"""The largest number of rooms that the survey reads. A LiveKit project may have thousands of
rooms."""


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """An agent in a room of the server.

    Attributes:
        room: The name of the room.
        identity: The identity of the agent.
        is_hidden: Whether the agent has the permission `hidden`.
        can_publish_data: Whether the agent has the permission `can_publish_data`.
    """

    room: str
    identity: str
    is_hidden: bool
    can_publish_data: bool


async def list_agents(livekit: LiveKitSettings) -> list[AgentRecord]:
    """List the agents that are in a room now. The list does not contain avatars.

    Args:
        livekit: The URL of the server, and its API key and secret.

    Returns:
        The agents of at most `MAX_ROOMS` rooms; an empty list if the server does not respond.
    """
    try:
        async with open_api(livekit, SURVEY_S) as server:
            response = await server.room.list_rooms(api.ListRoomsRequest())
            names = [room.name for room in response.rooms][:MAX_ROOMS]
            return [agent for name in names for agent in await _agents_of(server, name)]
    except (api.TwirpError, aiohttp.ClientError, TimeoutError, OSError):
        return []


async def _agents_of(server: api.LiveKitAPI, room: str) -> list[AgentRecord]:
    response = await server.room.list_participants(api.ListParticipantsRequest(room=room))
    return [
        AgentRecord(
            room,
            one.identity,
            is_hidden=one.permission.hidden,
            can_publish_data=one.permission.can_publish_data,
        )
        for one in response.participants
        if one.kind == api.ParticipantInfo.Kind.AGENT and PUBLISH_ON_BEHALF not in one.attributes
    ]
