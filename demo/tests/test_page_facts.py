"""The demo's page in Chromium: what a person is told, and where the keyboard is meanwhile."""

from __future__ import annotations

import secrets

import pytest
from avatar_demo import services
from avatar_demo.answers import GREETING
from livekit import api, rtc
from playwright.async_api import Browser

from avatar_core.testing.server import DevServer
from demo.tests.visit import BOX, GET_CHROMIUM, WITHOUT_CHROMIUM, visit

COMPOSING = """() => document.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', {key: 'Escape', isComposing: true, bubbles: true})
)"""
GONE = "The agent is gone. Begin again."

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(WITHOUT_CHROMIUM, reason=GET_CHROMIUM),
]


def agent_token(server: DevServer, room: str) -> str:
    """Of one that LiveKit takes for an agent, and that does nothing."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity("agent")
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )


async def test_an_agent_that_goes_is_told(
    browser: Browser, address: str, server: DevServer
) -> None:
    room = f"page-{secrets.token_hex(4)}"
    agent = rtc.Room()
    await agent.connect(server.url, agent_token(server, room))
    async with visit(browser, address) as person:
        await person.is_sent_to(server.url, services.person_token(server, room))
        await person.press("Start")
        await person.until(".state")
        assert await person.focus() == BOX
        await agent.disconnect()
        await person.until(".start")
        assert await person.focus() == "Begin again"
        assert await person.page.get_by_role("alert").inner_text() == GONE


async def test_a_face_that_cannot_be_is_told_and_another_one_chosen(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address) as person:
        await person.start("voice")
        await person.page.get_by_role("combobox").select_option("mock")
        await person.press("Switch provider")
        await person.until(".start select")
        assert "AVATAR_MOCK_WIDTH" in await person.page.get_by_role("alert").inner_text()
        assert [fault.count("422") for fault in person.faults] == [1]
        person.faults.clear()
        await person.page.get_by_role("combobox").select_option("voice")
        await person.press("Begin again")
        await person.until("[data-provider='voice'][data-state='speaking']")


async def test_a_line_is_told_once_it_is_whole_and_only_escape_itself_cuts_it(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address) as person:
        await person.start("voice")
        await person.page.evaluate(COMPOSING)
        await person.page.get_by_role("combobox").press("Escape")
        said = person.page.get_by_role("log").locator("p")
        assert await said.count() == 0
        await person.until("[role=log] p")
        assert await said.all_inner_texts() == [GREETING]
        await person.page.get_by_label(BOX).fill("Who are you?")
        await person.press("Send")
        assert await person.focus() == "Send"
