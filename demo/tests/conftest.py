"""Fixtures: the page, served by the demo, and a browser."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest_asyncio
from avatar_demo.web_server import is_built
from playwright.async_api import Browser, async_playwright

from avatar_core.testing.server import DevServer
from demo.tests.visitor import ARGUMENTS, CHROMIUM

READY_S = 30.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(server: DevServer) -> AsyncIterator[str]:
    """The URL of the page, served by a demo that runs while the tests of a module run."""
    assert is_built(), "the page is not built: run tools/setup.sh test, and read .venv/page.log"
    variables = {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
        "AVATAR_PROVIDER": "local",
        "AVATAR_MOCK_WIDTH": "wide",  # invalid, so that the provider mock cannot be used
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
                if urls := [part for part in line.decode().split() if part.startswith("http://")]:
                    break
        yield urls[0]
    finally:
        demo.terminate()
        await demo.communicate()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A headless Chromium, which the tests of a module share."""
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield running
        await running.close()
