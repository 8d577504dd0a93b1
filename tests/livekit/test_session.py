"""`AvatarSession` starts late, without a room and only once, and closes in any order."""

from __future__ import annotations

import asyncio
import logging

import pytest
from livekit import api, rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import avatar as upstream

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.agents.tail_placement import TailPlacement
from avatar_core.contracts.errors import AvatarError, JoinTimeoutError, Outcome, RejectedError
from avatar_core.contracts.events import AvatarState, StateChanged
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings
from tests.livekit.live_conversation import (
    MORE_SPOKEN_WORDS,
    SPOKEN_WORDS,
    TEST_S,
    LiveConversation,
)
from tests.livekit.live_room import SMALL
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


class LateAvatarConversation(LiveConversation):
    """A conversation whose avatar starts only when the test asks for it."""

    async def start_avatar(self) -> None:
        """Do nothing yet."""

    async def start_late(self) -> None:
        """Start the avatar, and wait until it has joined."""
        await LiveConversation.start_avatar(self)
        await self.avatar.wait_for_join(timeout=15.0)


@pytest.mark.alone
async def test_late_avatar_replaces_the_voice_and_its_track(
    server: DevServer,
) -> None:
    async with asyncio.timeout(TEST_S), LateAvatarConversation(server) as conversation:
        await conversation.say_all(SPOKEN_WORDS)
        assert len(conversation.voice_tracks()) == 1
        await conversation.start_late()
        assert conversation.voice_tracks() == []
        await conversation.say_all(MORE_SPOKEN_WORDS)
        conversation.check_speech()
        assert {event.provider for _, event in conversation.log} == {"mock"}


class ArgumentsConversation(LiveConversation):
    """A conversation that passes the server and its key to `start`, as with a stock plugin."""

    async def start_avatar(self) -> None:
        """Start an avatar that read nothing but LIVEKIT_URL from the environment."""
        self.avatar = create_avatar(SMALL)
        await self.avatar.start(
            self.session,
            room=self.room,
            livekit_api_key=self.server.api_key,
            livekit_api_secret=self.server.api_secret,
        )


