"""Detects that an avatar left the room, or that the agent's connection to the room closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.provisioning import ProvisionedAvatar

RECONNECT_S = 15.0
"""Seconds for which the agent counts as reconnecting after it starts to reconnect."""
SAME_SID_S = 1.0
"""Seconds in which a participant that left may return with its old sid. The check then assumes that
only the agent reconnected."""
LEFT_S = 1.5
"""Seconds in which a participant may return if the server stated no reason why it left. After this
time, the avatar counts as lost."""


class Lose(Protocol):
    """A function that reports the loss of the avatar."""

    def __call__(self, event: str, *, may_return: bool = False) -> None:
        """Report the loss.

        Args:
            event: What the avatar did, as a part of a sentence.
            may_return: Whether the avatar may be alive and can be used again.
        """


class Presence:
    """Watches the participants of one avatar, from the constructor to `close`.

    Args:
        link: The agent's connection to the room.
        avatar: The record of the avatar's session.
        lose: Called when the avatar is lost.
        restart: Called after the agent has reconnected.
        on_tracks: Called with whether the avatar has an audible track, when its tracks changed.
    """

    def __init__(
        self,
        link: RoomLink,
        avatar: ProvisionedAvatar,
        lose: Lose,
        restart: Callable[[], None],
        on_tracks: Callable[[bool], None],
    ) -> None:
        self._avatar = avatar
        self._identities = {avatar.identity, avatar.audio_destination}
        self._lose = lose
        self._restart = restart
        self._on_tracks = on_tracks
        self._leaving: dict[str, tuple[str, float, asyncio.TimerHandle]] = {}
        self._reconnecting_until = 0.0
        for participant in link.remote_participants().values():
            self._note_tracks(participant)
        self._unwatch = link.watch(self._on_room_event)
        for identity in self._identities - {*link.remote_participants()}:
            self._start_grace_period(identity, "")  # the participant left right after it joined

    @property
    def is_reconnecting(self) -> bool:
        """Whether the agent reconnects or has just reconnected, so that messages may be missing."""
        return asyncio.get_running_loop().time() < self._reconnecting_until

    def close(self) -> None:
        """Stop watching. A second call of this method has no effect."""
        self._unwatch()
        for _, _, timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _on_room_event(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        now = asyncio.get_running_loop().time()
        if event is RoomEvent.RECONNECTING:
            self._reconnecting_until = now + RECONNECT_S
        elif event is RoomEvent.RECONNECTED:
            self._reconnecting_until = now + SAME_SID_S
            self._restart()
        elif event is RoomEvent.DISCONNECTED:
            self._lose("cannot be reached: the agent's connection to the room closed")
        elif event is RoomEvent.MOVED:
            self._lose("stayed in the old room when the agent was moved to another one")
        elif participant is None or participant.identity not in self._identities:
            return
        elif event is RoomEvent.TRACKS:
            self._note_tracks(participant)
        elif event is RoomEvent.LEFT and participant.left_for_good:
            self._lose("left the room")
        elif event is RoomEvent.LEFT and participant.identity not in self._leaving:
            self._start_grace_period(participant.identity, participant.sid)
        elif event is RoomEvent.JOINED and participant.identity in self._leaving:
            sid, left_at, timer = self._leaving.pop(participant.identity)
            timer.cancel()
            if sid and (sid != participant.sid or now - left_at > SAME_SID_S):
                self._lose("left the room and joined again with a new sid", may_return=True)
            else:  # a track may have disappeared while the agent was away
                self._note_tracks(participant)

    def _note_tracks(self, participant: RemoteParticipant) -> None:
        if participant.identity == self._avatar.identity:
            self._on_tracks("audio" in participant.tracks)

    def _start_grace_period(self, identity: str, sid: str) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LEFT_S, partial(self._lose, "left the room", may_return=True))
        self._leaving[identity] = (sid, loop.time(), timer)
