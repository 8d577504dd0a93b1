"""W41 to W44 and W46: the base class of the plugins."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import AvatarSession, DataStreamAudioOutput
from livekit.agents.voice.avatar import _types as stock_types

from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.clock import now
from avatar_core.testing.script import RATE_HZ, ScriptedLLM, ToneAgent, frames
from tests.weaknesses.stock_agent import AGENT, AVATAR, StockAgent
from tests.weaknesses.stock_room import StockHub, StockRoom
from tests.weaknesses.weakness import Weakness, never_ends

pytestmark = pytest.mark.virtual_time


class StockAvatar(AvatarSession[Any]):
    """An avatar session that installs its output as the plugins do.

    Args:
        identity: The identity of the avatar.
    """

    def __init__(self, identity: str = AVATAR) -> None:
        super().__init__()
        self._identity = identity
        self.output: DataStreamAudioOutput | None = None

    @property
    def avatar_identity(self) -> str:
        return self._identity

    async def start(self, agent_session: AgentSession[Any], room: Any) -> None:
        await super().start(agent_session, room)
        self.output = DataStreamAudioOutput(room, destination_identity=self._identity)
        agent_session.output.replace_audio_tail(self.output)


class FakeJob:
    """The job of an agent, with the calls of the server API.

    Attributes:
        shutdown: The callbacks that run at the end of the job.
        removed: The identities of the participants that were removed.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shutdown: list[Any] = []
        self.removed: list[str] = []
        self.add_shutdown_callback = self.shutdown.append
        self.api = SimpleNamespace(room=SimpleNamespace(remove_participant=self._remove))
        monkeypatch.setattr(stock_types, "get_job_context", lambda **_: self)

    async def _remove(self, request: Any) -> None:
        self.removed.append(request.identity)


def join_room() -> StockRoom:
    """Return the agent's connection to a room with an avatar that publishes video.

    Returns:
        The connection of the agent.
    """
    return StockAgent().room


W41 = Weakness(
    "W41",
    "A",
    "`aclose` of an avatar session does not change the audio output of the agent session.",
    stock="The output still leads to the absent avatar, and the agent is mute.",
    ours="The agent continues with its own voice.",
    avoided_in=[
        "tests/unit/test_conversation.py::test_voice_continues_after_the_avatar_is_closed",
        "tests/unit/test_controller.py::"
        "test_provision_error_selects_the_next_provider_of_the_chain",
    ],
)


@W41.shown_by
async def test_agent_is_mute_after_its_stock_avatar_was_closed() -> None:
    room, session = join_room(), AgentSession[None](llm=ScriptedLLM())
    avatar = StockAvatar()
    await avatar.start(session, room)
    await session.start(ToneAgent(()))
    await avatar.aclose()
    room._hub.leave(AVATAR)
    assert session.output.audio is avatar.output
    word = VOCABULARY[0]
    speech = session.say(word, audio=frames(WordTones(RATE_HZ).speak([word])))
    assert await never_ends(speech.wait_for_playout())
    speech.interrupt(force=True)
    await session.aclose()


W42 = Weakness(
    "W42",
    "B",
    "The end of the agent session or of its job does not end the avatar's session.",
    stock="`AgentSession.aclose` does not close the avatar; the job closes the room first, so that "
    "the avatar is not removed. The plugin of Tavus sends no request to end its conversation.",
    ours="The paid session is ended while the room is still connected.",
    shown_in=[
        "providers/tavus/tests/test_stock_plugin.py::"
        "test_livekit_plugin_speaks_and_does_not_end_its_conversation"
    ],
    avoided_in=[
        "tests/livekit/test_session.py::"
        "test_closed_agent_session_ends_the_avatar_before_the_room_closes",
        "tests/livekit/test_job_end.py::test_job_releases_its_session_before_its_process_exits",
        "providers/tavus/tests/test_stock_plugin.py::"
        "test_our_provider_speaks_and_ends_its_conversation",
    ],
)


@W42.shown_by
async def test_stock_avatar_is_not_removed_at_the_end_of_a_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, room = FakeJob(monkeypatch), join_room()
    session = AgentSession[None](llm=ScriptedLLM())
    avatar = StockAvatar()
    await avatar.start(session, room)
    await session.start(ToneAgent(()))
    await session.aclose()
    assert job.removed == [], "the end of the agent session closed the avatar"
    room.disconnect()
    await asyncio.gather(*(callback() for callback in job.shutdown))
    assert len(job.shutdown) == 1
    assert job.removed == []
    assert AVATAR in room.remote_participants


W43 = Weakness(
    "W43",
    "B",
    "`wait_for_join` returns at once if the room is not connected yet.",
    stock="The method returns without an avatar; a video publication without frames counts as a "
    "join.",
    ours="The method waits for the connection, for the track that the provider names in "
    "`ready_on`, and 0.2 s for its subscription. It does not wait for a frame either.",
    avoided_in=[
        "tests/livekit/test_session.py::test_start_waits_for_the_room_to_connect",
        "tests/unit/test_byte_stream_sink.py::test_open_waits_for_the_event_that_ready_on_names",
    ],
)


@W43.shown_by
async def test_stock_wait_for_join_returns_before_the_room_is_connected() -> None:
    room, avatar = StockHub().join(AGENT, connected=False), StockAvatar()
    await avatar.start(AgentSession[None](), room)
    await avatar.wait_for_join(timeout=30.0)
    assert now() == 0.0
    assert room.remote_participants == {}
    await avatar.aclose()


@W43.shown_by
async def test_stock_wait_for_join_returns_before_the_first_video_frame() -> None:
    room, avatar = join_room(), StockAvatar()
    (track,) = room.remote_participants[AVATAR].publications.values()
    assert not hasattr(track, "track"), "the track has frames"
    await avatar.start(AgentSession[None](), room)
    await avatar.wait_for_join(timeout=30.0)
    assert now() == 0.0
    await avatar.aclose()


W44 = Weakness(
    "W44",
    "A",
    "`participant_disconnected` is also emitted when the agent reconnects completely.",
    stock="The plugin of Synthesia ends a healthy avatar at this event.",
    ours="A participant that returns with its sid within 1 s is kept.",
    shown_in=[
        "tests/room_link/test_presence.py::test_others_get_a_leave_and_a_join_event_for_a_reconnect"
    ],
    avoided_in=[
        "tests/unit/test_health_presence.py::"
        "test_participant_that_returns_with_its_sid_in_a_second_is_kept",
        "tests/livekit/test_laws.py::test_full_reconnect_keeps_the_avatar_and_every_word",
    ],
    untested="The plugin of Synthesia is not installed; the tests show only the event.",
)

W46 = Weakness(
    "W46",
    "B",
    "`aclose` removes the participant `avatar_identity`, also if that is the agent itself.",
    stock="The local mode of bitHuman uses the identity of the agent, so `aclose` removes the "
    "agent from its room.",
    ours="Each avatar has an identity of its own, and the agent stays in the room.",
    avoided_in=["tests/unit/test_conversation.py::test_voice_continues_after_the_avatar_is_closed"],
    untested="The plugin of bitHuman is not installed; the test uses the base class.",
)


@W46.shown_by
async def test_stock_avatar_with_the_identity_of_the_agent_removes_the_agent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job, room = FakeJob(monkeypatch), join_room()
    avatar = StockAvatar(AGENT)
    await avatar.start(AgentSession[None](), room)
    await avatar.aclose()
    assert job.removed == [room.local_participant.identity]
