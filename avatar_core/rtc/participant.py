"""Converts the participant objects of `livekit.rtc` to the records of avatar-core."""

from __future__ import annotations

from livekit import rtc

from avatar_core.contracts.participants import RemoteParticipant
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF

_NOT_LISTENERS = (
    rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
    rtc.ParticipantKind.PARTICIPANT_KIND_EGRESS,
    rtc.ParticipantKind.PARTICIPANT_KIND_INGRESS,
)
_NOT_FOR_GOOD = (
    None,
    rtc.DisconnectReason.ROOM_DELETED,
    rtc.DisconnectReason.ROOM_CLOSED,
)
"""Disconnect reasons that do not show that a participant left for good. When a room closes, our own
connection also ends soon."""
_KINDS = {rtc.TrackKind.KIND_AUDIO: "audio", rtc.TrackKind.KIND_VIDEO: "video"}


def read_participant(participant: rtc.RemoteParticipant) -> RemoteParticipant:
    """Return an immutable record of the current state of a participant.

    Args:
        participant: The object of `livekit.rtc`, which changes with the room.

    Returns:
        The record.
    """
    return RemoteParticipant(
        identity=participant.identity,
        sid=participant.sid,
        is_agent=participant.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT,
        attributes=participant.attributes,
        tracks=frozenset(
            _KINDS[publication.kind]
            for publication in participant.track_publications.values()
            if publication.kind in _KINDS and not publication.muted
        ),
        left_for_good=participant.disconnect_reason not in _NOT_FOR_GOOD,
        is_listener=participant.kind not in _NOT_LISTENERS
        and PUBLISH_ON_BEHALF not in participant.attributes,
    )
