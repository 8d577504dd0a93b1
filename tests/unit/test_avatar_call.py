"""A call of an application's own agent in memory: tools, hand-offs, interruptions and faults."""

from __future__ import annotations

import asyncio

import pytest
from avatar_provider_mock import MockSettings
from livekit.agents import Agent, function_tool

from avatar_core.contracts.errors import ConfigError
from avatar_core.testing import (
    AvatarCall,
    ScriptedLLM,
    ScriptedRealtimeModel,
)
from avatar_core.testing.call.call import WAIT_S
from avatar_core.testing.call.patience import Patience
from avatar_core.testing.call.room import MemoryCallRoom
from avatar_core.testing.call.unread_results import CLOSE_S
from avatar_core.testing.clock import now
from tests.support.weather_desk import LONG, Billing, Clerk, make_session

pytestmark = pytest.mark.virtual_time

SMALL = MockSettings(width=64, height=64)


async def test_agent_calls_its_tool_and_the_user_hears_the_response() -> None:
    clerk = Clerk()
    async with AvatarCall(clerk, session=make_session, avatar=SMALL) as call:
        result = await call.user_says("Weather?")
        await call.agent_finished()
        assert call.heard == "It is sunny in Rome today."
        assert call.history == [("user", "Weather?"), ("assistant", call.heard)]
        result.expect.next_event().is_function_call(name="get_weather", arguments={"city": "Rome"})
        result.expect.next_event().is_function_call_output(output="sunny")
        result.expect.next_event().is_message(role="assistant")
        assert clerk.cities == ["Rome"]
        assert (call.sessions.created, call.sessions.open) == (1, 1)
        assert call.events == ["mock joined"]
    assert (call.sessions.created, call.sessions.open) == (1, 0)


async def test_interrupted_response_and_handoff_are_heard_in_order() -> None:
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
        await call.user_says("Tell me more")
        await call.until_heard("to tell")
        result = await call.user_says("My bill?")
        await call.agent_finished()
        assert call.heard == "Welcome to billing!"
        assert LONG.startswith(call.turns[1].heard)
        assert 5 <= len(call.turns[1].heard.split()) <= 7
        assert call.problems() == []
        result.expect.contains_agent_handoff(new_agent_type=Billing)


@pytest.mark.parametrize(
    ("fault", "event"),
    [
        ("worker dies at 2 s", "mock was lost"),
        ("worker freezes at 2 s", "mock was lost"),
        ("worker falls silent at 2 s", "mock was lost"),
        ("vendor answers 402", "mock failed: PaymentError"),
        ("avatar never joins", "mock failed: JoinTimeoutError"),
    ],
)
async def test_user_hears_every_word_in_spite_of_a_fault(fault: str, event: str) -> None:
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL, fault=fault) as call:
        await call.user_says("Tell me more")
        await call.agent_finished()
        assert set(call.heard.split()) == set(LONG.split())
        assert event in call.events
        assert "voice speaks" in call.events
        assert call.problems() == []
    assert call.sessions.open == 0


async def test_speech_to_speech_model_is_heard() -> None:
    model = ScriptedRealtimeModel({"Weather?": "It is sunny in Rome."})
    call = AvatarCall(Agent(instructions="", llm=model), avatar=SMALL)
    async with call:
        await call.user_says("Weather?")
        await call.agent_finished()
        assert call.heard == "It is sunny in Rome."


async def test_failed_assertion_shows_the_timeline() -> None:
    with pytest.raises(AssertionError, match="did not hear 'rain' within 120 s") as raised:  # noqa: PT012
        async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
            await call.user_says("Weather?")
            await call.until_heard("rain")
    visible = [str(frame.path) for frame in raised.traceback.filter(raised)]
    assert set(visible) == {__file__}, "pytest shows frames of the test kit"
    [note] = raised.value.__notes__
    assert "mock joined" in note
    assert "user: Weather?" in note
    assert "heard: It is sunny in Rome today." in note


async def test_missing_response_of_the_script_is_named() -> None:
    with pytest.raises(LookupError, match="no response to the user message 'Bye'"):  # noqa: PT012
        async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
            await call.user_says("Bye")
            await call.agent_finished()


async def test_error_that_the_test_does_not_wait_for_is_raised_at_the_end() -> None:
    with pytest.raises(LookupError, match="no response to the user message 'Bye'") as raised:
        async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
            await call.user_says("Bye")
    assert "user: Bye" in raised.value.__notes__[0]
    assert call.sessions.open == 0