async def test_start_mixes_arguments_and_environment(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_URL", server.url.replace("ws", "http", 1))
    monkeypatch.delenv("LIVEKIT_API_KEY", raising=False)
    monkeypatch.delenv("LIVEKIT_API_SECRET", raising=False)
    async with asyncio.timeout(TEST_S), ArgumentsConversation(server) as conversation:
        assert conversation.avatar.avatar_identity in conversation.room.remote_participants


async def test_users_see_the_name_and_the_attributes_of_the_avatar(server: DevServer) -> None:
    settings = AvatarSettings.load(name="Ada", attributes={"role": "tutor"})
    async with (
        asyncio.timeout(TEST_S),
        LiveConversation(server, settings=settings) as conversation,
    ):
        participants = conversation.listener.link.room.remote_participants
        avatar = participants[conversation.avatar.avatar_identity]
        assert avatar.name == "Ada"
        assert avatar.attributes["role"] == "tutor"
        assert avatar.attributes["lk.publish_on_behalf"] == "agent"


@pytest.mark.parametrize("speaks", [True, False])
async def test_deleted_room_ends_the_session_with_one_message(
    speaks: bool, server: DevServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "avatar_core")
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker = conversation.worker()
        closed = asyncio.Event()
        conversation.avatar.on("state_changed", lambda event: _note_closed(event, closed))
        if speaks:
            turn = conversation.say(SPOKEN_WORDS)
            await conversation.wait_for_word(SPOKEN_WORDS[3])
        caplog.clear()
        async with api.LiveKitAPI(server.url, server.api_key, server.api_secret) as livekit:
            await livekit.room.delete_room(api.DeleteRoomRequest(room=conversation.room_name))
        await closed.wait()
        await worker.exited()
        if speaks:
            await turn.handle
        ours = [one for one in caplog.records if one.name.startswith("avatar_core")]
        assert [one.getMessage() for one in ours] == [
            f"The agent's connection to the room {conversation.room_name} closed. "
            "avatar-core ends the session."
        ]
        assert conversation.errors == []
        assert conversation.avatar.last_error is None


def _note_closed(event: StateChanged, closed: asyncio.Event) -> None:
    if event.state is AvatarState.CLOSED:
        closed.set()


async def test_closed_agent_session_ends_the_avatar_before_the_room_closes(
    server: DevServer,
) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        worker = conversation.worker()
        await conversation.session.aclose()
        assert conversation.room.isconnected()
        await worker.exited()
        await conversation.avatar.aclose()
        assert conversation.avatar.state is AvatarState.CLOSED
        assert conversation.avatar.avatar is None


async def test_start_without_a_room_does_nothing() -> None:
    session: AgentSession[None] = AgentSession()
    avatar = create_avatar("voice")
    await avatar.start(session, None)
    await avatar.wait_for_join()
    assert session.output.audio is None
    assert avatar.state is AvatarState.NEW
    await avatar.aclose()


@pytest.mark.alone
async def test_avatar_can_be_started_only_once(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server) as conversation:
        with pytest.raises(AvatarError, match="started before"):
            await conversation.avatar.start(conversation.session, conversation.room)
        await conversation.say_all(SPOKEN_WORDS)
        conversation.check()


async def test_start_raises_if_an_avatar_is_required(server: DevServer) -> None:
    class Refusing(NeverProvider):
        name = "refusing"

        async def provision(self, request: object) -> object:  # type: ignore[override]
            raise RejectedError("no.", provider="refusing", outcome=Outcome.REJECTED)

    registry = ProviderRegistry()
    registry.register("refusing", Refusing)
    avatar = create_avatar(
        "refusing",
        settings=AvatarSettings(required=True),
        livekit=livekit_settings(server),
        registry=registry,
    )
    async with asyncio.timeout(TEST_S), LiveConversation(server, "voice") as conversation:
        session: AgentSession[None] = AgentSession()
        with pytest.raises(RejectedError, match="no"):
            await avatar.start(session, conversation.room)
        await avatar.aclose()


async def test_avatar_closed_before_or_during_start_is_not_provisioned(
    server: DevServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[object] = []

    class Counting(NeverProvider):
        name = "counting"

        async def provision(self, request: object) -> object:  # type: ignore[override]
            requests.append(request)
            raise RejectedError("no.")

    registry = ProviderRegistry()
    registry.register("counting", Counting)
    async with asyncio.timeout(TEST_S), LiveConversation(server, "voice") as conversation:
        avatar = create_avatar("counting", livekit=livekit_settings(server), registry=registry)
        monkeypatch.setattr(TailPlacement, "attach", lambda _: avatar.aclose())
        await avatar.start(AgentSession(), conversation.room)
        await avatar.aclose()
        closed = create_avatar("counting", livekit=livekit_settings(server), registry=registry)
        await closed.aclose()
        with pytest.raises(AvatarError, match="already closed"):
            await closed.start(AgentSession(), conversation.room)
    assert requests == []


async def test_wait_for_join_raises_the_error_of_the_start() -> None:
    avatar = create_avatar("voice")
    avatar._begin = asyncio.create_task(_fails(JoinTimeoutError("it never came.")))
    for timeout in (30.0, None):
        with pytest.raises(JoinTimeoutError, match="it never came"):
            await avatar.wait_for_join(timeout=timeout)
    await avatar.aclose()


async def _fails(error: AvatarError) -> None:
    raise error


async def test_start_waits_for_the_room_to_connect(server: DevServer) -> None:
    async with asyncio.timeout(TEST_S), LiveConversation(server, "voice") as other:
        room = rtc.Room()
        session: AgentSession[None] = AgentSession()
        avatar = create_avatar("voice", livekit=livekit_settings(server))
        await avatar.start(session, room)
        assert avatar.state is AvatarState.NEW
        await room.connect(server.url, create_token(server, other.room_name, "late", "agent"))
        await avatar.wait_for_join(timeout=5.0)
        assert avatar.state is AvatarState.VOICE
        await session.start(Agent(instructions=""), room=room)
        await session.aclose()
        await avatar.aclose()
        await room.disconnect()


def test_base_class_in_livekit_agents_has_only_known_members() -> None:
    """An inherited method would join or close the avatar in the way of livekit-agents."""
    assert issubclass(AvatarSession, upstream.AvatarSession)
    found = {
        name
        for name, member in vars(upstream.AvatarSession).items()
        if callable(member) or isinstance(member, property)
    }
    assert found - {"__init__", "__class_getitem__", "__init_subclass__"} == MEMBERS_OF_BASE
