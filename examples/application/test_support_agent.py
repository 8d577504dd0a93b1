"""Tests of the support agent with an avatar: in memory, without an account and a server."""

from __future__ import annotations

import pytest
from livekit.agents import AgentSession
from support_agent import Billing, Support

from avatar_core.testing import ScriptedLLM

STATUS = "Order 7 arrives tomorrow, between eight and ten in the morning, at your front door."
CALLS = {
    "Where is my order?": {"find_order": {"number": 7}},
    "My bill is wrong": {"transfer_to_billing": {}},
}


def make_session():
    return AgentSession(llm=ScriptedLLM({"Where is my order?": STATUS}, calls=CALLS))


async def test_agent_finds_an_order(avatar_call):
    async with avatar_call(Support(), session=make_session) as call:
        result = await call.user_says("Where is my order?")
        await call.agent_finished()
        assert call.heard == STATUS
        result.expect.next_event().is_function_call(name="find_order", arguments={"number": 7})


async def test_user_interrupts_and_is_transferred_to_billing(avatar_call):
    async with avatar_call(Support(), session=make_session) as call:
        await call.user_says("Where is my order?")
        await call.until_heard("arrives tomorrow")
        result = await call.user_says("My bill is wrong")
        await call.agent_finished()
        assert call.turns[1].heard.startswith("Order 7 arrives tomorrow,")
        assert call.heard == "This is billing. What would you like to know?"
        assert call.problems() == []
        result.expect.contains_agent_handoff(new_agent_type=Billing)


@pytest.mark.avatar("mock", fault="worker dies at 2 s")
async def test_agent_survives_a_dead_avatar(avatar_call):
    async with avatar_call(Support(), session=make_session) as call:
        await call.user_says("Where is my order?")
        await call.agent_finished()
        assert call.history[-1] == ("assistant", STATUS)
        assert call.problems() == []
        assert call.events == ["mock joined", "voice speaks", "mock was lost", "mock joined"]
    assert (call.sessions.created, call.sessions.open) == (2, 0)


@pytest.mark.avatar("mock", fault="vendor answers 402")
async def test_agent_speaks_without_a_paid_avatar(avatar_call):
    async with avatar_call(Support(), session=make_session) as call:
        await call.user_says("Where is my order?")
        await call.agent_finished()
        assert call.heard == STATUS
        assert call.events == ["mock failed: PaymentError", "voice speaks"]
    assert call.sessions.created == 0