async def test_error_of_the_test_or_an_error_that_it_caught_is_not_replaced() -> None:
    with pytest.raises(AssertionError, match="of the test"):  # noqa: PT012
        async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
            await call.user_says("Bye")
            raise AssertionError("of the test")
    async with AvatarCall(Clerk(), session=make_session, avatar=SMALL) as call:
        await call.user_says("Bye")
        with pytest.raises(LookupError, match="Bye"):
            await call.agent_finished()
        await call.user_says("Weather?")


@pytest.mark.parametrize("count", [420, pytest.param(1000, marks=pytest.mark.slow)])
async def test_agent_finishes_a_response_that_is_longer_than_the_limit_of_a_silence(
    count: int,
) -> None:
    text = " ".join(f"word{number % 300}" for number in range(count))
    agent = Agent(instructions="", llm=ScriptedLLM({"Tell me all": text}))
    async with AvatarCall(agent, avatar="voice") as call:
        await call.user_says("Tell me all")
        await call.agent_finished()
        assert call.heard == text
        assert now() > 0.3 * count > WAIT_S


class SlowClerk(Clerk):
    """An agent whose tool never returns."""

    @function_tool
    async def get_weather(self, city: str) -> str:
        """Never return the weather.

        Args:
            city: The city.
        """
        await asyncio.Event().wait()
        return city


async def test_agent_that_hangs_fails_after_120_seconds_without_progress() -> None:
    with pytest.raises(AssertionError, match="did not finish within 120 s after the last word"):  # noqa: PT012
        async with AvatarCall(SlowClerk(), session=make_session, avatar="voice") as call:
            await call.user_says("Weather?")
            await call.agent_finished()
    assert WAIT_S < now() < 1.25 * WAIT_S + CLOSE_S


async def test_call_whose_tool_hangs_ends_with_an_error() -> None:
    with pytest.raises(AssertionError, match="did not close within 30 s, because a tool"):
        async with AvatarCall(SlowClerk(), session=make_session, avatar=SMALL) as call:
            await call.user_says("Weather?")
    assert call.sessions.open == 0


async def test_wait_for_an_agent_that_speaks_without_an_end_fails() -> None:
    patience = Patience(now, quiet_s=120.0, most_s=3600.0)
    with pytest.raises(AssertionError, match="did not finish within 3600 s, although the call"):
        await patience.wait(asyncio.Event().wait(), "The agent did not finish")
    assert now() == pytest.approx(3600.0)


async def test_call_is_used_only_while_it_is_open() -> None:
    session = make_session()
    call = AvatarCall(Clerk(), session=session, avatar="voice")
    uses = (
        lambda: call.user_says("Weather?"),
        lambda: call.user_interrupts(),
        lambda: call.inject("vendor answers 402"),
        lambda: call.agent_finished(),
        lambda: call.until_heard(1),
        lambda: call.until_event("mock joined"),
        lambda: call.__aenter__(),
    )
    for use in uses[:-1]:
        with pytest.raises(ConfigError, match="has not started"):
            await use()
    for result in ("heard", "turns", "history"):
        with pytest.raises(ConfigError, match="has not started"):
            getattr(call, result)
    async with call:
        with pytest.raises(ConfigError, match="The session belongs to another call already"):
            async with AvatarCall(Clerk(), session=lambda: session, avatar="voice"):
                pass
    for use in uses:
        with pytest.raises(ConfigError, match="has ended"):
            await use()
    assert (call.heard, call.history) == ("", [])


async def test_markdown_emojis_and_scripts_without_spaces_are_compared_with_the_speech() -> None:
    texts = {"A": "A **bold** and `fine` 😀 _last word_ here.", "B": "你好,世界。今天天气很好。"}
    call = AvatarCall(Agent(instructions="", llm=ScriptedLLM(texts)), avatar=SMALL)
    async with call:
        await call.user_says("A")
        await call.agent_finished()
        assert call.heard == "A bold and fine last word here."
        await call.user_says("B")
        await call.until_heard("今天")
        await call.agent_finished()
        assert call.heard.replace(" ", "") == texts["B"]
        assert call.problems() == []


@pytest.mark.parametrize(
    ("avatar", "expected"),
    [("mock", (64, 64, 12.5)), (MockSettings(width=128, fps=25.0), (128, 64, 25.0))],
)
async def test_call_in_memory_draws_small_frames_unless_the_user_sets_a_size(
    avatar: str | MockSettings, expected: tuple[int, int, float]
) -> None:
    sizes: list[tuple[int, int]] = []
    room = MemoryCallRoom()
    room.memory.recording.watch = lambda _, frame: sizes.append((frame.width, frame.height))
    async with AvatarCall(Clerk(), session=make_session, avatar=avatar, room=room):
        sizes.clear()
        await asyncio.sleep(8.0)
    assert set(sizes) == {expected[:2]}
    assert len(sizes) / 8.0 == pytest.approx(expected[2], rel=0.02)
