"""The health check: detects that an avatar left the room, ended, crashed or stalled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from avatar_core.contracts.errors import AvatarLostError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.first_audio import FirstAudio
from avatar_core.failover.heartbeat import Heartbeat
from avatar_core.failover.presence import Presence
from avatar_core.failover.progress import Progress
from avatar_core.failover.signs_of_life import SignsOfLife
from avatar_core.failover.ticks import TICK_S, Ticks
from avatar_core.playback.transport import Transport

INAUDIBLE_S = 0.2
"""Seconds for which the audio track may be missing during speech. When the agent reconnects, all
tracks disappear about 10 ms before the event `RECONNECTING`."""
NO_TRACK_S = 0.45
"""Seconds, in addition to the worker's latency, that a worker has after the first audio of a take
to publish its first audio track."""
WAITING_AUDIO_S = 0.1
"""Seconds of unheard audio that a worker may keep until more audio arrives. A worker plays audio in
chunks of one video frame."""


class HealthCheck:
    """A check that calls `Transport.lose` when the avatar of a transport is lost.

    The failover controller creates the check when an avatar goes live. The constructor starts tasks
    on the running event loop.

    Args:
        link: The agent's connection to the room.
        avatar: The record of the avatar's session.
        transport: The transport to the avatar.
        wait_until_ended: An async function that returns the reason when the provider knows that the
            session has ended.
        restart: Called after the agent has reconnected, to begin another take.
    """

    def __init__(
        self,
        link: RoomLink,
        avatar: ProvisionedAvatar,
        transport: Transport,
        wait_until_ended: Callable[[], Awaitable[str]],
        restart: Callable[[], None],
    ) -> None:
        self._link = link
        self._avatar = avatar
        self._transport = transport
        self._wait_until_ended = wait_until_ended
        self._is_monitored = transport.monitor is not None
        self._was_audible = self._lost_track = False
        self._ticks = Ticks(transport)
        self._first_audio = FirstAudio()
        self._presence = Presence(link, avatar, self._lose, restart, self._on_tracks)
        self._responses = asyncio.create_task(self._watch_responses(), name="avatar-responses")
        self._tasks = (
            asyncio.create_task(self._watch_provider(), name="avatar-watch"),
            asyncio.create_task(self._watch_heartbeat(), name="avatar-heartbeat"),
            self._responses,
        )

    def close(self) -> None:
        """Stop the check. A second call of this method has no effect."""
        self._presence.close()
        for task in self._tasks:
            task.cancel()

    def _lose(self, event: str, *, may_return: bool = False) -> None:
        self.close()
        error = AvatarLostError(
            f"the avatar {self._avatar.identity} is lost because it {event}.",
            provider=self._transport.provider,
            hint="The agent continues with its own voice.",
        )
        error.may_return = may_return
        self._transport.lose(error)

    def _on_tracks(self, is_audible: bool) -> None:
        take = self._transport.take
        if take is not None and self._was_audible and not is_audible:
            take.confirmed_s = take.position_s
        elif take is not None and is_audible:
            take.confirmed_s = None
            if self._lost_track:
                take.heard_at_most_s = None
        self._lost_track = self._was_audible and not is_audible
        self._was_audible |= is_audible
        self._ticks.wake()

    # The provider may know that the worker process exited or that the vendor ended the session.

    async def _watch_provider(self) -> None:
        self._lose(f"ended ({await self._wait_until_ended()})")

    # The heartbeat and the position. Time counts only while the worker has audio to play or a take
    # to end. The check counts ticks, not seconds, so that a pause of this process does not look
    # like a dead worker.

    async def _watch_heartbeat(self) -> None:
        transport = self._transport
        heartbeat = Heartbeat(transport.heartbeat_s)
        progress = Progress(transport)
        inaudible_s = unpublished_s = 0.0
        is_due = False
        while True:
            tick_s = await self._ticks.wait()
            take, alive_at = self._owed_take(), transport.tracker.alive_at
            age_s = self._ticks.age_s(tick_s)
            heartbeat.observe(alive_at, transport.take, tick_s, age_s)
            self._hold_position()
            self._note_sound()
            is_inaudible = take is not None and self._lost_track
            inaudible_s = inaudible_s + min(tick_s, TICK_S) if is_inaudible else 0.0
            if inaudible_s > INAUDIBLE_S:
                return self._lose("muted or unpublished its audio track", may_return=True)
            unpublished_s = unpublished_s + tick_s if self._awaits_track else 0.0
            if unpublished_s > NO_TRACK_S + transport.latency_s:
                return self._lose("published no audio track", may_return=True)
            if fault := await self._hear(tick_s):
                return self._lose(fault)
            due_s = tick_s if is_due else 0.0
            if not is_due:
                heartbeat.rest(self._ticks.waited_s)
            is_due = not transport.tracker.is_estimate and (take is not None or self._owes_cut)
            if is_due and alive_at is not None and heartbeat.is_regular:
                silent_s = heartbeat.count_silence_s(due_s)
                if silent_s:
                    return self._lose(f"sent no report for {silent_s:.1f} s", may_return=True)
            if take is None or not is_due:
                unheard_s = transport.take.unheard_s if transport.take is not None else 0.0
                progress.reset(is_empty=unheard_s <= WAITING_AUDIO_S)
                continue
            if problem := progress.count(take, tick_s, age_s):
                return self._lose(problem, may_return=True)
            if self._ticks.is_steady and not self._lost_track:
                self._ticks.slow_down(min(heartbeat.left_s, progress.left_s))

    def _hold_position(self) -> None:
        """Ignore the positions of a worker that nobody can hear."""
        take = self._transport.take
        is_mute = self._must_publish and not self._was_audible
        if take is not None and (self._lost_track or is_mute):
            take.heard_at_most_s = take.position_s

    @property
    def _must_publish(self) -> bool:
        """Whether a worker without an audio track is mute, also after the monitor was closed."""
        return self._is_monitored and not self._transport.collects

    @property
    def _awaits_track(self) -> bool:
        """Whether the worker has audio to play, and has never published an audio track."""
        take = self._transport.take
        if take is None or not take.pushed_s or take.cutting or take.state.final:
            return False
        return self._must_publish and not self._was_audible and not self._presence.is_reconnecting

    async def _hear(self, tick_s: float) -> str:
        """Return the fault that the monitor hears; judge a worker with reports by its reports."""
        monitor = self._transport.monitor
        if self._reports:
            self._responses.cancel()
        if monitor is None:
            return ""
        if self._reports and not self._transport.collects:
            self._transport.monitor = None
            await monitor.aclose()
            return ""
        fault = monitor.check()
        if self._was_audible and not self._lost_track:
            fault = fault or await self._first_audio.count(monitor, self._transport.take, tick_s)
            if self._transport.tracker.is_estimate:
                self._ticks.slow_down(monitor.left_s)
        return "" if self._presence.is_reconnecting else fault

    @property
    def _reports(self) -> bool:
        """Whether the worker reports its positions."""
        return self._transport.tracker.alive_at is not None

    async def _watch_responses(self) -> None:
        """Ask a worker that sends no reports for a sign of life."""
        signs = SignsOfLife(
            self._link,
            self._avatar.audio_destination,
            self._transport,
            is_judged=self._is_judged_by_responses,
            on_alive=self._confirm_position,
        )
        self._lose(await signs.wait_for_death(), may_return=True)

    def _is_judged_by_responses(self) -> bool:
        return not self._reports and not self._presence.is_reconnecting

    def _note_sound(self) -> None:
        """Trust the position of a take that is reported or heard; otherwise wait for responses."""
        take = self._transport.take
        if take is None or self._lost_track:
            return
        if self._is_exact:
            take.confirmed_s = None
        elif self._transport.monitor is not None and take.confirmed_s is None:
            take.confirmed_s = take.position_s

    def _confirm_position(self, position_s: float) -> None:
        """Trust an estimated position up to the time of a request to which the worker responded."""
        take = self._transport.take
        if take is not None and not self._lost_track:
            take.confirmed_s = None if self._is_exact else min(position_s, take.position_s)

    @property
    def _is_exact(self) -> bool:
        """Whether the positions are reported by the worker, or heard by the monitor."""
        monitor = self._transport.monitor
        return self._reports or (monitor is not None and monitor.is_hearing)

    @property
    def _owes_cut(self) -> bool:
        """Whether the worker must report that it cut the take, and sends reports until then."""
        transport, take = self._transport, self._transport.take
        if take is None or not take.cutting or take.state.final or self._presence.is_reconnecting:
            return False
        return take.pushed_s > 0 and transport.heartbeat_s is not None and not transport.collects

    def _owed_take(self) -> Take | None:
        """Return the take if its worker has audio to play, or the end of the take to report."""
        transport, take = self._transport, self._transport.take
        if take is None or self._presence.is_reconnecting:
            return None
        if take.cutting or take.state.final:
            return None  # the player waits for the end of a cut within a deadline of its own
        if take.ended:
            return take
        if transport.collects or transport.heartbeat_s is None:
            return take if transport.budget_s(take) == 0 else None
        return take if take.unheard_s > WAITING_AUDIO_S else None
