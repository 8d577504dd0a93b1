"""Measures the CPU time of the monitor in the agent's process, on a real livekit-server.

python -m tests.long.monitor_cpu SECONDS [--repeat N]

The same conversation takes place with AVATAR_MONITOR=auto and off, in turn. The listener is another
process. Exits with status 1 if the difference of the medians is more than 3 % of a core while the
agent speaks, or more than 1 % while it is silent.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import statistics
import sys
import time
from collections.abc import Awaitable
from typing import Literal

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.rtc.join import join
from avatar_core.settings import AvatarSettings
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.turns import frames
from tests.support.voices import RATE_HZ, install_hint, missing_voices, speak

SPEAKING, IDLE = 0.03, 0.01
"""The largest shares of a core."""
FIRST_S = 3.0
"""Seconds of speech before the measurement, and of silence after it."""

Setting = Literal["auto", "off"]


class QuietConversation(LiveConversation):
    """A conversation whose listener is a process of its own."""

    async def join_listener(self) -> None:
        """Start the process of the listener."""
        token = create_token(self.server, self.room_name, "user")
        context = multiprocessing.get_context("spawn")
        self._user = context.Process(target=listen, args=(self.server.url, token), daemon=True)
        self._user.start()

    async def stop_listener(self) -> None:
        """End the process of the listener."""
        self._user.terminate()
        await asyncio.to_thread(self._user.join)


def listen(url: str, token: str) -> None:
    """Subscribe to all tracks of a room until this process ends.

    Args:
        url: The URL of the livekit-server.
        token: A room token.
    """

    async def stay() -> None:
        """Join the room and wait."""
        link = await join(url, token, subscribe=True)
        try:
            await asyncio.Event().wait()
        finally:
            await link.aclose()

    asyncio.run(stay())


async def measure(
    server: DevServer, provider: TavusSettings, duration_s: float, monitor: Setting
) -> tuple[float, float]:
    """Measure the CPU time of an agent as a share of a core.

    Args:
        server: The livekit-server.
        provider: The settings of the provider.
        duration_s: Seconds of each of the two measurements.
        monitor: The setting `AVATAR_MONITOR`.

    Returns:
        The share while the agent speaks, and the share while it is silent.

    Raises:
        RuntimeError: The avatar was lost.
    """
    settings = AvatarSettings(monitor=monitor)
    conversation = QuietConversation(server, provider, settings=settings)
    async with conversation:
        try:
            await conversation.wait_until_listener_is_visible()
            pcm = speak("english", duration_s + 2 * FIRST_S)
            turn = conversation.say_frames(["speech"], frames(pcm, RATE_HZ))
            await asyncio.sleep(FIRST_S)
            speaking = await count_cpu(asyncio.sleep(duration_s))
            await turn.handle
            await asyncio.sleep(FIRST_S)
            idle = await count_cpu(asyncio.sleep(duration_s))
            if conversation.errors:
                raise RuntimeError(f"The avatar was lost: {conversation.errors}")
            return speaking, idle
        finally:
            await conversation.stop_listener()


async def count_cpu(work: Awaitable[None]) -> float:
    """Return the share of a core that this process uses while `work` runs.

    Args:
        work: The work to wait for.

    Returns:
        The share: 0.1 for 10 % of a core.
    """
    began_cpu_s, began_at = time.process_time(), time.monotonic()
    await work
    return (time.process_time() - began_cpu_s) / (time.monotonic() - began_at)


async def run(duration_s: float, repeat: int) -> bool:
    """Measure both settings several times.

    Args:
        duration_s: Seconds of each measurement.
        repeat: The number of measurements of each setting.

    Returns:
        Whether both limits hold.
    """
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    LiveConversation.owns_children = False  # the simulator starts the workers
    shares: dict[Setting, list[tuple[float, float]]] = {"auto": [], "off": []}
    async with DevServer.start() as server, serving(simulator, say=lambda _: None) as address:
        provider = TavusSettings(api_url=address, api_key=SecretStr(KEY))
        for _ in range(repeat):
            for setting, results in shares.items():
                speaking, idle = await measure(server, provider, duration_s, setting)
                results.append((speaking, idle))
                print(f"{setting}: {speaking:.1%} speaking, {idle:.1%} idle", flush=True)
    speaking, idle = (
        statistics.median(result[at] for result in shares["auto"])
        - statistics.median(result[at] for result in shares["off"])
        for at in (0, 1)
    )
    print(f"The monitor takes {speaking:.1%} of a core while speaking, {idle:.1%} idle.")
    return speaking <= SPEAKING and idle <= IDLE


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("seconds", type=float, help="seconds of speech, and of silence")
    parser.add_argument("--repeat", type=int, default=3)
    arguments = parser.parse_args()
    if missing_voices():
        sys.exit(install_hint())
    logging.getLogger("livekit").setLevel(logging.ERROR)
    sys.exit(0 if asyncio.run(run(arguments.seconds, arguments.repeat)) else 1)


if __name__ == "__main__":
    main()
