"""The demo's page in Chromium: what a person sees and hears of the agent."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright
from playwright.async_api import TimeoutError as NeverCameError

from avatar_core.cli.demo.site import is_built
from avatar_core.devserver import DevServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
READY_S = 30.0
LOUD, QUIET = 0.01, 0.002
PROBE = """() => {
    window.probe = window.probe || {context: new AudioContext(), seen: new Map()};
    const {context, seen} = window.probe;
    let loudest = 0;
    for (const element of document.querySelectorAll('audio')) {
        if (!element.srcObject || !element.srcObject.getAudioTracks().length) continue;
        if (!seen.has(element.srcObject)) {
            const analyser = context.createAnalyser();
            context.createMediaStreamSource(element.srcObject).connect(analyser);
            seen.set(element.srcObject, analyser);
        }
        const samples = new Float32Array(2048);
        seen.get(element.srcObject).getFloatTimeDomainData(samples);
        const power = samples.reduce((sum, value) => sum + value * value, 0) / samples.length;
        loudest = Math.max(loudest, Math.sqrt(power));
    }
    return loudest;
}"""
FRAMES = """() => {
    const video = document.querySelector('video');
    return video ? video.getVideoPlaybackQuality().totalVideoFrames : 0;
}"""

pytestmark = [
    pytest.mark.livekit,
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
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield running
        await running.close()


class Visit:
    """A person at the page.

    Attributes:
        page: As Playwright knows it.
        faults: What the console and the page complained of.
        hosts: Whom it asked.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.faults: list[str] = []
        self.hosts: set[str | None] = set()
        page.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda asked: self.hosts.add(urlsplit(asked.url).hostname))
        page.on("websocket", lambda asked: self.hosts.add(urlsplit(asked.url).hostname))

    async def start(self, provider: str = "local") -> None:
        await self.page.get_by_role("button", name="Start").click()
        if provider != "local":
            await self.page.get_by_role("combobox").select_option(provider)
            await self.page.get_by_role("button", name="Switch provider").click()
        await self.until(f"[data-provider='{provider}'][data-state='speaking']")

    async def until(self, selector: str, timeout_s: float = 20.0) -> None:
        try:
            await self.page.wait_for_selector(selector, timeout=1000 * timeout_s)
        except NeverCameError as error:
            shows = await self.page.locator("main").inner_text()
            raise AssertionError(f"{selector} never came; the page shows:\n{shows}") from error

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def measure(self, script: str) -> float:
        return float(await self.page.evaluate(script))

    async def hears(self, is_so: Callable[[float], bool], within_s: float) -> None:
        await self.comes(lambda: self.measure(PROBE), is_so, within_s)

    async def comes(
        self, read: Callable[[], Awaitable[Any]], is_so: Callable[[Any], bool], within_s: float
    ) -> None:
        async with asyncio.timeout(within_s):
            while not is_so(await read()):
                await self.page.wait_for_timeout(20)


@asynccontextmanager
async def visit(browser: Browser, address: str) -> AsyncIterator[Visit]:
    context = await browser.new_context()
    visitor = Visit(await context.new_page())
    try:
        await visitor.page.goto(address)
        yield visitor
        assert not visitor.faults
        assert visitor.hosts <= {"127.0.0.1", "localhost"}
    finally:
        await context.close()


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
        await person.hears(lambda level: level > LOUD, 2.0)
        caption = person.page.locator(".caption")
        await person.comes(caption.inner_text, lambda text: "If my avatar dies" in text, 5.0)

        box = person.page.get_by_label("Say something to the agent")
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
