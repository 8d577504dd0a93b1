"""The agent's own voice: opened when it is needed, closed once an avatar speaks."""

from __future__ import annotations

import asyncio

from avatar_core.contracts.clock import PLAYOUT_TAIL_S
from avatar_core.contracts.errors import TransportError
from avatar_core.contracts.link import RoomLink
from avatar_core.playback.clock_tracker import ClockTracker
from avatar_core.playback.transport import Transport
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
        transport: While it is open.
        opening: While it is being published.
    """

    def __init__(self, link: RoomLink, releaser: Releaser) -> None:
        self._link = link
        self._releaser = releaser
        self._shut = False
        self.transport: Transport | None = None
        self.opening: asyncio.Task[Transport] | None = None

    async def open(self) -> Transport:
        """The transport; whoever asks while it is being published gets the same.

        Raises:
            TransportError: It cannot be published, or the session is closed.
        """
        if self.transport is not None:
            return self.transport
        if self._shut:
            raise TransportError("the session is closed.")
        if self.opening is None:
            self.opening = asyncio.create_task(self._publish(), name="voice-open")
        return await asyncio.shield(self.opening)

    def close(self) -> None:
        """Take the track back; the next need publishes it anew."""
        transport, self.transport = self.transport, None
        if transport is not None:
            self._releaser.begin(transport.tracker.aclose(), "voice-untrack")
            self._releaser.begin(transport.sink.aclose(), "voice-close")

    def shut(self) -> None:
        """Close for good."""
        self._shut = True
        self.close()
        if self.opening is not None:
            self.opening.cancel()

    async def _publish(self) -> Transport:
        sink = VoiceSink(self._link)
        try:
            await sink.open()
        except TransportError as error:
            raise TransportError(f"the agent's own voice cannot be published: {error}") from error
        except asyncio.CancelledError:
            self._releaser.begin(sink.aclose(), "voice-close")
            raise
        finally:
            self.opening = None
        tracker = ClockTracker(
            sink.played_s, cut=sink.was_cut, source="exact", tail_s=PLAYOUT_TAIL_S
        )
        self.transport = Transport(
            provider=VOICE,
            sink=sink,
            tracker=tracker,
            format=VOICE_FORMAT,
            run_ahead_s=RUN_AHEAD_S,
        )
        return self.transport
