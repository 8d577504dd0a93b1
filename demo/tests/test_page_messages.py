"""The demo's page in Chromium reports errors, and keeps the keyboard focus."""

from __future__ import annotations

import secrets

import pytest
from avatar_demo import services
from avatar_demo.responses import GREETING
from livekit import api, rtc
from playwright.async_api import Browser

from avatar_core.testing.server import DevServer
from demo.tests.visitor import BOX, GET_CHROMIUM, WITHOUT_CHROMIUM, visit

COMPOSING = """() => document.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', {key: 'Escape', isComposing: true, bubbles: true})
)"""
AGENT_LEFT = "The agent left the room. Press Restart."

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(WITHOUT_CHROMIUM, reason=GET_CHROMIUM),
]


def agent_token(server: DevServer, room: str) -> str:
    """Return the token of a participant that LiveKit takes for an agent."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity("agent")
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )


async def test_page_reports_an_agent_that_leaves(
    browser: Browser, address: str, server: DevServer
) -> None:
    room = f"page-{secrets.token_hex(4)}"
    agent = rtc.Room()
    await agent.connect(server.url, agent_token(server, room))
    async with visit(browser, address) as visitor:
        await visitor.redirect_session_to(server.url, services.create_user_token(server, room))
        await visitor.press("Start")
        await visitor.wait_for(".state")
        assert await visitor.focus() == BOX
        await agent.disconnect()
        await visitor.wait_for(".start")
        assert await visitor.focus() == "Restart"
        assert await visitor.page.get_by_role("alert").inner_text() == AGENT_LEFT


async def test_page_reports_an_unusable_provider_and_offers_another(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address) as visitor:
        await visitor.start("voice")
        await visitor.page.get_by_role("combobox").select_option("mock")
        await visitor.press("Switch provider")
        await visitor.wait_for(".start select")
        assert "AVATAR_MOCK_WIDTH" in await visitor.page.get_by_role("alert").inner_text()
        assert [error.count("422") for error in visitor.errors] == [1]
        visitor.errors.clear()
        await visitor.page.get_by_role("combobox").select_option("voice")
        await visitor.press("Restart")
        await visitor.wait_for("[data-provider='voice'][data-state='speaking']")


@pytest.mark.slow
async def test_escape_in_a_menu_or_during_composition_does_not_interrupt(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address) as visitor:
        await visitor.start("voice")
        await visitor.page.evaluate(COMPOSING)
        await visitor.page.get_by_role("combobox").press("Escape")
        lines = visitor.page.get_by_role("log").locator("p")
        assert await lines.count() == 0
        await visitor.wait_for("[role=log] p")
        assert await lines.all_inner_texts() == [GREETING]
        await visitor.page.get_by_label(BOX).fill("Who are you?")
        await visitor.press("Send")
        assert await visitor.focus() == "Send"
