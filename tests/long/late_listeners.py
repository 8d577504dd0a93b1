"""A user joins or subscribes late; prints how many of twelve words the user heard.

python -m tests.long.late_listeners
"""

from __future__ import annotations

import asyncio
import sys

from avatar_provider_local import LocalSettings
from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.registry.selection import Item
from avatar_core.testing.server import DevServer
from tests.livekit.late_listener import LateListenerConversation, LateSubscriberConversation
from tests.livekit.live_conversation import SPOKEN_WORDS, LiveConversation
from tests.livekit.live_room import SMALL

LATE_S = (0.0, 0.5, 1.0, 2.0, 6.0)
TURN_S = 40.0


async def run() -> bool:
    """Run each provider with each delay.

    Returns:
        Whether every user heard every word.
    """
    simulator = Simulator(face=FLASH, create_s=0.3, join_s=0.5)
    good = True
    LiveConversation.owns_children = False  # the simulator starts workers too
    async with (
        DevServer.start() as server,
        serving(simulator, say=lambda _: None) as address,
    ):
        tavus = TavusSettings(api_url=f"{address}", api_key=SecretStr(KEY))
        providers: dict[str, Item] = {
            "voice": "voice",
            "mock": SMALL,
            "local": LocalSettings(width=160, height=160),
            "tavus, simulated": tavus,
        }
        for name, provider in providers.items():
            counts = []
            for late_s in LATE_S:
                late = LateListenerConversation(server, provider, wait_for_join=False)
                async with asyncio.timeout(TURN_S), late:
                    counts.append(await late.listen_late(late_s))
            subscriber = LateSubscriberConversation(server, provider, wait_for_join=False)
            async with asyncio.timeout(TURN_S), subscriber:
                counts.append(await subscriber.count_spoken_words())
            good = good and set(counts) == {len(SPOKEN_WORDS)}
            print(f"{name:18} joins after {LATE_S} s, subscribes late: {counts}", flush=True)
    return good


def main() -> None:
    """Run, and exit with status 1 if a word was lost."""
    sys.exit(0 if asyncio.run(run()) else 1)


if __name__ == "__main__":
    main()
