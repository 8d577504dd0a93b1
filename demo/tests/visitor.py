"""A visitor of the demo's page, in the Chromium of Debian."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
WITHOUT_CHROMIUM = not CHROMIUM and not os.environ.get("CI")
GET_CHROMIUM = "Chromium is missing: apt-get install --no-install-recommends chromium"
BOX = "Type a message to the agent"
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


class Visitor:
    """A visitor of the page.

    Args:
        page: The page in Playwright.

    Attributes:
        page: The page in Playwright.
        errors: Errors of the page and its console.
        hosts: The hosts that the page sent requests to.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.hosts: set[str | None] = set()
        page.on(
            "console", lambda message: message.type == "error" and self.errors.append(message.text)
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.hosts.add(urlsplit(request.url).hostname))
        page.on("websocket", lambda request: self.hosts.add(urlsplit(request.url).hostname))

    async def start(self, provider: str = "local") -> None:
        """Start a conversation, and wait until the agent speaks."""
        await self.page.get_by_role("button", name="Start").click()
        if provider != "local":
            await self.page.get_by_role("combobox").select_option(provider)
            await self.page.get_by_role("button", name="Switch provider").click()
        await self.wait_for(f"[data-provider='{provider}'][data-state='speaking']")

    async def redirect_session_to(self, url: str, token: str) -> None:
        """Let the next start join the room of `token` instead of a new one."""
        session = {"url": url, "token": token, "provider": "local"}
        await self.page.route("**/api/session", lambda route: route.fulfill(json=session))

    async def wait_for(self, selector: str, timeout_s: float = 20.0) -> None:
        """Wait until an element matches a CSS selector."""
        try:
            await self.page.wait_for_selector(selector, timeout=1000 * timeout_s)
        except PlaywrightTimeoutError as error:
            text = await self.page.locator("main").inner_text()
            raise AssertionError(f"no element {selector}; the page shows:\n{text}") from error

    async def press(self, name: str) -> None:
        """Click the button with this name."""
        await self.page.get_by_role("button", name=name).click()

    async def focus(self) -> str:
        """Return the name of the element that has the keyboard focus."""
        return str(await self.page.evaluate(FOCUS))

    async def measure(self, script: str) -> float:
        """Return the number that a JavaScript function returns in the page."""
        return float(await self.page.evaluate(script))

    async def wait_for_level(self, matches: Callable[[float], bool], within_s: float) -> None:
        """Wait until the root mean square of the audio (0 to 1) matches."""
        await self.wait_until(lambda: self.measure(PROBE), matches, within_s)

    async def wait_until(
        self, read: Callable[[], Awaitable[Any]], matches: Callable[[Any], bool], within_s: float
    ) -> None:
        """Wait until a value that is read again and again matches."""
        async with asyncio.timeout(within_s):
            while not matches(await read()):
                await self.page.wait_for_timeout(20)


@asynccontextmanager
async def visit(browser: Browser, address: str) -> AsyncIterator[Visitor]:
    """Open the page, and check at the end that it raised no error and used only loopback."""
    context = await browser.new_context()
    visitor = Visitor(await context.new_page())
    try:
        await visitor.page.goto(address)
        yield visitor
        assert not visitor.errors
        assert visitor.hosts <= {"127.0.0.1", "localhost"}
    finally:
        await context.close()
