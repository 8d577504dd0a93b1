"""A lease: one provisioned avatar and its transport, from the create request to the release."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from avatar_core.contracts import wire
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import (
    AvatarError,
    AvatarLostError,
    JoinTimeoutError,
    TransportError,
)
from avatar_core.contracts.provider import AvatarProvider, SinkContext
from avatar_core.playback.byte_stream import ByteStreamSink, ByteStreamTracker
from avatar_core.playback.monitor import Monitor
from avatar_core.playback.transport import LEAST_AHEAD_S, Transport
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.ping import is_alive, lacks_method
from avatar_core.provisioning.provision import Provisioning
from avatar_core.tasks import (
    BUG_HINT,
    call_provider,
    close_quietly,
    describe_error,
    provider_bug,
)

log = logging.getLogger("avatar_core")


REVIVE_S = 3.0
"""Seconds after which avatar-core provisions another avatar if the lost avatar is not back."""
PING_S = 0.3
"""Seconds within which a live worker responds to an RPC."""
TICK_S = 0.05


class Lease:
    """A paid session and its transport.

    The failover controller creates a lease with `provision`, calls `open`, and always calls
    `release` at the end.

    Args:
        provider: The provider that created the session.
        context: The session context of the room.
        ledger_entry: The ledger entry of the session.

    Attributes:
        provider: The provider that created the session.
        avatar: The record of the session.
        ctx: The context that the sink and the tracker receive.
        transport: The transport to the avatar.

    Raises:
        Exception: The provider's `create_sink` or `create_tracker` raised any exception.
    """

    def __init__(
        self, provider: AvatarProvider[Any], context: SessionContext, ledger_entry: LedgerEntry
    ) -> None:
        self.provider = provider
        self.avatar = ledger_entry.avatar
        self._ledger_entry = ledger_entry
        self._context = context
        self._released = False
        self.ctx = SinkContext(
            link=context.link,
            avatar=self.avatar,
            capabilities=provider.capabilities,
            clock=context.clock,
            log=logging.LoggerAdapter(log, {"provider": provider.name}),
        )
        self.transport = self._create_transport(self._create_monitor())

    def _create_monitor(self) -> Monitor | None:
        if not self._context.monitor:
            return None
        audio = self._context.link.listen(self.avatar.identity)
        latency_s = self.provider.capabilities.playout_latency_s
        return Monitor(
            audio,
            latency_s,
            self.ctx.clock,
            self.ctx.log,
            first_sound_s=self._context.first_sound_s,
        )

    def _create_transport(self, monitor: Monitor | None) -> Transport:
        provider = self.provider
        sink = provider.create_sink(self.ctx) or ByteStreamSink(self.ctx)
        return Transport(
            provider=provider.name,
            sink=sink,
            tracker=provider.create_tracker(self.ctx) or ByteStreamTracker(self.ctx),
            format=self.avatar.audio or provider.capabilities.audio,
            run_ahead_s=_run_ahead_s(provider.capabilities),
            identities=frozenset({self.avatar.identity, self.avatar.audio_destination}),
            latency_s=provider.capabilities.playout_latency_s,
            collects=type(sink) is not ByteStreamSink,
            monitor=monitor,
        )

    @classmethod
    async def provision(cls, provider: AvatarProvider[Any], context: SessionContext) -> Lease:
        """Create a session at a provider, and create the transport to the avatar.

        Args:
            provider: The provider that creates the session.
            context: The session context of the room.

        Returns:
            The lease, whose transport is not open yet.

        Raises:
            AvatarError: The provider created no session, or the transport cannot be created. A
                background task ends the new session if its transport cannot be created.
        """
        if type(provider).create_sink is AvatarProvider.create_sink:
            context.link.check_streams()
        ledger_entry = await Provisioning(provider, context).run()
        try:
            return cls(provider, context, ledger_entry)
        except Exception as error:
            context.releaser.keep_out(ledger_entry)
            work = context.releaser.end(provider, ledger_entry, "its transport cannot be created")
            context.releaser.tasks.start(work, f"{ledger_entry.identity}-end")
            problem = f"the provider could not create its transport: {describe_error(error)}"
            raise provider_bug(problem, provider.name) from error

    async def open(self) -> None:
        """Open the transport, and wait until the avatar is ready to play audio.

        Raises:
            JoinTimeoutError: The avatar did not join within `join_timeout_s`, or within twice the
                provider's `expected_join_s` if that is longer.
            AvatarLostError: The session ended before the avatar joined.
            TransportError: The transport cannot be opened.
            AvatarError: The sink of the provider raised another error of avatar-core.
        """
        limit_s = self._context.join_limit_s(self.provider.capabilities.expected_join_s)
        opening = asyncio.ensure_future(self._open_transport())
        ended = asyncio.ensure_future(self.wait_until_ended())
        try:
            done, _ = await asyncio.wait(
                (opening, ended),
                timeout=limit_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if opening in done:
                if isinstance(error := opening.exception(), AvatarError | None):
                    return opening.result()
                raise TransportError(
                    f"the transport to the avatar raised {type(error).__name__} while it opened.",
                    provider=self.provider.name,
                    hint=BUG_HINT,
                    code=ErrorCode.PROVIDER_BUG,
                ) from error
            if ended in done:
                raise AvatarLostError(
                    f"the session ended before the avatar joined ({ended.result()}).",
                    provider=self.provider.name,
                    hint="Look up the session on the vendor's site.",
                )
            raise JoinTimeoutError(
                f"the avatar {self.avatar.identity} was provisioned but did not join within "
                f"{limit_s:g} s.",
                provider=self.provider.name,
                hint="Check that the vendor can connect to LIVEKIT_URL.",
            )
        finally:
            opening.cancel()
            ended.cancel()
            await asyncio.gather(opening, ended, return_exceptions=True)

    async def _open_transport(self) -> None:
        transport = self.transport
        await call_provider(transport.sink.open)
        if transport.monitor is not None and not transport.collects and not self._has_reported:
            # A worker that does not serve this method receives no audio, so it is not just late.
            worker, method = self.avatar.audio_destination, wire.CLEAR_BUFFER
            if await lacks_method(self._context.link, worker, method, PING_S):
                transport.monitor.first_sound_s = 0.0

    async def revive(self) -> bool:
        """Open a new transport to an avatar whose transport was lost, if the avatar is alive.

        Within `REVIVE_S` the worker must be in the room, publish an audible track, and respond to
        an RPC. A worker that has sent reports must send another report. For a killed or frozen
        worker, the method returns within 0.5 s, because such a worker does not respond to the RPC.

        Returns:
            Whether the transport can be used.
        """
        lost, reported = self.transport, self._has_reported
        tasks = self._context.releaser.tasks
        tasks.start(close_quietly(lost.sink), "lost-sink")
        tasks.start(close_quietly(lost.tracker), "lost-tracker")
        try:
            async with asyncio.timeout(REVIVE_S):
                self.transport = self._create_transport(lost.monitor)
                await call_provider(self.transport.sink.open)
                worker = self.avatar.audio_destination
                if not await is_alive(self._context.link, worker, PING_S):
                    return False
                while not self._is_audible or (reported and not self._has_reported):  # noqa: ASYNC110
                    await asyncio.sleep(TICK_S)
        except Exception as error:
            log.debug("The lost avatar %s did not return: %s", self.avatar.identity, error)
            return False
        return True

    @property
    def _has_reported(self) -> bool:
        return self.transport.tracker.alive_at is not None

    @property
    def _is_audible(self) -> bool:
        """Whether the avatar publishes an audio track that is not muted."""
        participants = self._context.link.remote_participants()
        return any(
            "audio" in participants[identity].tracks
            for identity in self.transport.identities & {*participants}
        )

    async def wait_until_ended(self) -> str:
        """Wait until the provider reports that the session has ended.

        The method waits forever if the provider cannot detect the end, or if `watch` of the
        provider raises an exception. The method logs the exception.

        Returns:
            The reason, as the provider states it.
        """
        try:
            return await call_provider(self.provider.watch, self.avatar)
        except Exception:
            log.exception(
                "The provider %s cannot watch its session. avatar-core still detects the end of "
                "the session from the events of the room.",
                self.provider.name,
            )
            return await AvatarProvider.watch(self.provider, self.avatar)

    def remove_participant(self) -> None:
        """Start a background task that removes the avatar's participant from the room.

        A lost avatar could otherwise leave a frozen face in the room.
        """
        link, releaser = self._context.link, self._context.releaser
        for identity in {self.avatar.identity, self.avatar.audio_destination} & {
            *link.remote_participants()
        }:
            releaser.tasks.start(releaser.remove(link.room_name, identity), f"{identity}-out")

    async def release(self, reason: str) -> None:
        """Close the transport and end the session, within `RELEASE_S` seconds.

        The method does not raise, and a second call has no effect. A session that cannot be ended
        stays in the ledger.

        Args:
            reason: The reason of the end, for the vendor.
        """
        if not self._released:
            self._released = True
            self._context.releaser.keep_out(self._ledger_entry)
            monitor = self.transport.monitor
            await asyncio.gather(
                close_quietly(self.transport.sink),
                close_quietly(self.transport.tracker),
                *((close_quietly(monitor),) if monitor is not None else ()),
                self._context.releaser.end(self.provider, self._ledger_entry, reason),
            )


def _run_ahead_s(capabilities: Capabilities) -> float:
    """Return the seconds of audio that the player may send ahead, with the worker's latency."""
    return max(capabilities.run_ahead_s, capabilities.playout_latency_s + LEAST_AHEAD_S)
