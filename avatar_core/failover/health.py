"""The health check: finds out that an avatar left, was ended, died or stalled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from avatar_core.contracts.errors import AvatarLostError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent, RoomLink
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.playback.transport import Transport

HEARTBEAT_LOST_S = 0.43
"""Two beats in a row may get lost: at 1 % loss that befalls a speaker every half an hour."""
RECONNECT_S = 15.0
"""The heartbeat is not judged for so long after the agent's room begins to reconnect."""
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
    """Watches the avatar of one transport, and loses the transport when the avatar is gone.

    Args:
        link: The agent's connection to the room.
        avatar: The avatar to watch.
        transport: Its transport; lost at most once.
        session_ended: Returns why, once the provider knows that the session ended.
        restart: Begins another take after the agent reconnected.
    """

    def __init__(
        self,
        link: RoomLink,
        avatar: ProvisionedAvatar,
        transport: Transport,
        session_ended: Callable[[], Awaitable[str]],
        restart: Callable[[], None],
    ) -> None:
        self._avatar = avatar
        self._identities = {avatar.identity, avatar.audio_destination}
        self._transport = transport
        self._session_ended = session_ended
        self._restart = restart
        self._leaving: dict[str, tuple[str, float, asyncio.TimerHandle]] = {}
        self._reconnecting_until = 0.0
        self._unwatch = link.watch(self._on_room_event)
        self._tasks = (
            asyncio.create_task(self._watch_provider(), name="avatar-watch"),
            asyncio.create_task(self._watch_heartbeat(), name="avatar-heartbeat"),
        )
        for identity in self._identities - {*link.remote_participants()}:
            self._start_grace_period(identity, "")  # it left as soon as its transport was open

    def close(self) -> None:
        """Stop watching; idempotent."""
        self._unwatch()
        for task in self._tasks:
            task.cancel()
        for _, _, timer in self._leaving.values():
            timer.cancel()
        self._leaving.clear()

    def _lose(self, what: str) -> None:
        self.close()
        self._transport.lose(
            AvatarLostError(
                f"the avatar {self._avatar.identity} {what}.",
                provider=self._transport.provider,
                hint="The agent goes on by voice.",
            )
        )

    # Presence. A participant that is back with the same sid never left: we reconnected.

    def _on_room_event(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        now = asyncio.get_running_loop().time()
        if event is RoomEvent.RECONNECTING:
            self._reconnecting_until = now + RECONNECT_S
        elif event is RoomEvent.RECONNECTED:
            self._reconnecting_until = now + SAME_SID_S
            self._restart()
        elif event is RoomEvent.DISCONNECTED:
            self._lose("cannot be reached: the agent's own room is closed")
        elif event is RoomEvent.MOVED:
            self._lose("stayed behind when the agent was moved to another room")
        elif participant is None or participant.identity not in self._identities:
            return
        elif event is RoomEvent.LEFT and participant.left_for_good:
            self._lose("left the room")
        elif event is RoomEvent.LEFT and participant.identity not in self._leaving:
            self._start_grace_period(participant.identity, participant.sid)
        elif event is RoomEvent.JOINED and participant.identity in self._leaving:
            sid, left_at, timer = self._leaving.pop(participant.identity)
            timer.cancel()
            if sid and (sid != participant.sid or now - left_at > SAME_SID_S):
                self._lose("left the room and came back with a new sid")

    def _start_grace_period(self, identity: str, sid: str) -> None:
        loop = asyncio.get_running_loop()
        timer = loop.call_later(LEFT_S, self._lose, "left the room")
        self._leaving[identity] = (sid, loop.time(), timer)

    # The provider: a child process that exited, a session that the vendor ended.

    async def _watch_provider(self) -> None:
        self._lose(f"is gone ({await self._session_ended()})")

    # The heartbeat. Silence counts only while audio, or the end of a take, is outstanding, and
    # only while this loop itself ran: a busy process must not take its own pause for a death.

    async def _watch_heartbeat(self) -> None:
        silent_s = stalled_s = 0.0
        alive_at: float | None = None
        position_s = 0.0
        while True:
            await asyncio.sleep(TICK_S)
            tracker, take = self._transport.tracker, self._transport.take
            outstanding = take is not None and (take.ended or take.unheard_s > REST_S)
            reconnecting = asyncio.get_running_loop().time() < self._reconnecting_until
            if take is None or not outstanding or reconnecting or tracker.alive_at is None:
                silent_s = stalled_s = 0.0
                continue
            silent_s = silent_s + TICK_S if tracker.alive_at == alive_at else 0.0
            stalled_s = stalled_s + TICK_S if take.position_s == position_s else 0.0
            alive_at, position_s = tracker.alive_at, take.position_s
            if silent_s > HEARTBEAT_LOST_S:
                return self._lose(f"gave no sign of life for {silent_s:.1f} s")
            if stalled_s > STALL_S:
                return self._lose(f"played nothing for {stalled_s:.1f} s")
