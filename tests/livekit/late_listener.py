"""A conversation whose user joins late, or subscribes late, after the agent began to speak."""

from __future__ import annotations

import asyncio

from livekit import rtc

from avatar_core.rtc.join import join
from avatar_core.testing.listener import Listener
from avatar_core.testing.server.tokens import create_token
from avatar_core.testing.turn import LEAST_SHARE
from tests.livekit.live_conversation import SPOKEN_WORDS, LiveConversation


class CountingConversation(LiveConversation):
    """A conversation that counts the words that its user heard."""

    def count_heard(self) -> int:
        """Return the number of different words of which the user heard most."""
        return sum(share >= LEAST_SHARE for share in self.meter.shares().values())


class LateListenerConversation(CountingConversation):
    """A conversation that the user joins only when the test asks for it."""

    async def join_listener(self) -> None:
        """Do nothing yet."""

    async def listen_late(self, late_s: float) -> int:
        """Let the agent say `SPOKEN_WORDS`; the user joins later.

        Args:
            late_s: Seconds after the agent began to say the words.

        Returns:
            The number of words that the user heard.
        """
        turn = self.say(SPOKEN_WORDS)
        await asyncio.sleep(late_s)
        await LiveConversation.join_listener(self)
        await turn.handle
        await self.wait_for_silence()
        return self.count_heard()


class LateSubscriberConversation(CountingConversation):
    """A conversation whose user is in the room from the start, but subscribes to each track late.

    Attributes:
        late_s: Seconds from the publication of a track to the subscription.
    """

    late_s = 1.5

    async def join_listener(self) -> None:
        """Let the user join, who subscribes to each track late."""
        token = create_token(self.server, self.room_name, "user")
        link = await join(self.server.url, token, subscribe=False)
        loop = asyncio.get_running_loop()

        def subscribe_late(publication: rtc.RemoteTrackPublication, *_: object) -> None:
            """Subscribe to the track after `late_s`."""
            loop.call_later(self.late_s, publication.set_subscribed, True)

        link.room.on("track_published", subscribe_late)
        self.listener = Listener(link, self.meter.add)

    async def count_spoken_words(self) -> int:
        """Return the number of `SPOKEN_WORDS` that the user heard of the agent."""
        turn = self.say(SPOKEN_WORDS)
        await turn.handle
        await self.wait_for_silence()
        return self.count_heard()
