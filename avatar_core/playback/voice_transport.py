"""The agent's own voice: a road that is opened at first need, and closed once an avatar speaks."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.clock import PLAYOUT_TAIL_S
from avatar_core.contracts.errors import RoadError
from avatar_core.contracts.link import RoomLink
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.transport import Road
from avatar_core.playback.voice import VOICE_FORMAT, VoiceSink
from avatar_core.provisioning.release import Releaser

VOICE = "voice"
RUN_AHEAD_S = 0.2


class Voice:
    """Publishes the agent's track as often as it is needed.

    Args:
        link: The agent's place in the room.
        releaser: Runs what takes it back.

    Attributes:
        road: While it is open.
        opening: While it is being published.
    """

    def __init__(self, link: RoomLink, releaser: Releaser) -> None:
        self._link = link
        self._releaser = releaser
        self._shut = False
        self.road: Road | None = None
        self.opening: asyncio.Task[Road] | None = None

    async def open(self) -> Road:
        """The road; whoever asks while it is being published gets the same.

        Raises:
            RoadError: It cannot be published, or the session is closed.
        """
        if self.road is not None:
            return self.road
        if self._shut:
            raise RoadError("the session is closed.")
        if self.opening is None:
            self.opening = asyncio.create_task(self._publish(), name="voice-open")
        return await asyncio.shield(self.opening)

    def close(self) -> None:
        """Take the track back; the next need publishes it anew."""
        road, self.road = self.road, None
        if road is not None:
            self._releaser.begin(road.tracker.aclose(), "voice-untrack")
            self._releaser.begin(road.sink.aclose(), "voice-close")

    def shut(self) -> None:
        """Close for good."""
        self._shut = True
        self.close()
        if self.opening is not None:
            self.opening.cancel()

    async def _publish(self) -> Road:
        sink = VoiceSink(self._link)
        try:
            await sink.open()
        except RoadError as error:
            raise RoadError(f"the agent's own voice cannot be published: {error}") from error
        except asyncio.CancelledError:
            self._releaser.begin(sink.aclose(), "voice-close")
            raise
        finally:
            self.opening = None
        tracker = ClockTracker(
            sink.played_s, cut=sink.was_cut, source="exact", tail_s=PLAYOUT_TAIL_S
        )
        self.road = Road(
            provider=VOICE,
            sink=sink,
            tracker=tracker,
            format=VOICE_FORMAT,
            run_ahead_s=RUN_AHEAD_S,
        )
        return self.road
