"""One avatar, from the purchase to its end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.errors import (
    AvatarError,
    JoinTimeoutError,
    RoadError,
    RoadLostError,
)
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider import AvatarProvider, SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.playback.byte_stream_tracker import ByteStreamTracker
from avatar_core.playback.transport import Road
from avatar_core.provisioning.context import Stage
from avatar_core.provisioning.ledger_entry import Entry
from avatar_core.provisioning.provision import Purchase
from avatar_core.tasks import REPORT, called, closed, defect

log = logging.getLogger("avatar_core")

OWN_RUN_AHEAD_S = 0.5
"""Audio on the wire beyond what was heard, for our own worker."""
LEAST_AHEAD_S = 0.3
"""On the wire beyond a worker's latency, whatever its provider says: less would stutter."""


class _ByteStreamRoad:
    """The defaults that providers get: see `RoadDefaults`."""

    def sink(self, ctx: SinkContext) -> AudioSink:
        return ByteStreamSink(ctx)

    def tracker(self, ctx: SinkContext) -> PlaybackTracker:
        return ByteStreamTracker(ctx)


class Lease:
    """A bought avatar and the road to it. `buy` it, `open` it, and `release` it in any case."""

    def __init__(self, provider: AvatarProvider[Any], stage: Stage, entry: Entry) -> None:
        self.provider = provider
        self.avatar = entry.avatar
        self._entry = entry
        self._stage = stage
        self._released = False
        self.ctx = SinkContext(
            link=stage.link,
            avatar=self.avatar,
            dispatcher=stage.link.dispatcher,
            capabilities=provider.capabilities,
            clock=stage.clock,
            log=logging.LoggerAdapter(log, {"provider": provider.name}),
            join=stage.join,
            defaults=_ByteStreamRoad(),
        )
        self.road = Road(
            provider=provider.name,
            sink=provider.create_sink(self.ctx),
            tracker=provider.create_tracker(self.ctx),
            format=self.avatar.audio or provider.capabilities.audio,
            run_ahead_s=_run_ahead_s(provider.capabilities),
        )

    @classmethod
    async def buy(cls, provider: AvatarProvider[Any], stage: Stage) -> Lease:
        """Provision, and make the road.

        Raises:
            AvatarError: No avatar was had. Nothing else escapes, but cancellation.
        """
        entry = await Purchase(provider, stage).make()
        try:
            return cls(provider, stage, entry)
        except Exception as error:
            ending = stage.releaser.end(provider, entry, "its road cannot be made")
            stage.releaser.begin(ending, f"{entry.identity}-end")
            what = f"its road cannot be made ({type(error).__name__})"
            raise defect(what, provider.name) from error

    async def open(self) -> None:
        """Return when audio would be heard.

        Raises:
            JoinTimeoutError: It took too long.
            RoadError: The road cannot be opened, or the session ended before.
        """
        limit_s = max(self._stage.join_timeout_s, 2 * self.provider.capabilities.expected_join_s)
        opening = asyncio.ensure_future(called(self.road.sink.open()))
        gone = asyncio.ensure_future(self.gone())
        try:
            done, _ = await asyncio.wait(
                (opening, gone),
                timeout=limit_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if opening in done:
                if isinstance(error := opening.exception(), AvatarError | None):
                    return opening.result()
                raise RoadError(
                    f"the road to the avatar broke as it opened with {type(error).__name__}.",
                    provider=self.provider.name,
                    hint=REPORT,
                ) from error
            if gone in done:
                raise RoadLostError(
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

    async def gone(self) -> str:
        """Return why, once the provider knows that the session is gone."""
        try:
            return await called(self.provider.watch(self.avatar))
        except Exception:
            log.exception("%s cannot watch its avatar; others do.", self.provider.name)
            return await AvatarProvider.watch(self.provider, self.avatar)

    def put_out(self) -> None:
        """Let no face stand still in the room, whoever ends its session."""
        link, releaser = self._stage.link, self._stage.releaser
        for identity in {self.avatar.identity, self.avatar.listener} & {*link.peers()}:
            releaser.begin(releaser.remove(link.room_name, identity), f"{identity}-out")

    async def release(self, reason: str) -> None:
        """End the session; bounded, idempotent, never raises."""
        if not self._released:
            self._released = True
            await asyncio.gather(
                closed(self.road.sink),
                closed(self.road.tracker),
                self._stage.releaser.end(self.provider, self._entry, reason),
            )


def _run_ahead_s(can: Capabilities) -> float:
    """What is pushed and not heard yet is on its way for a latency before it can be ahead."""
    return max(min(can.run_ahead_s, 2 * OWN_RUN_AHEAD_S), can.playout_latency_s + LEAST_AHEAD_S)
