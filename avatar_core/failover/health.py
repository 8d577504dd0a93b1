"""The health: judges a transport by presence, by its provider's word, and by its pulse."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent
from avatar_core.provisioning.lease import Lease

if TYPE_CHECKING:
    from avatar_core.playback.player import Player

HEARTBEAT_LOST_S = 0.43
"""Two beats in a row may get lost: at 1 % loss that befalls a speaker every half an hour."""
SHAKEN_S = 15.0
"""A reconnection that takes longer excuses nobody any more."""
STALL_S = 1.0
"""An announced worker that holds unheard audio and plays none of it is dead."""
SAME_SID_S = 1.0
"""A participant back with its old sid within this never left: our own side reconnected."""
LEFT_S = 1.5
"""Who left and is not back within this is gone, where the server does not say why."""

TICK_S = 0.025
REST_S = 0.1
"""A worker plays whole pictures' worth of sound: so short a rest may wait for more speech."""


class HealthCheck:
    """Watches one lease while it is in use; the first verdict is the last.

    Args:
        lease: Whose transport it is.
        player: Whose takes run on it.
        lose: Told once why the transport is gone.
    """

    def __init__(self, lease: Lease, player: Player, lose: Callable[[AvatarError], None]) -> None:
        self._lease = lease
        self._player = player
        self._lose = lose
        self._link = lease.ctx.link
        self._leaving: dict[str, tuple[str, float, asyncio.TimerHandle]] = {}
        self._shaken_until = 0.0
        self._unwatch = self._link.watch(self._presence)
        self._tasks = (
            asyncio.create_task(self._word(), name="avatar-word"),
            asyncio.create_task(self._pulse(), name="avatar-pulse"),
        )
        for identity in {*self._identities} - {*self._link.remote_participants()}:
            self._away(identity, "")  # it left as soon as its transport was open

    def close(self) -> None:
        """Stop watching; idempotent."""
        self._unwatch()
        for task in self._tasks:
            task.cancel()
        for _, _, timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _verdict(self, why: str) -> None:
        self.close()
        self._lose(
            AvatarLostError(
                f"the avatar {self._lease.avatar.identity} {why}.",
                provider=self._lease.provider.name,
                hint="The agent goes on by voice.",
            )
        )

    # Presence: who leaves and comes back with the same sid never left; we reconnected.

    def _presence(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        if event is RoomEvent.RECONNECTING:
            self._shaken_until = asyncio.get_running_loop().time() + SHAKEN_S
        elif event is RoomEvent.RECONNECTED:
            self._shaken_until = asyncio.get_running_loop().time() + SAME_SID_S
            self._player.restart(self._lease.transport)
        elif event is RoomEvent.DISCONNECTED:
            self._verdict("cannot be reached: the agent's own room is closed")
        elif event is RoomEvent.MOVED:
            self._verdict("stayed behind when the agent was moved to another room")
        elif participant is None or participant.identity not in self._identities:
            return
        elif event is RoomEvent.LEFT and participant.left_for_good:
            self._verdict("left the room")
        elif event is RoomEvent.LEFT and participant.identity not in self._leaving:
            self._away(participant.identity, participant.sid)
        elif event is RoomEvent.JOINED and participant.identity in self._leaving:
            sid, left_at, timer = self._leaving.pop(participant.identity)
            timer.cancel()
            away_s = asyncio.get_running_loop().time() - left_at
            if sid and (sid != participant.sid or away_s > SAME_SID_S):
                self._verdict("left the room and came back as somebody new")

    def _away(self, identity: str, sid: str) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LEFT_S, self._verdict, "left the room")
        self._leaving[identity] = (sid, loop.time(), timer)

    @property
    def _identities(self) -> tuple[str, str]:
        return self._lease.avatar.identity, self._lease.avatar.listener

    # The provider's word: a child that exited, a session that was ended.

    async def _word(self) -> None:
        why = await self._lease.gone()
        self._verdict(f"is gone ({why})")

    # The pulse: silence counts only while sound, or the end of a take, is owed; and only time
    # in which this loop itself ran, so that a busy process does not take its own pause for a
    # death.

    async def _pulse(self) -> None:
        quiet_s = still_s = 0.0
        alive_at: float | None = None
        position_s = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            tracker, take = self._lease.transport.tracker, self._player.take
            mine = take is not None and self._player.transport is self._lease.transport
            owed = mine and take is not None and (take.ended or take.unheard_s > REST_S)
            shaken = asyncio.get_running_loop().time() < self._shaken_until
            if not owed or take is None or shaken or tracker.alive_at is None:
                quiet_s = still_s = 0.0
                continue
            quiet_s = quiet_s + TICK_S if tracker.alive_at == alive_at else 0.0
            still_s = still_s + TICK_S if take.position_s == position_s else 0.0
            alive_at, position_s = tracker.alive_at, take.position_s
            if quiet_s > HEARTBEAT_LOST_S:
                return self._verdict(f"gave no sign of life for {quiet_s:.1f} s")
            if still_s > STALL_S:
                return self._verdict(f"played nothing for {still_s:.1f} s")
