"""The demo's page in Chromium: what a person sees and hears of the agent."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser

from demo.tests.visit import BOX, FRAMES, GET_CHROMIUM, LOUD, PROBE, QUIET, WITHOUT_CHROMIUM, visit

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(WITHOUT_CHROMIUM, reason=GET_CHROMIUM),
]


async def test_a_face_speaks_is_cut_killed_and_answers(browser: Browser, address: str) -> None:
    async with visit(browser, address) as person:
        await person.start()
        await person.until("[data-shows='face'] video")
        before = await person.measure(FRAMES)
        await person.hears(lambda level: level > LOUD, 5.0)
        await person.comes(
            lambda: person.measure(FRAMES), lambda seen: seen >= before + 25, within_s=4.0
        )
        await person.page.keyboard.press("Escape")
        await person.page.wait_for_timeout(500)
        assert await person.measure(PROBE) < QUIET
        await person.until(".caption[data-cut='true']")

        await person.press("What happens when your avatar dies?")
        await person.until(".state[data-state='speaking']")
        await person.press("Kill the avatar")
        await person.until("[data-shows='bars']", timeout_s=2.0)
        assert await person.focus() == "Kill the avatar"
        await person.hears(lambda level: level > LOUD, 2.0)
        caption = person.page.locator(".caption")
        await person.comes(caption.inner_text, lambda text: "If my avatar dies" in text, 5.0)

        box = person.page.get_by_label(BOX)
        await box.fill("<b>Who are you?</b>")
        await box.press("Enter")
        await person.comes(caption.inner_text, lambda text: "I am a voice agent" in text, 8.0)
        await box.fill("x" * 10_000)
        assert "10000 characters" in await person.page.locator("#length").inner_text()
        assert await person.page.get_by_role("button", name="Send").is_disabled()

        await person.press("How fast are you?")
        await person.until(".state[data-state='speaking']")
        await person.press("Begin again")  # in mid-sentence
        await person.until("[data-shows='face'] video")


async def test_a_voice_has_bars_and_two_pages_their_own_agents(
    browser: Browser, address: str
) -> None:
    async with visit(browser, address) as one, visit(browser, address) as other:
        await asyncio.gather(one.start("voice"), other.start())
        assert await one.page.locator("[data-shows='bars']").count() == 1
        await other.until("[data-shows='face'] video")
        await one.page.keyboard.press("Escape")
        await one.until(".state[data-state='listening']")
        assert await other.page.locator(".state[data-state='speaking']").count() == 1
        await one.page.reload()
        await one.start()
