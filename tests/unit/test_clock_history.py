"""In virtual time, chat histories keep the order and the times of messages and tool calls."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import Agent, AgentSession, function_tool, llm, voice

from avatar_core.agents.create import create_avatar
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.script import ScriptedLLM
from avatar_core.testing.virtual_loop import EPOCH_S


@function_tool
async def forecast(city: str) -> str:
    """Say what the weather will be.

    Args:
        city: Where.
    """
    return f"sun in {city}"


@function_tool
async def temperature(city: str) -> str:
    """Say how warm it is.

    Args:
        city: Where.
    """
    await asyncio.sleep(0.4)
    return f"12 degrees in {city}"


Step = tuple[str, str]


def step(item: Any) -> Step:
    """The kind and the text of a chat item."""
    match item.type:
        case "message":
            return item.role, item.text_content or ""
        case "function_call":
            return "call", item.name
        case "function_call_output":
            return "output", item.output
        case kind:
            return kind, ""


USER_TEXT = "What is the weather like?"
CALLS = {"forecast": {"city": "Oslo"}, "temperature": {"city": "Oslo"}}
AFTER_GREETING: list[Step] = [
    ("user", USER_TEXT),
    ("call", "forecast"),
    ("call", "temperature"),
    ("output", "sun in Oslo"),
    ("output", "12 degrees in Oslo"),
]


async def talk_with_tools() -> tuple[list[Step], list[Step], list[tuple[str, float]]]:
    """The steps of a history and of a result of `session.run`, and all times in the history."""
    avatar = create_avatar("mock", livekit=IN_MEMORY)
    async with Conversation(avatar, tools=[forecast, temperature]) as talk:
        greeting = await talk.over(talk.say(3))
        turn = await talk.over(await talk.ask(USER_TEXT, 4, calls=CALLS))
        assert talk.faults() == []
        history = [step(item) for item in talk.session.history.items]
        spoken_words = [" ".join(turn.spoken_words) for turn in (greeting, turn)]
        assert history[-7:] == [
            ("assistant", spoken_words[0]),
            *AFTER_GREETING,
            ("assistant", spoken_words[1]),
        ]
        result = await talk.session.run(user_input=USER_TEXT)
        stamps = [(step(item)[0], item.created_at) for item in talk.session.history.items]
        return history, [step(event.item) for event in result.events], stamps


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")


@pytest.mark.usefixtures("small_frames")
def test_history_and_results_list_tool_calls_in_order_of_time() -> None:
    _, events, stamps = run(talk_with_tools())
    assert events[:-1] == AFTER_GREETING[1:]
    assert events[-1][0] == "assistant"
    times = [at for _, at in stamps]
    assert times == sorted(times)
    assert EPOCH_S <= times[0] < times[-1] < EPOCH_S + 60.0


@pytest.mark.usefixtures("small_frames")
def test_two_runs_give_equal_histories_and_times() -> None:
    assert run(talk_with_tools()) == run(talk_with_tools())


class AtOnce(ScriptedLLM):
    """A model that says a word, calls a tool and responses, and needs no time for any of it."""

    def chat(self, *, chat_ctx: llm.ChatContext, **arguments: Any) -> llm.LLMStream:
        return AtOnceStream(
            self,
            chat_ctx=chat_ctx,
            tools=arguments["tools"],
            conn_options=arguments["conn_options"],
        )


class AtOnceStream(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, AtOnce)
        deltas = self._llm.next_step(self._chat_ctx)
        if deltas[0].tool_calls:
            deltas.insert(0, llm.ChoiceDelta(role="assistant", content="wait"))
        for delta in deltas:
            self._event_ch.send_nowait(llm.ChatChunk(id="response", delta=delta))


async def text_without_delays() -> tuple[list[Step], list[Step]]:
    """A history and the result of `session.run`, of a session that has only text."""
    model = AtOnce()
    model.responses[USER_TEXT], model.calls[USER_TEXT] = ["sunny"], {"forecast": {"city": "Oslo"}}
    session: AgentSession[None] = AgentSession(llm=model)
    await session.start(Agent(instructions="", tools=[forecast]))
    await session.say("hello")
    result: voice.RunResult[None] = await session.run(user_input=USER_TEXT)
    steps = [step(item) for item in session.history.items]
    await session.aclose()
    return steps, [step(event.item) for event in result.events]


def test_chat_items_of_one_instant_keep_their_order() -> None:
    steps, events = run(text_without_delays())
    assert (steps, events) == asyncio.run(text_without_delays())
    assert events == [
        ("assistant", "wait"),
        ("call", "forecast"),
        ("output", "sun in Oslo"),
        ("assistant", "sunny"),
    ]
    assert steps[-6:] == [("assistant", "hello"), ("user", USER_TEXT), *events]
