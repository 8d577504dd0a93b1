"""Kills the avatar's worker in the middle of a word, many times in one conversation.

python -m tests.long.kill_workers 20 [stock]
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import statistics
import sys

from avatar_provider_mock import MockSettings

from avatar_core.contracts.events import AvatarJoined
from avatar_core.settings import AvatarSettings
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.server import DevServer
from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.live_conversation import LiveConversation

SPOKEN_WORDS = VOCABULARY[:12]
KILLED_WORD = 4
BACK_S = 30.0


async def kill_workers(count: int, scenario: str) -> bool:
    """Kill the worker several times, and print a line for each kill.

    Args:
        count: The number of kills.
        scenario: The faults of every worker, as text.

    Returns:
        Whether no word was lost.
    """
    provider = MockSettings(width=128, height=128, scenario=scenario)
    settings = AvatarSettings(retries=count + 10)
    silences_s: list[float] = []
    good = True
    async with (
        DevServer.start() as server,
        LiveConversation(server, provider, settings=settings) as conversation,
    ):
        for number in range(1, count + 1):
            dead = conversation.avatar.avatar_identity
            turn = conversation.say(SPOKEN_WORDS)
            conversation.meter.partly_heard.clear()
            await conversation.wait_for_word(SPOKEN_WORDS[KILLED_WORD])
            os.kill(conversation.worker().pid, signal.SIGKILL)
            await turn.handle
            await conversation.wait_for_silence()
            heard = [word for word in conversation.heard() if word.start_s >= turn.said_at]
            starts_s = sorted(word.start_s for word in heard)
            silences_s.append(max(b - a for a, b in itertools.pairwise(starts_s)))
            shares = dict.fromkeys(SPOKEN_WORDS, 0.0)
            for word in heard:
                shares[word.word] = shares.get(word.word, 0.0) + word.share
            lost = [word for word, share in shares.items() if share < LEAST_SHARE]
            async with asyncio.timeout(BACK_S):
                await conversation.avatar.wait_for_join()
            back = conversation.avatar.avatar_identity not in ("", dead)
            good = good and back and not lost
            print(f"kill {number}: silence {silences_s[-1]:.2f} s, lost {lost}, back {back}")
        joined = sum(isinstance(event, AvatarJoined) for _, event in conversation.log)
    print(
        f"{count} kills: {joined} avatars joined, "
        f"longest silence: median {statistics.median(silences_s):.2f} s, "
        f"most {max(silences_s):.2f} s"
    )
    return good and joined == count + 1


def main() -> None:
    """Run with the number of kills, and with a stock worker if the second argument says so."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    scenario = "stock=1" if "stock" in sys.argv[2:] else ""
    sys.exit(0 if asyncio.run(kill_workers(count, scenario)) else 1)


if __name__ == "__main__":
    main()
