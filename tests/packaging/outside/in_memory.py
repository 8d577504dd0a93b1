"""Speaks in a room in memory through what AVATAR_PROVIDER says; prints what was heard."""

from __future__ import annotations

import json

from avatar_core import create_avatar
from avatar_core.testing import clock as vtime
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.room.context import IN_MEMORY


async def main() -> dict[str, object]:
    """One turn in full, one interrupted at its fifth word."""
    async with Conversation(create_avatar(livekit=IN_MEMORY)) as talk:
        await talk.avatar.wait_for_join()
        provider = talk.avatar.provider
        whole = await talk.over(talk.say(12))
        cut = talk.say(12)
        await talk.interrupt_at(cut, 4)
        await talk.over(cut)
        return {
            "provider": provider,
            "faults": talk.faults(),
            "heard": [word.word for word in whole.heard],
            "cut": [word.word for word in cut.heard],
        }


print(json.dumps(vtime.run(main())))
