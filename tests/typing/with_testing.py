"""Code of test writers: it must pass mypy --strict and pyright's strict mode."""

from __future__ import annotations

from collections.abc import Mapping

from avatar_core import AvatarState, create_avatar
from avatar_core.testing import (
    FAULTS,
    IN_MEMORY,
    Conversation,
    FakeResponse,
    FakeVendor,
    MemoryRoom,
    Scenario,
    Turn,
    VendorAccount,
    VendorFault,
    VendorSession,
    json_response,
    run,
)


async def talk() -> list[str]:
    avatar = create_avatar("mock", livekit=IN_MEMORY)
    async with Conversation(avatar, MemoryRoom()) as conversation:
        turn: Turn = await conversation.over(conversation.say(5))
        await conversation.interrupt_at(conversation.say(["alfa", "bravo"]), word=1)
        await conversation.over(await conversation.ask("hello", response=3))
        history: str = turn.history
        assert avatar.state is AvatarState.LIVE
        return [*conversation.faults(), history]


def test_conversation_has_no_faults() -> None:
    faults: list[str] = run(talk())
    assert not faults[:-1]


async def bring(session: VendorSession, scenario: Scenario) -> Mapping[str, object]:
    assert scenario.join_delay_s == 0
    return {"session": session.id}


class Shop(FakeVendor):
    async def handle(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        worker: Scenario = Scenario(),  # noqa: B008
    ) -> FakeResponse:
        return json_response(200, {"method": method})


def shop() -> FakeVendor:
    account = VendorAccount(bring, slots=2, credits_s=60.0)
    vendor = Shop(account, key="key", create_s=0.2)
    fault: VendorFault = FAULTS["reset after create"]
    vendor.fail("reset after create")
    alive: list[VendorSession] = account.active
    assert fault is not None
    assert not alive
    return vendor
