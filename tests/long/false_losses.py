"""Counts how often a vendor's worker without a fault is lost, on a real livekit-server.

python -m tests.long.false_losses MINUTES [--relay] [--seed N]

The worker speaks LiveKit's stock protocol. The agent speaks in turns of random length, its TTS
pauses, the user interrupts and mutes, listeners come and leave, and the agent's event loop blocks.
With `--relay`, a relay drops 5 % of all UDP packets and delays the others by 100 ms, in both
directions. Exits with status 1 if an avatar was lost.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
from collections import Counter
from contextlib import ExitStack

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.testing.fake_vendor.faults import VendorFault
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.ports import LOOPBACK
from tests.livekit.disturbances import Disturbances
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.random_turn import RandomTurn, TurnResult
from tests.support.gapped_speech import GappedSpeech, choose_voice
from tests.support.udp_relay import RELAY_IP, UdpRelay
from tests.support.voices import install_hint, missing_voices

LOSS, DELAY_S = 0.05, 0.1
CONVERSATION_S = 150.0
PAUSE_S, LONG_PAUSE_S, LONG_SHARE = (0.2, 3.0), (10.0, 30.0), 0.1
WORKERS = "", "reports_nothing=1"


class Tally:
    """The results of all turns."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, result: TurnResult) -> None:
        """Add the result of a turn.

        Args:
            result: The result.
        """
        self.counts["turns"] += 1
        self.counts["interrupted"] += result.interrupted
        self.counts["counted words"] += result.counted
        self.counts["false losses"] += len(result.failures)
        self.counts["lost"] += len(result.lost)
        self.counts["heard twice"] += len(result.twice)
        self.counts["history ahead"] += len(result.ahead)
        self.counts["not in history"] += len(result.missing)

    def __str__(self) -> str:
        return ", ".join(f"{count} {name}" for name, count in self.counts.items())


async def converse(
    server: DevServer, settings: TavusSettings, dice: random.Random, until: float, tally: Tally
) -> None:
    """Hold one conversation, which ends at a loop time or after a false loss.

    Args:
        server: The livekit-server.
        settings: The settings of the provider.
        dice: A random generator.
        until: The loop time of the end in seconds.
        tally: Receives the result of each turn.
    """
    loop = asyncio.get_running_loop()
    conversation = LiveConversation(server, settings)
    async with conversation:
        await conversation.wait_until_listener_is_visible()
        async with Disturbances(conversation, dice) as disturbances:
            while loop.time() < until:
                voice, said_at = choose_voice(dice), loop.time()
                speech = GappedSpeech.choose(dice, voice)
                result = await RandomTurn(conversation, speech, dice).take()
                tally.add(result)
                if result.failures or result.lost or result.twice or result.ahead:
                    print(f"{voice}, gaps {speech.gaps_s}: {result}")
                    print(f"  disturbances: {disturbances.since(said_at)}")
                if result.failures:
                    for at_s, event in conversation.log:
                        print(f"  {at_s - said_at:.2f} {event}")
                    print(conversation.report(), flush=True)
                    return
                long = dice.random() < LONG_SHARE
                await asyncio.sleep(dice.uniform(*(LONG_PAUSE_S if long else PAUSE_S)))


async def run(duration_s: float, seed: int, *, relay: bool) -> bool:
    """Hold conversations.

    Args:
        duration_s: Seconds to run.
        seed: The seed of the turns.
        relay: Whether the packets pass through a relay that loses some of them.

    Returns:
        Whether no avatar was lost.
    """
    dice, tally, loop = random.Random(seed), Tally(), asyncio.get_running_loop()
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    LiveConversation.owns_children = False  # the simulator starts the workers
    ends_at, conversations = loop.time() + duration_s, 0
    with ExitStack() as stack:
        async with (
            DevServer.start(media_ip=RELAY_IP if relay else LOOPBACK) as server,
            serving(simulator, say=lambda _: None) as address,
        ):
            if relay:
                stack.enter_context(UdpRelay(server.udp_port, loss=LOSS, delay_s=DELAY_S))
            settings = TavusSettings(api_url=address, api_key=SecretStr(KEY))
            while loop.time() < ends_at:
                worker = WORKERS[conversations % len(WORKERS)]
                conversations += 1
                simulator.fail(VendorFault(worker=Scenario.parse(worker)))
                until = min(ends_at, loop.time() + CONVERSATION_S)
                await converse(server, settings, dice, until, tally)
                print(f"{duration_s - ends_at + loop.time():.0f} s, {worker}: {tally}", flush=True)
    return tally.counts["false losses"] == 0


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("minutes", type=float)
    parser.add_argument("--relay", action="store_true", help="drop and delay packets")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if missing_voices():
        sys.exit(install_hint())
    logging.getLogger("livekit").setLevel(logging.ERROR)
    good = asyncio.run(run(60 * arguments.minutes, arguments.seed, relay=arguments.relay))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
