"""The demo's page in Chromium shows, plays and controls the agent."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser

from demo.tests.visitor import (
    BOX,
    FRAMES,
    GET_CHROMIUM,
    LOUD,
    PROBE,
    QUIET,
    WITHOUT_CHROMIUM,
    visit,
)

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(WITHOUT_CHROMIUM, reason=GET_CHROMIUM),
]


async def test_page_shows_the_avatar_and_its_controls_work(browser: Browser, address: str) -> None:
    async with visit(browser, address) as visitor:
        await visitor.start()
        await visitor.wait_for("[data-shows='face'] video")
        before = await visitor.measure(FRAMES)
        await visitor.wait_for_level(lambda level: level > LOUD, 5.0)
        await visitor.wait_until(
            lambda: visitor.measure(FRAMES), lambda count: count >= before + 25, within_s=4.0
        )
        await visitor.page.keyboard.press("Escape")
        await visitor.page.wait_for_timeout(500)
        assert await visitor.measure(PROBE) < QUIET
        await visitor.wait_for(".caption[data-interrupted='true']")

        await visitor.press("What happens when your avatar dies?")
        await visitor.wait_for(".state[data-state='speaking']")
        await visitor.press("Kill the avatar")
        await visitor.wait_for("[data-shows='bars']", timeout_s=2.0)
        assert await visitor.focus() == "Kill the avatar"
        await visitor.wait_for_level(lambda level: level > LOUD, 2.0)
        caption = visitor.page.locator(".caption")
        await visitor.wait_until(caption.inner_text, lambda text: "If my avatar dies" in text, 5.0)

        box = visitor.page.get_by_label(BOX)
        await box.fill("<b>Who are you?</b>")
        await box.press("Enter")
        await visitor.wait_until(caption.inner_text, lambda text: "I am a voice agent" in text, 8.0)
        await box.fill("x" * 10_000)
        assert "10000 characters" in await visitor.page.locator("#length").inner_text()
        assert await visitor.page.get_by_role("button", name="Send").is_disabled()

        await visitor.press("How fast are you?")
        await visitor.wait_for(".state[data-state='speaking']")
        await visitor.press("Restart")  # in mid-sentence
        await visitor.wait_for("[data-shows='face'] video")


@pytest.mark.slow
async def test_two_pages_have_separate_agents_and_providers(browser: Browser, address: str) -> None:
    async with visit(browser, address) as one, visit(browser, address) as other:
        await asyncio.gather(one.start("voice"), other.start())
        assert await one.page.locator("[data-shows='bars']").count() == 1
        await other.wait_for("[data-shows='face'] video")
        await one.page.keyboard.press("Escape")
        await one.wait_for(".state[data-state='listening']")
        assert await other.page.locator(".state[data-state='speaking']").count() == 1
        await one.page.reload()
        await one.start()
