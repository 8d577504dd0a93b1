"""A lease: one provisioned avatar and its transport, from provisioning to release."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import (
    AvatarError,
    AvatarLostError,
    JoinTimeoutError,
    TransportError,
)
from avatar_core.contracts.provider import AvatarProvider, SinkContext
from avatar_core.playback.byte_stream import ByteStreamSink, ByteStreamTracker
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.provision import Provisioning
from avatar_core.tasks import (
    BUG_HINT,
    call_provider,
    close_quietly,
    describe_error,
    provider_bug,
)

log = logging.getLogger("avatar_core")

OWN_RUN_AHEAD_S = 0.5
"""Audio that may be sent to our own worker beyond what was heard."""
LEAST_AHEAD_S = 0.3
"""Audio sent beyond a worker's latency, whatever its provider declares: with less it stutters."""


class Lease:
    """A paid session and its transport.

    Create it with `provision`, then `open` it, and call `release` in any case.

    Args:
        provider: The provider.
        context: The room.
        ledger_entry: The entry of the session.

    Attributes:
        provider: The provider.
        avatar: The session at the vendor.
        ctx: The context of the sink and the tracker.
        transport: The transport to the avatar.

    Raises:
        Exception: Any exception of `create_sink` and `create_tracker` of the provider.
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
        self.transport = Transport(
            provider=provider.name,
            sink=provider.create_sink(self.ctx) or ByteStreamSink(self.ctx),
            tracker=provider.create_tracker(self.ctx) or ByteStreamTracker(self.ctx),
            format=self.avatar.audio or provider.capabilities.audio,
            run_ahead_s=_run_ahead_s(provider.capabilities),
        )

    @classmethod
    async def provision(cls, provider: AvatarProvider[Any], context: SessionContext) -> Lease:
        """Provision an avatar and create its transport.

        Args:
            provider: The provider.
            context: The room.

        Returns:
            The lease. Its transport is not open yet.

        Raises:
            AvatarError: The provider brought no avatar, or its transport cannot be created. A
                session that was created is ended in the background.
        """
        ledger_entry = await Provisioning(provider, context).run()
        try:
            return cls(provider, context, ledger_entry)
        except Exception as error:
            context.releaser.keep_out(ledger_entry)
            work = context.releaser.end(provider, ledger_entry, "its transport cannot be created")
            context.releaser.tasks.start(work, f"{ledger_entry.identity}-end")
            problem = f"its transport cannot be created: {describe_error(error)}"
            raise provider_bug(problem, provider.name) from error

    async def open(self) -> None:
        """Open the transport; return when audio pushed from now on would be heard.

        Raises:
            JoinTimeoutError: The avatar did not join within the limit.
            AvatarLostError: The session ended before the avatar joined.
            TransportError: The transport cannot be opened.
        """
        limit_s = self._context.join_limit_s(self.provider.capabilities.expected_join_s)
        opening = asyncio.ensure_future(call_provider(self.transport.sink.open()))
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
                    f"the transport to the avatar raised {type(error).__name__} as it opened.",
                    provider=self.provider.name,
                    hint=BUG_HINT,
                ) from error
            if ended in done:
                raise AvatarLostError(
                    f"the session ended before the avatar joined ({ended.result()}).",
                    provider=self.provider.name,
                    hint="Look up the session at the vendor.",
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

    async def wait_until_ended(self) -> str:
        """Wait until the provider knows that the session ended.

        It waits forever if the provider cannot know, or if its `watch` raises; the error is
        logged.

        Returns:
            The reason, in words of the provider.
        """
        try:
            return await call_provider(self.provider.watch(self.avatar))
        except Exception:
            log.exception(
                "%s cannot watch its session; the room and the heartbeat still show its end.",
                self.provider.name,
            )
            return await AvatarProvider.watch(self.provider, self.avatar)

    def remove_participant(self) -> None:
        """Remove the avatar from the room in the background, so that no frozen face remains."""
        link, releaser = self._context.link, self._context.releaser
        for identity in {self.avatar.identity, self.avatar.audio_destination} & {
            *link.remote_participants()
        }:
            releaser.tasks.start(releaser.remove(link.room_name, identity), f"{identity}-out")

    async def release(self, reason: str) -> None:
        """Close the transport and end the session; idempotent, never raises.

        It takes at most `RELEASE_S` seconds. A session that cannot be ended stays in the ledger.

        Args:
            reason: Why, for the vendor.
        """
        if not self._released:
            self._released = True
            self._context.releaser.keep_out(self._ledger_entry)
            await asyncio.gather(
                close_quietly(self.transport.sink),
                close_quietly(self.transport.tracker),
                self._context.releaser.end(self.provider, self._ledger_entry, reason),
            )


def _run_ahead_s(capabilities: Capabilities) -> float:
    """Return the run-ahead of a transport; audio within the latency is not ahead yet."""
    wanted_s = min(capabilities.run_ahead_s, 2 * OWN_RUN_AHEAD_S)
    return max(wanted_s, capabilities.playout_latency_s + LEAST_AHEAD_S)
