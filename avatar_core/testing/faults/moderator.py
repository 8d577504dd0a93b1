"""Actions of a LiveKit server on an avatar, as a moderator of the room can take them."""

from __future__ import annotations

from livekit import api

from avatar_core.contracts.errors import RoomError
from avatar_core.rtc.server_api import open_api
from avatar_core.settings import LiveKitSettings

WITHIN_S = 5.0


class Moderator:
    """Mutes or removes the tracks of a participant through the server's API.

    A worker process has no API key, so that the process cannot apply the faults
    `server_mutes_at_s` and `revoked_at_s` of a scenario. A test with a real server uses this class
    instead.

    Args:
        livekit: The URL of the server, and its API key and secret.
        room: The name of the room.
    """

    def __init__(self, livekit: LiveKitSettings, room: str) -> None:
        self._livekit = livekit
        self._room = room

    async def mute(self, identity: str, *, muted: bool = True) -> None:
        """Mute or unmute the microphone track of a participant.

        A server unmutes a track only if its configuration has `enable_remote_unmute`.

        Args:
            identity: The identity of the participant.
            muted: Whether the track is muted from now on.

        Raises:
            RoomError: The participant has no microphone track.
            TwirpError: The server refused the call.
            TimeoutError: The server did not respond within 5 s.
        """
        async with open_api(self._livekit, WITHIN_S) as server:
            participant = await server.room.get_participant(
                api.RoomParticipantIdentity(room=self._room, identity=identity)
            )
            sids = [
                track.sid
                for track in participant.tracks
                if track.source == api.TrackSource.MICROPHONE
            ]
            if not sids:
                raise RoomError(f"The participant {identity} has no microphone track.")
            for sid in sids:
                await server.room.mute_published_track(
                    api.MuteRoomTrackRequest(
                        room=self._room, identity=identity, track_sid=sid, muted=muted
                    )
                )

    async def revoke_permission(self, identity: str) -> None:
        """Revoke the permission of a participant to publish tracks.

        Args:
            identity: The identity of the participant.

        Raises:
            TwirpError: The server refused the call.
            TimeoutError: The server did not respond within 5 s.
        """
        permission = api.ParticipantPermission(can_subscribe=True, can_publish_data=True)
        async with open_api(self._livekit, WITHIN_S) as server:
            await server.room.update_participant(
                api.UpdateParticipantRequest(
                    room=self._room, identity=identity, permission=permission
                )
            )
