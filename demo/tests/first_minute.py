"""Measures the seconds from `make demo` in a clone until the page shows a face that speaks.

    python -m demo.tests.first_minute FOLDER [SCREENSHOTS]

With a folder for SCREENSHOTS it also saves pictures of the page: at the start, while the agent
speaks, interrupted, listening, after the avatar was killed, after a restart, in the dark theme,
and at the width of a phone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from playwright.async_api import async_playwright

from demo.tests.visitor import ARGUMENTS, CHROMIUM, FRAMES, LOUD, visit

BUILD_S = 1200.0


async def main(folder: Path, screenshots: Path | None) -> None:
    """Run `make demo` once, and print each line of its output with the time."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        started_at = time.monotonic()
        demo = await asyncio.create_subprocess_exec(
            "make",
            "demo",
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(BUILD_S):
                address = await _read_url(demo, started_at)
            async with visit(browser, address) as visitor:

                async def save_screenshot(name: str) -> None:
                    if screenshots is not None:
                        await visitor.page.screenshot(path=screenshots / f"{name}.png")

                await save_screenshot("1-start")
                await visitor.start()
                await visitor.wait_for("[data-shows='face'] video")
                seen = await visitor.measure(FRAMES)
                await visitor.wait_for_level(lambda level: level > LOUD, 5.0)
                await visitor.wait_until(
                    lambda: visitor.measure(FRAMES), lambda now: now > seen, 5.0
                )
                print(f"{time.monotonic() - started_at:6.1f} s  a face speaks")
                await visitor.page.wait_for_timeout(1500)
                await save_screenshot("2-speaking")
                await visitor.page.keyboard.press("Escape")
                await visitor.wait_for(".caption[data-interrupted='true']")
                await save_screenshot("3-interrupted")
                await visitor.page.wait_for_timeout(2000)
                await save_screenshot("4-listening")
                await visitor.press("What happens when your avatar dies?")
                await visitor.wait_for(".state[data-state='speaking']")
                await visitor.page.wait_for_timeout(1500)
                await visitor.press("Kill the avatar")
                await visitor.wait_for("[data-shows='bars']")
                for number in range(3):
                    await visitor.page.wait_for_timeout(300)
                    await save_screenshot(f"5-killed-{number}")
                await visitor.press("Restart")
                await visitor.wait_for("[data-shows='face'] video")
                await visitor.wait_for(".state[data-state='speaking']")
                await visitor.page.wait_for_timeout(1500)
                await save_screenshot("6-back")
                await visitor.page.get_by_role("button", name="Dark theme").click()
                await save_screenshot("7-dark")
                await visitor.page.set_viewport_size({"width": 390, "height": 844})
                await visitor.page.wait_for_timeout(500)
                await save_screenshot("8-phone")
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            await demo.communicate()
            await browser.close()


async def _read_url(demo: asyncio.subprocess.Process, started_at: float) -> str:
    assert demo.stdout is not None
    async for line in demo.stdout:
        print(f"{time.monotonic() - started_at:6.1f} s  {line.decode().rstrip()}", flush=True)
        if urls := [part for part in line.decode().split() if part.startswith("http://")]:
            return urls[0]
    raise SystemExit("The demo ended before it printed the URL of its page.")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
