"""An hour of conversation in memory: sixty turns, twenty interruptions, five faults."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from avatar_provider_mock import MockSettings
from livekit.agents import Agent, AgentSession

from avatar_core.testing import AvatarCall, ScriptedLLM
from avatar_core.testing.clock import now
from avatar_core.testing.script import Said

TURNS, TURN_S = 60, 60.0
FAULTS = {
    5: ["worker dies"],
    17: ["worker freezes"],
    29: ["worker mutes its track"],
    41: ["vendor answers 503", "worker leaves"],
    53: ["vendor answers 402", "worker dies"],
}
"""The faults that start in the middle of a turn. A vendor refuses the next session: the first time
it tells the provider to try again, the second time its credit is used up."""
SENTENCE = (
    "There is a lot to tell about it because the weather in Rome changes every single day and "
    "nobody knows why it does so in the early afternoon of a summer"
)


def question(turn: int) -> str:
    """Return the message of the user in a turn, from 0."""
    return f"Question {turn}?"


def response(turn: int) -> str:
    """Return the response of the agent: 20 to 40 words, which begin at different ones."""
    size = 20 + turn * 7 % 21
    tokens = SENTENCE.split()
    return " ".join(tokens[(turn + at) % len(tokens)] for at in range(size)) + "."


def is_interrupted(turn: int) -> bool:
    """Return whether the user interrupts the response."""
    return turn % 3 == 1


@dataclass(frozen=True)
class Hour:
    """The results of the hour.

    Attributes:
        heard: The words that the user heard in each turn.
        history: The chat history.
        events: The events of the avatar.
        problems: The differences between the history and what was heard.
        sessions: The number of sessions that were created, and of those that are open at the end.
        timeline: All of it with its times.
        duration_s: The length of the call in seconds.
    """

    heard: list[str]
    history: Said
    events: list[str]
    problems: list[str]
    sessions: tuple[int, int]
    timeline: str
    duration_s: float


async def talk_for_an_hour() -> Hour:
    """Run the call in virtual time."""
    model = ScriptedLLM({question(turn): response(turn) for turn in range(TURNS)})
    agent, began_at = Agent(instructions="", llm=model), now()
    heard = []
    settings = MockSettings(scenario="loss=0.05,report_loss=0.05")
    call = AvatarCall(agent, session=AgentSession, avatar=settings)
    async with call:
        for turn in range(TURNS):
            await call.user_says(question(turn))
            if turn in FAULTS:
                await call.until_heard(6)
                for fault in FAULTS[turn]:
                    await call.inject(fault)
            elif is_interrupted(turn):
                await call.until_heard(2 + turn % 8)
                await call.user_interrupts()
            await call.agent_finished()
            heard.append(call.heard)
            await asyncio.sleep((turn + 1) * TURN_S - (now() - began_at))
        result = Hour(
            heard,
            call.history,
            call.events,
            call.problems(),
            (call.sessions.created, call.sessions.open),
            call.timeline(),
            now() - began_at,
        )
    assert call.sessions.open == 0
    return result
