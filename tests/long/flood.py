"""A user floods the agent and the worker with reliable packets, while the agent speaks.

python -m tests.long.flood [packets a second] [bytes] [seconds]
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.events import AvatarFailed, AvatarJoined, AvatarState
from avatar_core.testing.audio.tones import VOCABULARY
from avatar_core.testing.server import DevServer
from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.live_conversation import LiveConversation
from tests.livekit.live_room import SMALL

FLOOD_HZ, FLOOD_BYTES, FLOOD_S = 150.0, 14_000, 10.0
BACK_S = 30.0


async def flood(conversation: LiveConversation, rate_hz: float, size: int) -> None:
    """Send packets to the agent and the worker until cancelled.

    Args:
        conversation: The conversation.
        rate_hz: Packets per second.
        size: Bytes of a packet.
    """
    payload = bytes(size)
    while True:
        to = ["agent", conversation.avatar.avatar_identity or "agent"]
        with contextlib.suppress(RoomError):
            await conversation.listener.link.send("noise", payload, to=to, reliable=True)
        await asyncio.sleep(1 / rate_hz)


async def run(rate_hz: float, size: int, duration_s: float) -> bool:
    """Speak during a flood, and print the result.

    Args:
        rate_hz: Packets per second.
        size: Bytes of a packet.
        duration_s: Seconds of the flood.

    Returns:
        Whether no word was lost.
    """
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append  # type: ignore[method-assign]
    logging.getLogger("avatar_core").addHandler(handler)
    async with DevServer.start() as server, LiveConversation(server, SMALL) as conversation:
        flooding = asyncio.create_task(flood(conversation, rate_hz, size))
        loop = asyncio.get_running_loop()
        until, turns, lost = loop.time() + duration_s, 0, 0
        while loop.time() < until:
            turn = conversation.say(VOCABULARY[:12])
            turns += 1
            await turn.handle
            await conversation.wait_for_silence()
            shares = {word: 0.0 for word in turn.spoken_words}  # noqa: C420
            for word in conversation.heard():
                if word.start_s >= turn.said_at:
                    shares[word.word] = shares.get(word.word, 0.0) + word.share
            lost += sum(share < LEAST_SHARE for share in shares.values())
        flooding.cancel()
        await conversation.avatar.wait_for_join(timeout=BACK_S)
        events = [event for _, event in conversation.log]
        failures = sum(isinstance(event, AvatarFailed) for event in events)
        joins = sum(isinstance(event, AvatarJoined) for event in events)
        state = conversation.avatar.state
        print(
            f"{rate_hz:g} packets/s of {size} bytes: {turns} turns, {lost} words lost, "
            f"{failures} losses of the avatar, {joins} joins, {len(records)} log lines, "
            f"state {state.value}"
        )
        return lost == 0 and state is AvatarState.LIVE


def main() -> None:
    """Run with the arguments of the command line."""
    numbers = [float(argument) for argument in sys.argv[1:4]]
    rate_hz, size, duration_s = [*numbers, *(FLOOD_HZ, FLOOD_BYTES, FLOOD_S)[len(numbers) :]]
    sys.exit(0 if asyncio.run(run(rate_hz, int(size), duration_s)) else 1)


if __name__ == "__main__":
    main()
