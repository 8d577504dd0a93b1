"""One application with each provider: the value of AVATAR_PROVIDER is the only difference."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from livekit.agents import AgentSession
from livekit.agents.voice.avatar import DataStreamAudioOutput
from support_agent import Support

from avatar_core.registry.discovery import RESERVED, ProviderRegistry
from avatar_core.testing import AvatarCall, ScriptedLLM
from avatar_core.testing.call.room import MemoryCallRoom
from avatar_core.testing.turn import MOST_TWICE
from tests.support.plugin_arguments import PLUGINS
from tests.support.recording_vendor import RecordingVendor, Token
from tests.support.vendor_workers import StockWorker

pytestmark = pytest.mark.virtual_time

PROVIDERS = (
    *("mock", "local", "tavus", "anam", "bey", "did", "lemonslice", "liveavatar", "protoface"),
    *("runway", "simli", "livekit:trugen", "livekit:keyframe"),
)
OTHER_FAULTS = (
    *("worker leaves", "worker mutes its track", "server mutes the avatar"),
    "server revokes the permission",
)
FAULTS = ("worker dies", *(pytest.param(name, marks=pytest.mark.slow) for name in OTHER_FAULTS))
GREETING = "Hello, how can I help you today?"
STATUS = "Order 7 arrives tomorrow, between eight and ten in the morning, at your front door."
BILLING = "This is billing. What would you like to know?"
REASON = "Your bill is higher, because you ordered seven more books than in the month before."
RESPONSES = {"Where is my order?": STATUS, "Why so much?": REASON, "Thank you": "You are welcome."}
CALLS = {
    "Where is my order?": {"find_order": {"number": 7}},
    "My bill is wrong": {"transfer_to_billing": {}},
}


class FrontDesk(Support):
    """The agent of the example application, with a greeting."""

    async def on_enter(self) -> None:
        """Greet the user."""
        await self.session.say(GREETING)


def make_session() -> AgentSession:
    return AgentSession(llm=ScriptedLLM(RESPONSES, calls=CALLS))


@pytest_asyncio.fixture(params=PROVIDERS)
async def room(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[MemoryCallRoom]:
    """A room in memory, with `AVATAR_PROVIDER`, and with the vendor of a bridged plugin."""
    monkeypatch.setenv("AVATAR_PROVIDER", request.param)
    room = MemoryCallRoom()

    async def start_worker(token: Token) -> StockWorker:
        return await StockWorker.start(room.memory, token)

    vendor = RecordingVendor(start_worker)
    bridged = [case for case in PLUGINS if request.param == f"livekit:{case.name}"]
    for case in bridged:
        vendor.install(monkeypatch)
        case.set_up(monkeypatch, vendor)
        for name in ("_playback_finished_handlers", "_playback_started_handlers"):
            monkeypatch.setattr(DataStreamAudioOutput, name, {})
    yield room
    assert vendor.created == (2 if bridged else 0)
    await vendor.aclose()


def is_complete(heard: str, text: str) -> bool:
    """Return whether a listener heard all words of a text in order, and at most two words twice."""
    spoken, left = text.split(), iter(heard.split())
    return all(word in left for word in spoken) and len(heard.split()) <= len(spoken) + MOST_TWICE


@pytest.mark.parametrize("fault", FAULTS)
async def test_conversation_is_the_same_with_each_provider(
    fault: str, room: MemoryCallRoom
) -> None:
    provider = os.environ["AVATAR_PROVIDER"]
    async with AvatarCall(FrontDesk(), session=make_session, avatar=provider, room=room) as call:
        await call.agent_finished()
        assert call.heard == GREETING
        await call.user_says("Where is my order?")
        await call.until_heard("arrives tomorrow")
        await call.user_says("My bill is wrong")
        await call.agent_finished()
        status = call.turns[1].heard
        assert status != STATUS
        assert STATUS.startswith(status)
        assert call.heard == BILLING
        assert (call.sessions.created, call.sessions.open) == (1, 1)

        await call.user_says("Why so much?")
        await call.until_heard(4)
        await call.inject(fault)
        await call.agent_finished()
        assert is_complete(call.heard, REASON)
        await call.until_event(f"{provider} joined")
        await call.user_says("Thank you")
        await call.agent_finished()
        assert call.heard == "You are welcome."
        assert call.events == [
            *(f"{provider} joined", "voice speaks", f"{provider} was lost", f"{provider} joined")
        ]
        assert call.problems() == []
        assert (call.sessions.created, call.sessions.open) == (2, 1)
    assert (call.sessions.created, call.sessions.open) == (2, 0)


def test_conversation_runs_with_every_installed_provider() -> None:
    installed = {name for name in ProviderRegistry().names() if name not in RESERVED}
    assert installed == {name for name in PROVIDERS if ":" not in name}
