"""W41 to W49: the base class of the plugins, and the plugins themselves."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from livekit.agents import AgentSession, APIConnectionError, llm, stt, tts
from livekit.agents.voice import avatar as stock_avatar
from livekit.agents.voice.avatar import AvatarSession, DataStreamAudioOutput, QueueAudioOutput
from livekit.agents.voice.avatar import _types as stock_types
from livekit.plugins.tavus.api import TavusAPI

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.testing.audio.tones import VOCABULARY, WordTones
from avatar_core.testing.clock import now
from avatar_core.testing.script import RATE_HZ, ScriptedLLM, ToneAgent, frames
from tests.weaknesses.stock_agent import AGENT, AVATAR, FINISHED, StockAgent, audio_frame
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
    """Return the agent's connection to a room with an avatar that publishes video."""
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

W45 = Weakness(
    "W45",
    "B",
    "The requests of the plugins have no total timeout and no idempotency key.",
    stock="A vendor that does not respond stops `start` forever; a create request whose response "
    "was lost is sent again, up to four times (plugin of Tavus).",
    ours="Each request has a deadline, and a create request with an unknown outcome is not sent "
    "again before `lookup` has found no session.",
    avoided_in=[
        "tests/unit/test_http_tcp.py::test_trickling_response_ends_at_the_deadline",
        "tests/unit/test_provision.py::test_session_that_a_lookup_finds_is_used",
        "tests/unit/test_provision.py::test_session_that_cannot_be_ended_prevents_another_attempt",
        "tests/faults/test_provisioning.py::test_start_creates_at_most_one_session_and_ends_it",
    ],
)


class FakeVendorSession:
    """An HTTP session whose vendor accepts each request and does not respond.

    Args:
        error: The exception of each request; None waits until the timeout of the request.

    Attributes:
        requests: The headers of each request.
    """

    def __init__(self, error: Exception | None) -> None:
        self.requests: list[dict[str, str]] = []
        self._error = error
        self._timeout_s: float | None = None

    def post(
        self, url: str, *, headers: dict[str, str], json: Any, timeout: aiohttp.ClientTimeout
    ) -> FakeVendorSession:
        self.requests.append(headers)
        self._timeout_s = timeout.total or timeout.sock_read
        return self

    async def __aenter__(self) -> Any:
        if self._error is not None:
            raise self._error
        async with asyncio.timeout(self._timeout_s):
            await asyncio.Event().wait()

    async def __aexit__(self, *_: object) -> None:
        return


def create_by_stock_plugin(vendor: FakeVendorSession) -> Any:
    """Return the create request of the plugin of Tavus."""
    return TavusAPI("key", "http://127.0.0.1", session=vendor).create_conversation()  # type: ignore[arg-type]


@W45.shown_by
async def test_stock_request_to_a_silent_vendor_never_ends() -> None:
    assert await never_ends(create_by_stock_plugin(FakeVendorSession(None)))


@W45.shown_by
async def test_stock_create_request_with_an_unknown_outcome_is_repeated() -> None:
    vendor = FakeVendorSession(aiohttp.ServerDisconnectedError())
    with pytest.raises(APIConnectionError):
        await create_by_stock_plugin(vendor)
    assert len(vendor.requests) == 4
    assert {name.lower() for headers in vendor.requests for name in headers} == {
        "content-type",
        "x-api-key",
    }


W46 = Weakness(
    "W46",
    "B",
    "`aclose` removes the participant `avatar_identity`, also if that is the agent itself.",
    stock="The local mode of bitHuman uses the identity of the agent, so `aclose` removes the "
    "agent from its room.",
    ours="Each avatar has an identity of its own, and the agent stays in the room.",
    avoided_in=["tests/unit/test_conversation.py::test_voice_continues_after_the_avatar_is_closed"],
    untested="The plugin of bitHuman is not installed; a test shows it for the base class.",
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


W47 = Weakness(
    "W47",
    "B",
    "A room has one handler for each RPC method, and a plugin may replace it.",
    stock="After another output has registered `lk.playback_finished` (plugin of Spatius), "
    "segments of the first output never finish.",
    ours="The router calls the handler of each sender.",
    avoided_in=["tests/room_link/test_link.py::test_router_calls_the_handler_of_each_caller"],
    untested="The plugin of Spatius is not installed; a test registers the RPC as it does.",
)


@W47.shown_by
async def test_stock_output_loses_its_finishes_to_another_handler() -> None:
    stock = StockAgent()
    await stock.say(1.0)
    received: list[Any] = []
    stock.room.local_participant.register_rpc_method(FINISHED, received.append)
    await stock.finish(1.0)
    assert len(received) == 1
    assert await never_ends(stock.output.wait_for_playout())


W48 = Weakness(
    "W48",
    "B",
    "An output whose connection to the vendor has ended does not finish its segments.",
    stock="The consumer of a `QueueAudioOutput` ends, for example the websocket task of "
    "LiveAvatar, and `wait_for_playout` waits forever.",
    ours="A transport whose sink fails is lost, and the agent's voice continues.",
    avoided_in=["tests/unit/test_player_losses.py::test_transport_whose_sink_raises_is_lost"],
    untested="The plugin of LiveAvatar is not installed; a test shows it for the base class.",
)


@W48.shown_by
async def test_stock_segment_never_finishes_after_its_consumer_has_ended() -> None:
    output = QueueAudioOutput()

    async def consume() -> None:
        async for _ in output:
            raise ConnectionError("The websocket was closed.")

    consumer = asyncio.create_task(consume())
    await output.capture_frame(audio_frame(1.0))
    output.flush()
    await asyncio.gather(consumer, return_exceptions=True)
    assert isinstance(consumer.exception(), ConnectionError)
    assert await never_ends(output.wait_for_playout())


W49 = Weakness(
    "W49",
    "C",
    "livekit-agents has no interface for providers of avatars.",
    stock="`AvatarSession` has one abstract property, `avatar_identity`; models have a "
    "`FallbackAdapter`, avatars have none.",
    ours="`AvatarProvider` with `Capabilities`, a chain of providers, and the provider `mock`.",
    avoided_in=[
        "tests/unit/test_controller.py::"
        "test_provision_error_selects_the_next_provider_of_the_chain",
    ],
)


@W49.shown_by
def test_stock_avatars_have_no_provider_interface_and_no_fallback() -> None:
    assert AvatarSession.__abstractmethods__ == {"avatar_identity"}
    assert all(hasattr(models, "FallbackAdapter") for models in (llm, stt, tts))
    assert [name for name in dir(stock_avatar) if "Fallback" in name or "Capab" in name] == []


@W49.avoided_by
def test_provider_interface_has_provisioning_release_and_capabilities() -> None:
    assert AvatarProvider.__abstractmethods__ == {"provision", "release"}
    assert isinstance(AvatarProvider.capabilities, Capabilities)
