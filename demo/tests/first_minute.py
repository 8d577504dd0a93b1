"""What a newcomer waits for: `make demo` in a clone, until its page shows a face that speaks.

    python -m demo.tests.first_minute FOLDER [PICTURES]

Times are seconds from the command. With a folder for PICTURES the page is photographed on
the way: listening, speaking, interrupted, killed, back, at phone width, in the dark.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

from playwright.async_api import async_playwright

from demo.tests.visit import ARGUMENTS, CHROMIUM, FRAMES, LOUD, visit

BUILD_S = 1200.0


async def main(folder: Path, pictures: Path | None) -> None:
    """Run it once and print the times."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        began = time.monotonic()
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
                address = await _address(demo, began)
            async with visit(browser, address) as person:

                async def shoot(name: str) -> None:
                    if pictures is not None:
                        await person.page.screenshot(path=pictures / f"{name}.png")

                await shoot("1-start")
                await person.start()
                await person.until("[data-shows='face'] video")
                seen = await person.measure(FRAMES)
                await person.hears(lambda level: level > LOUD, 5.0)
                await person.comes(lambda: person.measure(FRAMES), lambda now: now > seen, 5.0)
                print(f"{time.monotonic() - began:6.1f} s  a face speaks")
                await person.page.wait_for_timeout(1500)
                await shoot("2-speaking")
                await person.page.keyboard.press("Escape")
                await person.until(".caption[data-cut='true']")
                await shoot("3-interrupted")
                await person.page.wait_for_timeout(2000)
                await shoot("4-listening")
                await person.press("What happens when your avatar dies?")
                await person.until(".state[data-state='speaking']")
                await person.page.wait_for_timeout(1500)
                await person.press("Kill the avatar")
                await person.until("[data-shows='bars']")
                for number in range(3):
                    await person.page.wait_for_timeout(300)
                    await shoot(f"5-killed-{number}")
                await person.press("Begin again")
                await person.until("[data-shows='face'] video")
                await person.until(".state[data-state='speaking']")
                await person.page.wait_for_timeout(1500)
                await shoot("6-back")
                await person.page.get_by_role("button", name="Dark").click()
                await shoot("7-dark")
                await person.page.set_viewport_size({"width": 390, "height": 844})
                await person.page.wait_for_timeout(500)
                await shoot("8-phone")
        finally:
            os.killpg(demo.pid, signal.SIGINT)
            await demo.communicate()
            await browser.close()


async def _address(demo: asyncio.subprocess.Process, began: float) -> str:
    assert demo.stdout is not None
    async for line in demo.stdout:
        print(f"{time.monotonic() - began:6.1f} s  {line.decode().rstrip()}", flush=True)
        if found := [word for word in line.decode().split() if word.startswith("http://")]:
            return found[0]
    raise SystemExit("The demo ended before it had a page.")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None))
