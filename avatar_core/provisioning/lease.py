"""One avatar, from the purchase to its end."""

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
    REPORT,
    call_provider,
    close_quietly,
    describe_error,
    provider_bug,
)

log = logging.getLogger("avatar_core")

OWN_RUN_AHEAD_S = 0.5
"""Audio on the wire beyond what was heard, for our own worker."""
LEAST_AHEAD_S = 0.3
"""On the wire beyond a worker's latency, whatever its provider says: less would stutter."""


class Lease:
    """A paid session and its transport. `provision` it, `open` it, `release` it in any case."""

    def __init__(
        self, provider: AvatarProvider[Any], context: SessionContext, entry: LedgerEntry
    ) -> None:
        self.provider = provider
        self.avatar = entry.avatar
        self._entry = entry
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
        """Provision, and make the transport.

        Raises:
            AvatarError: No avatar was had. Nothing else escapes, but cancellation.
        """
        entry = await Provisioning(provider, context).make()
        try:
            return cls(provider, context, entry)
        except Exception as error:
            ending = context.releaser.end(provider, entry, "its transport cannot be made")
            context.releaser.tasks.start(ending, f"{entry.identity}-end")
            what = f"its transport cannot be made: {describe_error(error)}"
            raise provider_bug(what, provider.name) from error

    async def open(self) -> None:
        """Return when audio would be heard.

        Raises:
            JoinTimeoutError: It took too long.
            TransportError: The transport cannot be opened, or the session ended before.
        """
        limit_s = max(self._context.join_timeout_s, 2 * self.provider.capabilities.expected_join_s)
        opening = asyncio.ensure_future(call_provider(self.transport.sink.open()))
        gone = asyncio.ensure_future(self.session_ended())
        try:
            done, _ = await asyncio.wait(
                (opening, gone),
                timeout=limit_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if opening in done:
                if isinstance(error := opening.exception(), AvatarError | None):
                    return opening.result()
                raise TransportError(
                    f"the transport to the avatar broke as it opened with {type(error).__name__}.",
                    provider=self.provider.name,
                    hint=REPORT,
                ) from error
            if gone in done:
                raise AvatarLostError(
                    f"the avatar was gone before it joined ({gone.result()}).",
                    provider=self.provider.name,
                )
            raise JoinTimeoutError(
                f"the avatar {self.avatar.identity} was provisioned and did not join within "
                f"{limit_s:g} s.",
                provider=self.provider.name,
                hint="Check that the vendor reaches your LiveKit server's address.",
            )
        finally:
            opening.cancel()
            gone.cancel()
            await asyncio.gather(opening, gone, return_exceptions=True)

    async def session_ended(self) -> str:
        """Return why, once the provider knows that the session is gone."""
        try:
            return await call_provider(self.provider.watch(self.avatar))
        except Exception:
            log.exception("%s cannot watch its avatar; others do.", self.provider.name)
            return await AvatarProvider.watch(self.provider, self.avatar)

    def remove_participant(self) -> None:
        """Let no face stand still in the room, whoever ends its session."""
        link, releaser = self._context.link, self._context.releaser
        for identity in {self.avatar.identity, self.avatar.audio_destination} & {
            *link.remote_participants()
        }:
            releaser.tasks.start(releaser.remove(link.room_name, identity), f"{identity}-out")

    async def release(self, reason: str) -> None:
        """End the session; bounded, idempotent, never raises."""
        if not self._released:
            self._released = True
            await asyncio.gather(
                close_quietly(self.transport.sink),
                close_quietly(self.transport.tracker),
                self._context.releaser.end(self.provider, self._entry, reason),
            )


def _run_ahead_s(can: Capabilities) -> float:
    """What is pushed and not heard yet is on its way for a latency before it can be ahead."""
    return max(min(can.run_ahead_s, 2 * OWN_RUN_AHEAD_S), can.playout_latency_s + LEAST_AHEAD_S)
