"""A worker's room link with the faults of a vendor: of its sound, its track and its protocol."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamReader
from avatar_core.contracts.tracks import AudioTrack
from avatar_core.testing.faults.early_reports import EarlyReports
from avatar_core.testing.faults.fault_clock import FaultClock
from avatar_core.testing.faults.link_wrapper import LinkWrapper
from avatar_core.testing.faults.vendor_faults import VendorFaults
from avatar_core.testing.faults.vendor_reader import VendorReader
from avatar_core.testing.faults.vendor_track import UnpublishedTrack, VendorTrack

REPORTS = (wire.PLAYBACK_STARTED, wire.PLAYBACK_FINISHED, wire.TAKE_RPC)
REPORT_S = 5.0
"""Deadline of an early report, in seconds."""


class VendorLink(LinkWrapper):
    """A worker's link that receives, plays and reports audio as the faults of a vendor require.

    The constructor needs a running event loop.

    Args:
        link: The wrapped link.
        faults: The faults.
        clock: Decides when a fault starts.
    """

    def __init__(self, link: RoomLink, faults: VendorFaults, clock: FaultClock) -> None:
        super().__init__(link)
        self._faults, self._clock = faults, clock
        self._early = EarlyReports() if faults.reports_early else None
        self._track: VendorTrack | None = None
        self._discarding: set[asyncio.Task[None]] = set()

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive the byte streams of a topic; streams of audio arrive with the faults.

        Args:
            topic: Topic of the streams.
            handler: Called with the sender and the reader of each stream that the worker plays.

        Returns:
            A function that ends the subscription.

        Raises:
            ValueError: The topic has a handler already.
        """
        if topic != wire.AUDIO_STREAM:
            return super().on_stream(topic, handler)
        if self._faults.ignores_audio:
            return _do_nothing
        return super().on_stream(topic, partial(self._receive, handler))

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant; drop reports that the worker does not send.

        Args:
            to: Identity of the participant that is called.
            method: Name of the method.
            payload: Payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response of the participant; "ok" for a dropped report.

        Raises:
            RoomError: The call failed or timed out.
        """
        if self._faults.reports_nothing and method in REPORTS:
            return wire.OK
        if self._early is not None and self._early.suppresses(method, payload):
            return wire.OK
        return await super().call(to, method, payload, timeout_s=timeout_s)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet; drop a position report if the worker reports nothing.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """
        if not (self._faults.reports_nothing and topic == wire.REPORT_TOPIC):
            await super().send(topic, payload, to=to, reliable=reliable)

    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish an audio track that applies the faults of the sound.

        Args:
            format: Format of the audio that the track accepts.
            name: Name of the track.

        Returns:
            The track; with `no_audio_track`, a track that is not published.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        if self._faults.no_audio_track:
            track: AudioTrack = UnpublishedTrack(format)
        else:
            track = await super().publish_audio(format, name=name)
        self._track = VendorTrack(track, self._faults, self._clock)
        return self._track

    async def unpublish_audio(self) -> None:
        """Unpublish the worker's audio track, while the worker continues to work."""
        if self._track is not None:
            await self._track.unpublish_early()

    async def aclose(self) -> None:
        """Cancel the reports that were not sent, and close the wrapped link."""
        for task in self._discarding:
            task.cancel()
        if self._early is not None:
            await self._early.aclose()
        await super().aclose()

    def _receive(self, handler: StreamHandler, sender: str, reader: StreamReader) -> None:
        if self._faults.discards_audio:
            task = asyncio.create_task(_discard(reader), name="discard-audio")
            self._discarding.add(task)
            task.add_done_callback(self._discarding.discard)
            return
        on_audio = None
        if self._early is not None:
            on_audio = self._early.begin(
                lambda method, payload: self._link.call(sender, method, payload, timeout_s=REPORT_S)
            )
        handler(sender, VendorReader(reader, self._faults, on_audio))


async def _discard(reader: StreamReader) -> None:
    try:
        async for _ in reader:
            continue
    except RoomError:
        return
    finally:
        reader.close()


def _do_nothing() -> None:
    return
