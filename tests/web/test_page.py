"""The demo's page in Chromium: what a person sees and hears of the agent."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from livekit import api, rtc
from playwright.async_api import Browser, async_playwright

from avatar_core.cli.demo import stage
from avatar_core.cli.demo.answers import GREETING
from avatar_core.cli.demo.site import is_built
from avatar_core.devserver import DevServer
from tests.web.visit import ARGUMENTS, CHROMIUM, FRAMES, LOUD, PROBE, QUIET, visit

READY_S = 30.0
COMPOSING = """() => document.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', {key: 'Escape', isComposing: true, bubbles: true})
)"""
BOX = "Say something to the agent"
GONE = "The agent is gone. Begin again."

pytestmark = [
    pytest.mark.livekit,
    pytest.mark.alone,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(
        not CHROMIUM and not os.environ.get("CI"),
        reason="needs Chromium: apt-get install --no-install-recommends chromium",
    ),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(server: DevServer) -> AsyncIterator[str]:
    """Of the page, served by the demo itself."""
    assert is_built(), "tools/setup.sh test builds it; .venv/page.log says why it did not"
    variables = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "AVATAR_PROVIDER": "local",
        "AVATAR_MOCK_WIDTH": "wide",  # cannot be used
    }
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from avatar_core.cli import app; app()", "demo", "--no-open"),
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
    )
    assert demo.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            async for line in demo.stdout:
                if found := [word for word in line.decode().split() if word.startswith("http://")]:
                    break
        yield found[0]
    finally:
        demo.terminate()
        await demo.communicate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()


def agent_token(server: DevServer, room: str) -> str:
    """Of one that LiveKit takes for an agent, and that does nothing."""
    return (
        api.AccessToken(server.api_key, server.api_secret)
        .with_identity("agent")
        .with_kind("agent")
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )


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


async def test_an_agent_that_goes_is_told(
    browser: Browser, address: str, server: DevServer
) -> None:
    room = f"page-{secrets.token_hex(4)}"
    agent = rtc.Room()
    await agent.connect(server.url, agent_token(server, room))
    async with visit(browser, address) as person:
        await person.is_sent_to(server.url, stage.person_token(server, room))
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
