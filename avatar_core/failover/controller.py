"""The controller: buys down the chain, gives the player its transport, and ends all it bought."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from avatar_core.contracts.errors import AvatarError, AvatarLostError
from avatar_core.contracts.events import (
    AvatarEvent,
    AvatarFailed,
    AvatarJoined,
    AvatarState,
    StateChanged,
)
from avatar_core.contracts.link import Unsubscribe
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.failover.health import HealthCheck
from avatar_core.playback.player import Player
from avatar_core.playback.transport import Transport
from avatar_core.playback.voice import Voice
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.lease import Lease
from avatar_core.provisioning.reaper import reap
from avatar_core.registry.discovery import VOICE
from avatar_core.registry.selection import Candidate
from avatar_core.tasks import RELEASE_S, as_avatar_error, close_quietly

log = logging.getLogger("avatar_core")

MAX_HOLD_S = 8.0
"""Speech is held for a join at most this long, and at most twice the expected join."""
LET_GO_S = 0.3
"""For a provider to let go of its connections, once all that it sold is ended."""
LOOK_AGAIN_S = 15.0
"""Between two looks for what was not there yet when it should have been ended."""


class FailoverController:
    """One agent's avatar, whichever of the chain it is, and the voice beneath it.

    Args:
        context: The room.
        chain: Providers in order of preference; the voice stands unsaid at the end.
        player: Plays over the transports of this controller from now on.
        tell: Told events.
    """

    def __init__(
        self,
        context: SessionContext,
        chain: Sequence[Candidate],
        player: Player,
        tell: Callable[[AvatarEvent], None],
    ) -> None:
        self._context = context
        self._releaser = context.releaser
        self._tasks = context.releaser.tasks
        self._waiting = [candidate for candidate in chain if candidate.provider is not None]
        self._providers = [one.provider for one in self._waiting if one.provider]
        self._tell = tell
        self._lease: Lease | None = None
        self._health: HealthCheck | None = None
        self._voice = Voice(context.link, self._tasks)
        self._unobserve: Unsubscribe = lambda: None
        self._buying: AvatarProvider[Any] | None = None
        self._may_hold = bool(self._waiting)
        self._hold_until: float | None = None
        self._settled = asyncio.Event()
        self._provisioned = asyncio.Event()
        self._acquiring: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None
        self.state = AvatarState.NEW
        self.last_error: AvatarError | None = None
        self._player = player
        player.use(self)

    @property
    def lease(self) -> Lease | None:
        """The avatar in use, if any."""
        return self._lease

    async def start(self) -> None:
        """Return when the first `provision` has ended; joining goes on behind it."""
        self._enter(AvatarState.STARTING, self._waiting[0].name if self._waiting else VOICE)
        self._sweeping = asyncio.create_task(self._sweep(), name="avatar-sweep")
        self._acquiring = asyncio.create_task(self._acquire(), name="avatar-acquire")
        await self._provisioned.wait()

    async def settled(self) -> Lease | None:
        """Wait until an avatar is live or the chain is at its end (None)."""
        await self._settled.wait()
        return self._lease

    async def aclose(self, reason: str, *, speaks_on: bool = False) -> None:
        """End everything that was bought, within `RELEASE_S`; idempotent.

        Args:
            reason: Why.
            speaks_on: The agent goes on by voice, until this is called without.
        """
        publishing = None if speaks_on else self._voice.opening
        if not speaks_on:
            self._voice.shut()
        if self.state in (AvatarState.CLOSING, AvatarState.CLOSED):
            return
        self._enter(AvatarState.CLOSING, self._speaker)
        if (lease := self._lease) is not None:
            error = AvatarLostError(f"the avatar was released: {reason}.", provider=self._speaker)
            self._end_lease(reason)
            lease.transport.lose(error)
        unwanted = [task for task in (self._acquiring, self._sweeping, publishing) if task]
        for task in unwanted:
            task.cancel()
        try:
            async with asyncio.timeout(RELEASE_S):
                while left := {task for task in unwanted if not task.done()} | self._tasks.running:
                    await asyncio.wait(left)  # who is cancelled may have something to release
        except TimeoutError:
            names = ", ".join(task.get_name() for task in left if not task.done())
            log.warning("Not everything could be ended within %g s: %s.", RELEASE_S, names)
        self._releaser.close()
        await asyncio.gather(*(close_quietly(provider, LET_GO_S) for provider in self._providers))
        self._settled.set()
        self._provisioned.set()
        self._enter(AvatarState.CLOSED, VOICE)

    # What the player asks.

    async def at_start(self) -> Transport:
        """Return the avatar's transport; hold speech for an avatar that joins, once."""
        if self._may_hold:
            await self._hold()
        if self._lease is not None:
            self._voice.close()
            return self._lease.transport
        if self._voice.transport is not None and self._voice.transport.lost is not None:
            self._voice.close()  # once a segment: what breaks again in it stays broken
        return await self._voice.open()

    async def after_loss(self) -> Transport:
        """The agent's own voice, or an avatar that has come meanwhile."""
        return self._lease.transport if self._lease is not None else await self._voice.open()

    async def _hold(self) -> None:
        now = self._context.clock()
        if self._hold_until is None:
            buying = self._buying
            expected_s = buying.capabilities.expected_join_s if buying else 0.0
            self._hold_until = now + min(2 * expected_s, MAX_HOLD_S)
        try:
            async with asyncio.timeout(max(0.0, self._hold_until - now)):
                await self._settled.wait()
        except TimeoutError:
            log.info("The avatar is late; this speech goes by voice.")
        self._may_hold = False

    async def _sweep(self) -> None:
        """End what processes that were killed left of the providers of this chain."""
        own = {provider.name: provider for provider in self._providers}
        ledger, remove, url = (
            self._releaser.ledger,
            self._releaser.remove,
            self._context.livekit_url,
        )
        said: set[tuple[str, str]] = set()
        while True:
            results = await reap(ledger, own.__getitem__, remove, livekit_url=url, only=own)
            for result in results:
                one = result.entry.label, result.status
                if result.status in ("ended", "kept") and one not in said:
                    said.add(one)
                    why = f" ({result.why})" if result.why else ""
                    log.warning("%s of a dead process: %s%s.", *one, why)
            if not any(result.status == "waiting" for result in results):
                return
            await asyncio.sleep(LOOK_AGAIN_S)

    # Down the chain.

    async def _acquire(self) -> None:
        started_at = self._context.clock()
        while self._waiting and self._context.link.connected:
            candidate = self._waiting.pop(0)
            provider = self._buying = candidate.provider
            assert provider is not None
            lease: Lease | None = None
            try:
                lease = await Lease.provision(provider, self._context)
                self._provisioned.set()
                await lease.open()
            except Exception as error:
                fault = as_avatar_error(error, candidate.name)
                self._failed(candidate.name, fault)
                if lease is not None:
                    self._tasks.start(lease.release(str(fault)), f"{candidate.name}-release")
                continue
            except asyncio.CancelledError:
                if lease is not None:
                    self._tasks.start(lease.release("closing"), f"{candidate.name}-release")
                raise
            self._lease = lease
            self._health = HealthCheck(
                self._context.link,
                lease.avatar,
                lease.transport,
                lease.session_ended,
                partial(self._player.restart, lease.transport),
            )
            join_s = self._context.clock() - started_at
            self._tell(
                AvatarJoined(provider=candidate.name, identity=lease.avatar.identity, join_s=join_s)
            )
            self._enter(AvatarState.LIVE, candidate.name)
            break
        else:
            self._enter(AvatarState.VOICE, VOICE)
            self._tasks.start(self._voice.open(), "voice")
        self._buying = None
        self._provisioned.set()
        self._settled.set()
        if self._lease is not None:
            lost = partial(self._on_lost, self._lease)
            self._unobserve = self._lease.transport.on_lost(lost)

    def _on_lost(self, lease: Lease, error: AvatarError) -> None:
        self._failed(lease.provider.name, error)
        self._end_lease(str(error))
        lease.remove_participant()
        self._enter(AvatarState.VOICE, VOICE)
        self._tasks.start(self._voice.open(), "voice")
        self._settled.clear()
        self._acquiring = asyncio.create_task(self._acquire(), name="avatar-acquire")

    def _failed(self, provider: str, error: AvatarError) -> None:
        self.last_error = error
        log.warning("%s", error)
        self._tell(AvatarFailed(provider=provider, error=error))

    def _end_lease(self, reason: str) -> None:
        lease, self._lease = self._lease, None
        self._unobserve()
        if self._health is not None:
            self._health.close()
            self._health = None
        if lease is not None:
            self._tasks.start(lease.release(reason), f"{lease.provider.name}-release")

    # State.

    @property
    def _speaker(self) -> str:
        return self._lease.provider.name if self._lease is not None else VOICE

    def _enter(self, state: AvatarState, provider: str) -> None:
        if state is not self.state:
            self.state = state
            self._tell(StateChanged(state=state, provider=provider))
