"""Code of an application developer: it must pass mypy --strict and pyright's strict mode."""

from __future__ import annotations

import logging

from livekit import rtc
from livekit.agents import NOT_GIVEN, Agent, AgentSession, JobContext
from livekit.agents.metrics.base import AvatarMetrics

import avatar_core
from avatar_core import (
    AvatarError,
    AvatarEvent,
    AvatarFailed,
    AvatarJoined,
    AvatarSession,
    AvatarSettings,
    AvatarState,
    ConfigError,
    JoinTimeoutError,
    LiveKitSettings,
    ProviderNotFoundError,
    ProviderRegistry,
    RoomError,
    StateChanged,
    TakeFinished,
    UnsupportedCommandError,
    create_avatar,
)

log = logging.getLogger("application")


async def entrypoint(ctx: JobContext) -> None:
    await ctx.connect()
    session: AgentSession[None] = AgentSession(llm="openai/gpt-4.1-mini")
    avatar = avatar_core.create_avatar()
    watch(avatar)
    await avatar.start(session, room=ctx.room)
    try:
        await avatar.wait_for_join(timeout=20.0)
    except JoinTimeoutError as late:
        log.warning("%s %s", late.provider, late.hint)
    agent = Agent(instructions="")
    await session.start(agent, room=ctx.room)  # pyright: ignore[reportUnknownMemberType]
    await smile(avatar)


def choose(chain: str) -> AvatarSession | None:
    registry = ProviderRegistry()
    names: tuple[str, ...] = registry.names()
    distribution: str = registry.describe(names[0]).distribution
    livekit = LiveKitSettings.load(url="wss://example.livekit.cloud")
    settings = AvatarSettings(required=True, join_timeout_s=20.0)
    try:
        return create_avatar([chain, "voice"], settings=settings, livekit=livekit)
    except ProviderNotFoundError as error:
        log.warning("%s is not installed beside %s: %s", chain, distribution, error.hint)
    except ConfigError as error:
        code: str = error.code
        log.warning("%s", code)
    return None


def watch(avatar: AvatarSession) -> None:
    @avatar.on("avatar_error")
    def log_error(event: AvatarFailed) -> None:
        error: AvatarError = event.error
        log.warning("%s: %s", event.provider, error)

    @avatar.once("avatar_joined")
    def log_join(event: AvatarJoined) -> float:
        return event.join_s

    def log_take(event: TakeFinished) -> None:
        log.info("%.1f of %.1f s", event.heard_s, event.pushed_s)

    def log_metrics(metrics: AvatarMetrics) -> None:
        log.info("%s", metrics.playback_latency)

    avatar.on("take_finished", log_take)
    avatar.on("metrics_collected", log_metrics)
    avatar.on("state_changed", lambda event: log.info("%s", event.state.value))
    avatar.on("state_changed", lambda: log.info("changed"))
    avatar.once("state_changed", is_live)
    avatar.off("state_changed", is_live)
    avatar.on("avatar_joined", log_any)
    called: float = log_join(AvatarJoined(provider="mock", identity="avatar", join_s=1.0))
    log_error(AvatarFailed(provider="mock", error=RoomError("The room is closed.")))
    log.info("%.1f", called)


def is_live(event: StateChanged) -> bool:
    return event.state is AvatarState.LIVE


def log_any(event: AvatarEvent) -> None:
    match event:
        case StateChanged(state=state, provider=provider):
            log.info("%s: %s", provider, state)
        case AvatarJoined() | AvatarFailed() | TakeFinished():
            log.info("%s", event.provider)


async def smile(avatar: AvatarSession) -> None:
    try:
        await avatar.control("set_emotion", emotion="happiness")
    except (UnsupportedCommandError, RoomError) as error:
        log.info("%s", error)


async def replace(avatar: AvatarSession, session: AgentSession[None], room: rtc.Room) -> None:
    last: AvatarError | None = avatar.last_error
    identity: str = avatar.avatar_identity
    log.info("%s %s %s", last, identity, avatar.provider)
    await avatar.aclose()
    await create_avatar("mock").start(session, room)
    await create_avatar("mock").start(
        session,
        room=room,
        livekit_url="wss://example.livekit.cloud",
        livekit_api_key="key",
        livekit_api_secret=NOT_GIVEN,
    )
    await create_avatar("voice").start(session, room=None)
