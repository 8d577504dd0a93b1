"""A person at the demo's page, in Debian's Chromium."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as NeverCameError

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
WITHOUT_CHROMIUM = not CHROMIUM and not os.environ.get("CI")
GET_CHROMIUM = "needs Chromium: apt-get install --no-install-recommends chromium"
BOX = "Say something to the agent"
ARGUMENTS = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
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

FOCUS = "() => document.activeElement.ariaLabel || document.activeElement.textContent"


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

    async def is_sent_to(self, url: str, token: str) -> None:
        """The next start leads into that room, whatever the demo would do."""
        session = {"url": url, "token": token, "provider": "local"}
        await self.page.route("**/api/session", lambda asked: asked.fulfill(json=session))

    async def until(self, selector: str, timeout_s: float = 20.0) -> None:
        try:
            await self.page.wait_for_selector(selector, timeout=1000 * timeout_s)
        except NeverCameError as error:
            shows = await self.page.locator("main").inner_text()
            raise AssertionError(f"{selector} never came; the page shows:\n{shows}") from error

    async def press(self, name: str) -> None:
        await self.page.get_by_role("button", name=name).click()

    async def focus(self) -> str:
        """The name of what has it."""
        return str(await self.page.evaluate(FOCUS))

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
