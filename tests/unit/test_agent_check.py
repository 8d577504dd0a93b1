"""An agent that no avatar can hear gets an error before a paid session starts."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from avatar_provider_mock import MockSettings
from livekit.agents import AgentSession

from avatar_core.agents.create import create_avatar
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import Outcome, ProvisionError
from avatar_core.contracts.events import AvatarState
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.provisioning.agent_check import ensure_audible
from avatar_core.settings import AvatarSettings
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

pytestmark = pytest.mark.virtual_time

MUTE_AGENTS = pytest.mark.parametrize(
    ("access", "problem", "hint"),
    [
        ({"is_hidden": True}, "the agent agent is hidden", "hidden=False"),
        ({"can_publish_data": False}, "may not publish data", "can_publish_data=True"),
    ],
)


def mock(**settings: object) -> AvatarSession:
    return create_avatar(
        MockSettings(width=64, height=64), settings=AvatarSettings.model_validate(settings)
    )


@MUTE_AGENTS
async def test_agent_without_permission_speaks_with_its_voice(
    access: dict[str, bool], problem: str, hint: str
) -> None:
    room = MemoryRoom()
    room.join("agent", is_agent=True, **access)
    async with Conversation(mock(), room) as conversation:
        error = conversation.avatar.last_error
        assert isinstance(error, ProvisionError)
        assert error.outcome is Outcome.NOT_SENT
        assert error.provider == "mock"
        assert problem in str(error)
        assert hint in error.hint
        turn = conversation.say(6)
        await conversation.over(turn)
        assert [word.word for word in turn.heard] == list(turn.spoken_words)
        assert conversation.avatar.state is AvatarState.VOICE
    assert set(room.speaks_for) == {"agent"}  # no avatar has ever joined


@pytest_asyncio.fixture
async def session() -> AsyncIterator[AgentSession[None]]:
    session = AgentSession[None]()
    yield session
    await session.aclose()


@MUTE_AGENTS
async def test_required_avatar_of_an_agent_without_permission_raises(
    access: dict[str, bool], problem: str, hint: str, session: AgentSession[None]
) -> None:
    agent = MemoryRoom().join("agent", is_agent=True, **access)
    avatar = mock(required=True)
    with pytest.raises(ProvisionError, match=problem):
        await avatar.start(session, agent)
    assert avatar.state is AvatarState.CLOSED


class OwnSinkProvider(ScriptedProvider):
    """A provider whose sink may send the speech past the room."""

    def create_sink(self, ctx: SinkContext) -> AudioSink:
        return ByteStreamSink(ctx)


async def test_provider_with_its_own_sink_is_not_checked() -> None:
    room = MemoryRoom()
    agent = room.join("agent", is_agent=True, is_hidden=True)
    ensure_audible(agent, OwnSinkProvider(room))
    with pytest.raises(ProvisionError):
        ensure_audible(agent, ScriptedProvider(room))
