"""The session object: started late, without a room, twice, in a job's order of closing."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import avatar as upstream

from avatar_core.agents import previous_output as former
from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import AvatarError, JoinTimeoutError, Outcome, RejectedError
from avatar_core.contracts.events import AvatarState
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from tests.livekit.entry import settings_of, token
from tests.livekit.stage import MORE_WORDS, TEST_S, WORDS, Stage
from tests.livekit.test_laws import NeverProvider

pytestmark = pytest.mark.livekit

MEMBERS_OF_BASE = {
    "aclose",
    "avatar_identity",
    "provider",
    "start",
    "wait_for_join",
    "_emit_metrics",
    "_on_connection_state_changed",
    "_on_conversation_item_added",
    "_wait_avatar_join",
}


class LateStage(Stage):
    """The avatar comes when the agent session has long been running."""

    async def bring_avatar(self) -> None:
        """Not yet."""

    async def bring_it_now(self) -> None:
        """Now."""
        await Stage.bring_avatar(self)
        await self.avatar.wait_for_join(timeout=15.0)


@pytest.mark.alone
async def test_an_avatar_that_comes_late_takes_over_and_no_silent_track_stays(
    server: DevServer,
) -> None:
    async with asyncio.timeout(TEST_S), LateStage(server) as stage:
        await stage.say_all(WORDS)
        assert len(stage.voices()) == 1
        await stage.bring_it_now()
        assert stage.voices() == []
        await stage.say_all(MORE_WORDS)
        stage.check_words()
        assert {event.provider for _, event in stage.log} == {"mock"}


async def test_closing_the_agent_session_ends_the_avatar_while_the_room_is_there(
    server: DevServer,
) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        worker = stage.worker()
        await stage.session.aclose()
        assert stage.room.isconnected()
        await worker.exited()
        await stage.avatar.aclose()
        assert stage.avatar.state is AvatarState.CLOSED
        assert stage.avatar.avatar is None


async def test_without_a_room_nothing_is_bought_and_nothing_changed() -> None:
    session: AgentSession[None] = AgentSession()
    avatar = create_avatar("voice")
    await avatar.start(session, None)
    await avatar.wait_for_join()
    assert session.output.audio is None
    assert avatar.state is AvatarState.NEW
    await avatar.aclose()


@pytest.mark.alone
async def test_an_avatar_is_started_once(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server) as stage:
        with pytest.raises(AvatarError, match="started before"):
            await stage.avatar.start(stage.session, stage.room)
        await stage.say_all(WORDS)
        stage.check()


async def test_required_means_that_start_raises(server: DevServer) -> None:
    class Refusing(NeverProvider):
        name = "refusing"

        async def provision(self, request: object) -> object:  # type: ignore[override]
            raise RejectedError("no.", provider="refusing", outcome=Outcome.REJECTED)

    registry = ProviderRegistry()
    registry.register("refusing", Refusing)
    avatar = create_avatar(
        "refusing",
        settings=AvatarSettings(required=True),
        livekit=settings_of(server),
        registry=registry,
    )
    async with asyncio.timeout(TEST_S), Stage(server, "voice") as stage:
        session: AgentSession[None] = AgentSession()
        with pytest.raises(RejectedError, match="no"):
            await avatar.start(session, stage.room)
        await avatar.aclose()


async def test_what_is_closed_as_it_starts_or_before_buys_nothing(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    class Counting(NeverProvider):
        name = "counting"

        async def provision(self, request: object) -> object:  # type: ignore[override]
            asked.append(request)
            raise RejectedError("no.")

    registry = ProviderRegistry()
    registry.register("counting", Counting)
    async with asyncio.timeout(TEST_S), Stage(server, "voice") as stage:
        avatar = create_avatar("counting", livekit=settings_of(server), registry=registry)
        monkeypatch.setattr(former, "unpublish", lambda *_: avatar.aclose())
        await avatar.start(AgentSession(), stage.room)
        await avatar.aclose()
        closed = create_avatar("counting", livekit=settings_of(server), registry=registry)
        await closed.aclose()
        with pytest.raises(AvatarError, match="closed before"):
            await closed.start(AgentSession(), stage.room)
    assert asked == []


async def test_a_fault_of_the_start_is_told_by_who_waits_for_the_join() -> None:
    avatar = create_avatar("voice")
    avatar._begin = asyncio.create_task(_fails(JoinTimeoutError("it never came.")))
    for timeout in (30.0, None):
        with pytest.raises(JoinTimeoutError, match="it never came"):
            await avatar.wait_for_join(timeout=timeout)
    await avatar.aclose()


async def _fails(error: AvatarError) -> None:
    raise error


async def test_a_room_that_is_connected_later_is_waited_for(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), Stage(server, "voice") as other:
        room = rtc.Room()
        session: AgentSession[None] = AgentSession()
        avatar = create_avatar("voice", livekit=settings_of(server))
        await avatar.start(session, room)
        assert avatar.state is AvatarState.NEW
        await room.connect(server.url, token(server, other.room_name, "late", "agent"))
        await avatar.wait_for_join(timeout=5.0)
        assert avatar.state is AvatarState.VOICE
        await session.start(Agent(instructions=""), room=room)
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


def test_upstreams_base_has_the_members_we_replace() -> None:
    """Another member would run upstream's own idea of joining and closing beside ours."""
    assert issubclass(AvatarSession, upstream.AvatarSession)
    found = {
        name
        for name, member in vars(upstream.AvatarSession).items()
        if callable(member) or isinstance(member, property)
    }
    assert found - {"__init__", "__class_getitem__", "__init_subclass__"} == MEMBERS_OF_BASE
