"""One avatar, from the purchase to its end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.errors import (
    AvatarError,
    JoinTimeoutError,
    Outcome,
    ProtocolError,
    RoadError,
    RoadLostError,
    UnavailableError,
)
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider import (
    AvatarProvider,
    ProvisionedAvatar,
    ProvisionRequest,
    SinkContext,
    StartWorker,
    TokenSpec,
)
from avatar_core.contracts.sink import AudioSink
from avatar_core.engine.constants import OWN_RUN_AHEAD_S, RELEASE_S
from avatar_core.engine.road import Road
from avatar_core.sinks.bytestream import ByteStreamSink
from avatar_core.trackers.bytestream import ByteStreamTracker

log = logging.getLogger("avatar_core")


class _ByteStreamRoad:
    """The defaults that providers get: see `RoadDefaults`."""

    def sink(self, ctx: SinkContext) -> AudioSink:
        return ByteStreamSink(ctx)

    def tracker(self, ctx: SinkContext) -> PlaybackTracker:
        return ByteStreamTracker(ctx)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """The room that avatars are brought into, and how.

    Attributes:
        link: The agent's own place in it.
        livekit_url: Where vendors' workers join.
        mint: Makes room tokens.
        join: Joins the room once more, with a token of the given kind.
        start_worker: Starts a worker of our own in it.
        provision_timeout_s: For one `provision`.
        join_timeout_s: From then until audio would be heard.
        clock: Monotonic seconds.
    """

    link: RoomLink
    livekit_url: str
    mint: Callable[[TokenSpec], str] = field(repr=False)
    join: Callable[[TokenSpec], Awaitable[RoomLink]] = field(repr=False)
    start_worker: StartWorker = field(repr=False)
    provision_timeout_s: float
    join_timeout_s: float
    clock: Clock = loop_time


class Lease:
    """A bought avatar and the road to it. `buy` it, `open` it, and `release` it in any case."""

    def __init__(
        self, provider: AvatarProvider[Any], stage: Stage, avatar: ProvisionedAvatar
    ) -> None:
        self.provider = provider
        self.avatar = avatar
        self._stage = stage
        self._released = False
        self.ctx = SinkContext(
            link=stage.link,
            avatar=avatar,
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
            format=avatar.audio or provider.capabilities.audio,
            run_ahead_s=min(provider.capabilities.run_ahead_s, 2 * OWN_RUN_AHEAD_S),
        )

    @classmethod
    async def buy(cls, provider: AvatarProvider[Any], stage: Stage) -> Lease:
        """Provision once, within the deadline; what a failure left behind is released.

        Raises:
            ProvisionError: No avatar was had. Nothing else escapes, but cancellation.
        """
        claimed: dict[str, ProvisionedAvatar] = {}

        def claim(avatar: ProvisionedAvatar) -> None:
            claimed[avatar.session_id] = avatar

        suffix = secrets.token_hex(4)
        request = ProvisionRequest(
            key=f"{stage.link.room_name}-{suffix}",
            livekit_url=stage.livekit_url,
            room_name=stage.link.room_name,
            agent_identity=stage.link.identity,
            identity=f"{provider.name}-avatar-{suffix}",
            deadline_s=stage.provision_timeout_s,
            mint=stage.mint,
            claim=claim,
            start_worker=stage.start_worker,
        )
        try:
            async with asyncio.timeout(stage.provision_timeout_s):
                avatar = await provider.provision(request)
            claim(avatar)
            return cls(provider, stage, avatar)
        except BaseException as error:
            ending = (_end(provider, had, "provisioning failed") for had in claimed.values())
            await asyncio.shield(asyncio.gather(*ending))
            if isinstance(error, AvatarError | asyncio.CancelledError):
                if isinstance(error, AvatarError):
                    error.provider = error.provider or provider.name
                raise
            if isinstance(error, TimeoutError):
                raise UnavailableError(
                    f"gave no avatar within {stage.provision_timeout_s:g} s.",
                    provider=provider.name,
                    hint="Try again, or raise AVATAR_PROVISION_TIMEOUT_S.",
                ) from None
            if isinstance(error, Exception):
                raise ProtocolError(
                    f"provisioning broke with {type(error).__name__}.",
                    provider=provider.name,
                    hint="This is a defect of the provider package; report it there.",
                    outcome=Outcome.UNKNOWN,
                ) from error
            raise

    async def open(self) -> None:
        """Return when audio would be heard.

        Raises:
            JoinTimeoutError: It took too long.
            RoadError: The road cannot be opened, or the session ended before.
        """
        opening = asyncio.ensure_future(self.road.sink.open())
        gone = asyncio.ensure_future(self.gone())
        try:
            done, _ = await asyncio.wait(
                (opening, gone),
                timeout=self._stage.join_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if opening in done:
                if isinstance(error := opening.exception(), AvatarError | None):
                    return opening.result()
                raise RoadError(
                    f"the road to the avatar broke as it opened with {type(error).__name__}.",
                    provider=self.provider.name,
                    hint="This is a defect of the provider package; report it there.",
                ) from error
            if gone in done:
                raise RoadLostError(
                    f"the avatar was gone before it joined ({gone.result()}).",
                    provider=self.provider.name,
                )
            raise JoinTimeoutError(
                f"the avatar {self.avatar.identity} was provisioned and did not join within "
                f"{self._stage.join_timeout_s:g} s.",
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
            return await self.provider.watch(self.avatar)
        except Exception:
            log.exception("%s cannot watch its avatar; others do.", self.provider.name)
            return await AvatarProvider.watch(self.provider, self.avatar)

    async def release(self, reason: str) -> None:
        """End the session; bounded, idempotent, never raises."""
        if not self._released:
            self._released = True
            await asyncio.gather(
                _closed(self.road.sink),
                _closed(self.road.tracker),
                _end(self.provider, self.avatar, reason),
            )


async def _closed(part: AudioSink | PlaybackTracker) -> None:
    """Nothing that a road does as it closes keeps its session from being ended."""
    try:
        async with asyncio.timeout(RELEASE_S):
            await part.aclose()
    except Exception as error:
        log.warning("A road could not be closed (%s: %s).", type(error).__name__, error)


async def _end(provider: AvatarProvider[Any], avatar: ProvisionedAvatar, reason: str) -> None:
    try:
        async with asyncio.timeout(RELEASE_S):
            await provider.release(avatar, reason)
    except Exception as error:
        log.warning(
            "The session %s of %s could not be ended (%s: %s).",
            avatar.session_id,
            provider.name,
            type(error).__name__,
            error,
        )
