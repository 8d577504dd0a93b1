"""The failover controller: tries the providers of a chain, and chooses the transport of speech."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial

from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.events import AvatarEvent, AvatarJoined, AvatarState, StateChanged
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.failover.acquisition import Acquisition
from avatar_core.failover.audience import Audience
from avatar_core.failover.failures import Failures
from avatar_core.failover.greeting import Greeting
from avatar_core.failover.health import HealthCheck
from avatar_core.failover.leftovers import end_leftovers
from avatar_core.failover.room_end import open_voice, prepare_voice
from avatar_core.playback.player import Player
from avatar_core.playback.room_closed import RoomClosedError
from avatar_core.playback.transport import Transport
from avatar_core.playback.voice import Voice
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.lease import Lease
from avatar_core.registry.discovery import VOICE
from avatar_core.registry.selection import Candidate
from avatar_core.tasks import RELEASE_S, close_quietly

log = logging.getLogger("avatar_core")

CLOSE_PROVIDER_S = 0.3
"""Seconds that a provider has to close its connections after the end of all its sessions."""


class FailoverController:
    """The owner of an agent's avatar, which tries the providers of a chain in their order.

    `AvatarSession` creates the controller. The controller also is the `TransportChooser` of the
    player: the avatar plays a segment of speech if an avatar is live, and the agent's own voice
    plays the segment if no avatar is live.

    Args:
        context: The session context, with which the controller provisions avatars into the room.
        chain: The providers in order of preference. The agent's own voice is always the last item.
        player: The player that uses the transports of the controller.
        emit: Receives the events of the avatar session.

    Attributes:
        state: The state of the avatar session.
    """

    def __init__(
        self,
        context: SessionContext,
        chain: Sequence[Candidate],
        player: Player,
        emit: Callable[[AvatarEvent], None],
    ) -> None:
        self._context = context
        self._releaser = context.releaser
        self._tasks = context.releaser.tasks
        self._failures = Failures(context.link, emit)
        self._acquisition = Acquisition(context, chain, self._failures.report)
        self._emit = emit
        self._lease: Lease | None = None
        self._health: HealthCheck | None = None
        self._voice = Voice(context.link, self._tasks)
        self._audience = Audience(context.link, context.listener_timeout_s, self._tasks)
        self._lease_changed = asyncio.Event()
        self._unobserve: Unsubscribe = lambda: None
        self._settled = asyncio.Event()
        self._greeting = Greeting(self._acquisition, self._settled, context.clock)
        self._acquiring: asyncio.Task[None] | None = None
        self._reaping: asyncio.Task[None] | None = None
        self._lost: Lease | None = None
        self._room_end: asyncio.Task[None] | None = None
        self._unwatch_room: Unsubscribe = lambda: None
        self.state = AvatarState.NEW
        self._player = player

    @property
    def last_error(self) -> AvatarError | None:
        """The last error after which the controller tried the next provider, or None."""
        return self._failures.last_error

    @property
    def lease(self) -> Lease | None:
        """The lease of the avatar that is in use; None while the agent's own voice speaks."""
        return self._lease

    async def start(self) -> None:
        """Start to create a session for an avatar in the background.

        The method returns when a provider has created a session, or when all providers have failed.
        The avatar may join the room later.
        """
        self._unwatch_room = self._context.link.watch(self._on_room_event)
        self._set_state(AvatarState.STARTING, self._acquisition.first_name or VOICE)
        leftovers = end_leftovers(self._context, self._acquisition.providers)
        self._reaping = asyncio.create_task(leftovers, name="avatar-reap")
        self._acquiring = asyncio.create_task(self._acquire(), name="avatar-acquire")
        await self._acquisition.provisioned.wait()

    async def wait_until_settled(self) -> Lease | None:
        """Wait until an avatar is live or no provider of the chain is left.

        Returns:
            The lease of the live avatar, or None if the agent's own voice speaks.
        """
        await self._settled.wait()
        return self._lease

    async def aclose(self, reason: str, *, keep_voice: bool = False) -> None:
        """End every paid session within `RELEASE_S` seconds, and log the sessions that remain.

        The method does not raise, and may be called more than once.

        Args:
            reason: The reason of the end, for the log and the vendor.
            keep_voice: Whether the agent continues to speak with its own voice. A later call with
                False stops the voice.
        """
        publishing = None if keep_voice else self._voice.opening
        if not keep_voice:
            self._unwatch_room()
            self._voice.shut_down()
        if self.state in (AvatarState.CLOSING, AvatarState.CLOSED):
            if self._room_end is not None:
                await asyncio.shield(self._room_end)
            return
        speaking = self._lease.provider.name if self._lease is not None else VOICE
        self._set_state(AvatarState.CLOSING, speaking)
        if (lease := self._drop_lease()) is not None:
            self._tasks.start(lease.release(reason), f"{lease.provider.name}-release")
            error = f"avatar-core released the avatar because {reason}."
            lease.transport.lose(AvatarLostError(error, provider=lease.provider.name))
        if self._lost is not None:  # its recovery may be cancelled before it begins
            self._tasks.start(self._lost.release(reason), f"{self._lost.provider.name}-release")
        unwanted = [task for task in (self._acquiring, self._reaping, publishing) if task]
        await self._tasks.finish(unwanted, RELEASE_S)
        await self._releaser.aclose()
        await asyncio.gather(
            *(close_quietly(one, CLOSE_PROVIDER_S) for one in self._acquisition.providers)
        )
        self._settled.set()
        self._acquisition.provisioned.set()
        self._set_state(AvatarState.CLOSED, VOICE)

    # The TransportChooser of the player.

    async def at_start(self) -> Transport:
        """Return the transport for a segment of speech that starts now.

        The first call may wait for the avatar to join. Each call waits until a listener can hear
        the transport.

        Returns:
            The transport of the live avatar, or else the transport of the agent's own voice.

        Raises:
            TransportError: No avatar is live, and the agent's own voice cannot be published.
        """
        await self._greeting.wait_for_avatar()
        if self._voice.transport is not None and (
            self._lease is not None or self._voice.transport.lost is not None
        ):
            self._voice.close()  # try to publish a lost voice again, once for each segment
        return await self._wait_for_listener()

    async def after_loss(self) -> Transport:
        """Return the transport for the rest of a segment whose transport was lost.

        The call waits until a listener can hear the transport.

        Returns:
            The transport of an avatar that has joined since, or else the transport of the agent's
            own voice.

        Raises:
            TransportError: No avatar is live, and the agent's own voice cannot be published.
        """
        return await self._wait_for_listener()

    async def _wait_for_listener(self) -> Transport:
        """Return the transport to use, as soon as a listener can hear the transport."""
        while True:
            if not self._context.link.connected:
                raise RoomClosedError(self._context.link.room_name)
            lease = self._lease
            if lease is not None:
                transport = lease.transport
            else:
                transport = await open_voice(self._voice, self._context.link)
            if lease is self._lease and await self._audience.wait(transport, self._lease_changed):
                return transport
            if self._lease is not None:
                self._voice.close()

    # The lease.

    async def retry(self) -> Lease | None:
        """Provision the chain again from its first provider, if the agent's own voice speaks.

        Returns:
            The lease of the live avatar, or None if all providers failed.
        """
        if self._settled.is_set() and self._lease is None and self.state is AvatarState.VOICE:
            self._acquisition.restart()
            self._settled.clear()
            self._acquiring = asyncio.create_task(self._acquire(), name="avatar-acquire")
        return await self.wait_until_settled()

    async def _acquire(self) -> None:
        started_at = self._context.clock()
        lease = await self._acquisition.run()
        if lease is not None:
            self._use_lease(lease, self._context.clock() - started_at)
        else:
            self._set_state(AvatarState.VOICE, VOICE)
            self._tasks.start(prepare_voice(self._voice, self._context.link), "voice")
        self._settled.set()

    async def _recover(self, lease: Lease, error: AvatarError) -> None:
        """Use a lost avatar again if it is alive, or provision another one."""
        lost_at = self._context.clock()
        revived = False
        try:
            await self._failures.report_loss(lease.provider.name, error)
            may_return = isinstance(error, AvatarLostError) and error.may_return
            revived = may_return and await lease.revive()
        finally:
            if not revived:
                self._tasks.start(lease.release(str(error)), f"{lease.provider.name}-release")
                lease.remove_participant()
        if revived:
            self._use_lease(lease, self._context.clock() - lost_at)
            self._settled.set()
        else:
            self._acquisition.note_loss()
            await self._acquire()

    def _use_lease(self, lease: Lease, join_s: float) -> None:
        self._lease = lease
        self._lease_changed.set()
        self._audience.prepare(lease.transport)
        self._health = HealthCheck(
            self._context.link,
            lease.avatar,
            lease.transport,
            lease.wait_until_ended,
            partial(self._player.restart, lease.transport),
        )
        provider = lease.provider.name
        self._emit(AvatarJoined(provider=provider, identity=lease.avatar.identity, join_s=join_s))
        self._set_state(AvatarState.LIVE, provider)
        self._unobserve = lease.transport.on_lost(partial(self._on_lost, lease))

    def _on_lost(self, lease: Lease, error: AvatarError) -> None:
        self._drop_lease()
        self._lost = lease
        self._failures.note_loss(error)
        self._set_state(AvatarState.VOICE, VOICE)
        self._tasks.start(prepare_voice(self._voice, self._context.link), "voice")
        self._settled.clear()
        self._acquiring = asyncio.create_task(self._recover(lease, error), name="avatar-recover")

    def _on_room_event(self, event: RoomEvent, _: RemoteParticipant | None) -> None:
        """Tell the audience, and end the session without a provider's error if the room closed."""
        self._audience.note_room_event()
        if event is not RoomEvent.DISCONNECTED or self._room_end is not None:
            return
        name = self._context.link.room_name
        log.warning(
            "The agent's connection to the room %s closed. avatar-core ends the session.", name
        )
        self._unobserve()
        self._failures.forget_loss()
        if self._voice.transport is not None:
            self._voice.transport.lose(RoomClosedError(name))
        self._room_end = asyncio.create_task(self.aclose("the room closed"), name="avatar-room-end")
        self._settled.set()  # no speech waits for an avatar any more

    def _drop_lease(self) -> Lease | None:
        lease, self._lease = self._lease, None
        self._lease_changed.set()
        self._unobserve()
        if self._health is not None:
            self._health.close()
            self._health = None
        return lease

    # State.

    def _set_state(self, state: AvatarState, provider: str) -> None:
        if state is not self.state:
            self.state = state
            self._emit(StateChanged(state=state, provider=provider))
