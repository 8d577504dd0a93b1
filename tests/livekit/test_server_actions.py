"""A moderator mutes the avatar, or takes its permission to publish, in a real room."""

from __future__ import annotations

import asyncio

import pytest
from avatar_provider_mock import MockSettings
from livekit import api

from avatar_core.contracts.events import AvatarFailed
from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import SMALL, SPOKEN_WORDS, TEST_S, LiveConversation

pytestmark = pytest.mark.livekit

STOCK = MockSettings(width=128, height=128, scenario="stock=1")
MOST_REPEATED = 2


class Moderator:
    """Acts on the avatar of a conversation through the server's API.

    Args:
        conversation: The conversation, with a live avatar.
    """

    def __init__(self, conversation: LiveConversation) -> None:
        self._conversation = conversation

    async def mute(self, room: api.RoomService, name: str, identity: str) -> None:
        """Mute the audio track of the avatar."""
        participant = self._conversation.room.remote_participants[identity]
        (sid,) = (
            publication.sid
            for publication in participant.track_publications.values()
            if publication.source == api.TrackSource.MICROPHONE
        )
        await room.mute_published_track(
            api.MuteRoomTrackRequest(room=name, identity=identity, track_sid=sid, muted=True)
        )

    async def forbid(self, room: api.RoomService, name: str, identity: str) -> None:
        """Take the permission to publish from the avatar."""
        permission = api.ParticipantPermission(can_subscribe=True, can_publish_data=True)
        await room.update_participant(
            api.UpdateParticipantRequest(room=name, identity=identity, permission=permission)
        )


@pytest.mark.parametrize(
    ("provider", "action"),
    [
        pytest.param(SMALL, "mute", id="mock", marks=pytest.mark.slow),
        pytest.param(STOCK, "forbid", id="stock"),
    ],
)
async def test_voice_continues_when_a_moderator_silences_the_avatar(
    server: DevServer, provider: MockSettings, action: str
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server, provider) as conversation:
        identity = conversation.avatar.avatar_identity
        turn = conversation.say(SPOKEN_WORDS)
        await conversation.wait_for_word(SPOKEN_WORDS[4])
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as client:
            act = getattr(Moderator(conversation), action)
            await act(client.room, conversation.room_name, identity)
        await turn.handle
        await conversation.wait_for_silence()
        conversation.check_speech(repeated=MOST_REPEATED)
        assert any(isinstance(event, AvatarFailed) for _, event in conversation.log)
