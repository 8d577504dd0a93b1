"""Runs 42 cells of the fault matrix on a real livekit-server: fault x phase x kind of worker.

python -m tests.long.server_matrix [--only PATTERN]

In each cell a vendor's worker fails in a turn of 18 words, and the agent then says 8 words. Prints
a line for each cell, and exits with status 1 if a promise is broken.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import sys
from collections.abc import Iterator
from fnmatch import fnmatch

from avatar_provider_tavus import TavusSettings
from avatar_provider_tavus.simulator.server import FLASH, KEY, Simulator, serving
from pydantic import SecretStr

from avatar_core.testing.audio.tones import TONE_S, WORD_S
from avatar_core.testing.server import DevServer
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.vendor_fault_run import (
    FAULT_S,
    FAULT_WORD,
    Measurement,
    VendorCase,
    VendorFaultRun,
)
from tests.matrix.cells import Cell, Kind, Phase
from tests.matrix.faults import FAULTS

FAULT_NAMES = ("kill", "freeze", "mute", "unpublish", "hang", "silence", "stall")
PHASES_S = {
    Phase.FIRST_CHUNK: 0.02,
    Phase.MID_WORD: FAULT_WORD * WORD_S + TONE_S / 2,
    Phase.PAUSE: FAULT_S,
}
"""The phases, and the seconds of speech at which the fault starts in each of them."""
KINDS = (Kind.STOCK, Kind.SILENT_STOCK)
MOST_TWICE = 2
LISTENING_S = 0.3
"""Seconds for which a listener on a busy machine may hear a word late."""
RUN_S = 120.0


def cells() -> Iterator[Cell]:
    """Yield the cells."""
    faults = [fault for fault in FAULTS if fault.name in FAULT_NAMES]
    for fault in faults:
        for phase in PHASES_S:
            for kind in KINDS:
                yield Cell(fault, phase, kind)


def find_breaches(cell: Cell, result: Measurement) -> list[str]:
    """Return the names of the promises that a conversation broke.

    Args:
        cell: The cell.
        result: The measurement of the conversation.
    """
    holds = {
        "words lost": result.lost == 0,
        "words heard twice": result.twice <= MOST_TWICE,
        "history ahead": result.ahead == 0,
        "no event": result.event_s < math.inf,
        "silence": result.silence_s <= cell.longest_silence_s + LISTENING_S,
    }
    return [name for name, is_kept in holds.items() if not is_kept]


async def run(pattern: str) -> bool:
    """Run the cells whose name matches.

    Args:
        pattern: A part of the names of the cells; `*` stands for any text.

    Returns:
        Whether all promises hold.
    """
    simulator = Simulator(face=FLASH, create_s=0.1, join_s=0.1, slots=10)
    LiveConversation.owns_children = False  # the simulator starts the workers
    count = failed = 0
    async with DevServer.start() as server, serving(simulator, say=lambda _: None) as address:
        settings = TavusSettings(api_url=address, api_key=SecretStr(KEY))
        for cell in cells():
            if not fnmatch(str(cell), f"*{pattern}*"):
                continue
            faults = f"by_speech=1,{cell.fault.scenario}".split("_at_s=")[0]
            case = VendorCase(str(cell), f"{faults}_at_s={PHASES_S[cell.phase]}")
            reports = cell.kind is not Kind.SILENT_STOCK
            async with asyncio.timeout(RUN_S):
                talk = VendorFaultRun(server, simulator, settings, case, reports=reports)
                result = await talk.measure()
            breaches = find_breaches(cell, result)
            count, failed = count + 1, failed + bool(breaches)
            print(f"{cell}: {', '.join(breaches) or 'good'} ({result})", flush=True)
    print(f"{count} cells, {failed} failed")
    return not failed


def main() -> None:
    """Run with the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--only", default="*", help="pattern of the names of the cells")
    arguments = parser.parse_args()
    logging.getLogger("livekit").setLevel(logging.ERROR)
    sys.exit(0 if asyncio.run(run(arguments.only)) else 1)


if __name__ == "__main__":
    main()
