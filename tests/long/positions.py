"""Measures the positions at interruptions of a vendor's worker, on a real livekit-server.

python -m tests.long.positions N

For each delay of the worker, the script interrupts N turns at random times later than 0.6 s after
the first sound. It compares the position of the event `playback_finished` with the end of the last
sound that the listener heard. Exits with status 1 if a limit is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import statistics
import sys
from contextlib import suppress

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.testing.audio.tones import TONE_S, VOCABULARY, WORD_S
from avatar_core.testing.fake_vendor.faults import VendorFault
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import LiveConversation
from tests.long.vendor_faults import percentile

DELAYS_S = 0.2, 1.0, 3.0
INTERRUPTED_S = 0.6, 6.0
"""Seconds from the first sound to an interruption."""
MEDIAN_S, P95_S = 0.06, 0.12
TURN_S, QUIET_S, HEARD_S = 30.0, 0.8, 8.0


async def measure_turn(conversation: LiveConversation, dice: random.Random) -> float:
    """Interrupt one turn, and compare its positions.

    Args:
        conversation: The conversation.
        dice: A random generator.

    Returns:
        The reported position minus the heard position, in seconds.
    """
    spoken = dice.sample(VOCABULARY, len(VOCABULARY))
    meter = conversation.meter
    meter.restart()
    async with asyncio.timeout(TURN_S):
        turn = conversation.say(spoken)
        await meter.wait_for_sound()
        await asyncio.sleep(dice.uniform(*INTERRUPTED_S))
        turn.handle.interrupt()
        await turn.handle
    reported_s = conversation.counts.finished[-1].playback_position
    with suppress(TimeoutError):
        async with asyncio.timeout(HEARD_S):
            await meter.wait_for_silence(QUIET_S)
    last = max(meter.decode(), key=lambda word: word.end_s)
    start_s = spoken.index(last.word) * WORD_S
    heard_s = start_s + min(last.end_s - last.start_s, TONE_S)
    if last.end_s - last.start_s >= TONE_S - 0.02:  # the pause after the word may have been heard
        return reported_s - min(max(reported_s, heard_s), start_s + WORD_S)
    return reported_s - heard_s


async def run(count: int, seed: int) -> bool:
    """Measure interruptions for each delay.

    Args:
        count: The number of interruptions for each delay.
        seed: The seed of the turns.

    Returns:
        Whether all limits hold.
    """
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    LiveConversation.owns_children = False  # the simulator starts the workers
    dice, good = random.Random(seed), True
    print("delay (s) | median | p95 | least | most (ms) | avatars lost")
    async with DevServer.start() as server, serving(simulator, say=lambda _: None) as address:
        settings = TavusSettings(api_url=address, api_key=SecretStr(KEY))
        for delay_s in DELAYS_S:
            simulator.fail(VendorFault(worker=Scenario.parse(f"playout_delay_s={delay_s}")))
            conversation = LiveConversation(server, settings)
            async with conversation:
                await conversation.wait_until_listener_is_visible()
                errors_s = [await measure_turn(conversation, dice) for _ in range(count)]
                lost = len(conversation.errors)
            sizes_s = [abs(error_s) for error_s in errors_s]
            median_s, p95_s = statistics.median(sizes_s), percentile(sizes_s)
            good = good and not lost and median_s <= MEDIAN_S and p95_s <= P95_S
            figures_ms = (median_s, p95_s, min(errors_s), max(errors_s))
            cells = " | ".join(f"{1000 * figure_s:6.0f}" for figure_s in figures_ms)
            print(f"{delay_s:9.1f} | {cells} | {lost}", flush=True)
            print("   ", " ".join(f"{1000 * error_s:.0f}" for error_s in errors_s), flush=True)
    return good


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("count", type=int, help="interruptions for each delay")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    sys.exit(0 if asyncio.run(run(arguments.count, arguments.seed)) else 1)


if __name__ == "__main__":
    main()
