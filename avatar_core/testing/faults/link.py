"""A wrapper of a room link that applies the faults of a scenario."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.routing import DataHandler, RpcHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamReader
from avatar_core.contracts.tracks import VideoTrack
from avatar_core.testing.faults.link_wrapper import LinkWrapper
from avatar_core.testing.faults.scenario import Scenario
from avatar_core.testing.room.media import Unseen

LATE_S = 0.05
ABSURD = (b"", b"[]", b"\xff\x00", b'[1,"x",NaN,"done"]', b'[9,"",-1e308,"cut"]', b"[" * 5000)


class FaultyLink(LinkWrapper):
    """A worker's link that delays, loses, repeats or falsifies messages as a scenario requires.

    A deaf worker receives no streams, data packets or RPCs. A mute worker sends no data packets or
    RPCs. The scenario sets when each of the two states begins, and `parted_s` sets how long both
    last. The constructor needs a running event loop.

    Args:
        link: The wrapped link.
        scenario: The faults to apply. The scenario's times count from the creation of this link.
    """

    def __init__(self, link: RoomLink, scenario: Scenario) -> None:
        super().__init__(link)
        self._scenario = scenario
        self._chance = scenario.random("link")
        self._loop = asyncio.get_running_loop()
        self._joined_at = self._loop.time()
        self._late: set[asyncio.Task[None]] = set()
        self._left = asyncio.Event()
        link.watch(self._note_event)

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive the byte streams of a topic; while the worker is deaf, close new streams at once.

        Args:
            topic: Topic of the streams.
            handler: Called with the sender and the reader of each stream that the worker receives.

        Returns:
            A function that ends the subscription.

        Raises:
            ValueError: The topic has a handler already.
        """

        def hear(sender: str, reader: StreamReader) -> None:
            """Pass a new stream to the handler, or close the stream while the worker is deaf.

            Args:
                sender: Identity of the participant that opened the stream.
                reader: The reader of the stream.
            """
            if self._parted(self._scenario.deaf_at_s):
                reader.close()
            else:
                handler(sender, reader)

        return self._link.on_stream(topic, hear)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method; the scenario may delay, lose, repeat or falsify the call.

        Args:
            to: Identity of the participant that is called.
            method: Name of the method.
            payload: Payload of the call. The scenario's `absurd` is the probability that an invalid
                payload replaces this payload.
            timeout_s: Seconds to wait for the response, after the delay of the scenario.

        Returns:
            The response; if the scenario repeats the call, the response to the second call.

        Raises:
            RoomError: The scenario lost the call, or the wrapped link raised the error.
        """
        scenario = self._scenario
        if scenario.report_late_s:
            await asyncio.sleep(scenario.report_late_s)
        if self._parted(scenario.mute_at_s) or self._chance.random() < scenario.report_loss:
            await asyncio.sleep(timeout_s)
            raise RoomError(f"The fault scenario dropped the RPC {method} to the participant {to}.")
        if self._chance.random() < scenario.absurd:
            payload = self._chance.choice(ABSURD).decode("latin-1")
        if self._chance.random() < scenario.report_double:
            await self._link.call(to, method, payload, timeout_s=timeout_s)
        return await self._link.call(to, method, payload, timeout_s=timeout_s)

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Handle the calls of an RPC method; calls that arrive while the worker is deaf fail.

        Args:
            method: Name of the method.
            handler: Called with the caller and the payload of each call that the worker receives.

        Returns:
            A function that ends the subscription.
        """

        async def response(caller: str, payload: str) -> str:
            """Respond with the handler, or fail after `parted_s` seconds if the worker is deaf.

            Args:
                caller: Identity of the caller.
                payload: Payload of the call.

            Returns:
                The response of the handler.

            Raises:
                RoomError: The worker is deaf.
                Exception: The handler raised the exception.
            """
            if self._parted(self._scenario.deaf_at_s):
                await self._wait_until_left(self._scenario.parted_s)
                raise RoomError("The fault scenario blocks incoming calls of this worker.")
            response = handler(caller, payload)
            return response if isinstance(response, str) else await response

        return self._link.serve(method, response)

    async def aclose(self) -> None:
        """Leave the room."""
        self._left.set()
        await super().aclose()

    def _note_event(self, event: RoomEvent, _: RemoteParticipant | None) -> None:
        if event is RoomEvent.DISCONNECTED:
            self._left.set()

    async def _wait_until_left(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._left.wait()
        except TimeoutError:
            return

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet; the scenario may delay, lose, repeat or falsify the packet.

        While the worker is mute, the link drops all packets. Losses, repetitions, delays and
        invalid payloads apply to unreliable packets only. A background task sends delayed packets
        and ignores a `RoomError`.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The wrapped link could not send a packet that has no delay.
        """
        scenario, chance = self._scenario, self._chance
        if self._parted(scenario.mute_at_s):
            return
        if reliable:
            await self._link.send(topic, payload, to=to, reliable=True)
            return
        if chance.random() < scenario.loss:
            return
        if topic == wire.REPORT_TOPIC and chance.random() < scenario.absurd:
            payload = _absurd(payload, chance.choice(ABSURD), chance.random())
        copies = 2 if chance.random() < scenario.duplicate else 1
        for _ in range(copies):
            late_s = scenario.delay_s + chance.random() * scenario.jitter_s
            if chance.random() < scenario.reorder:
                late_s += LATE_S
            if late_s <= 0:
                await self._link.send(topic, payload, to=to)
            else:
                self._loop.call_later(late_s, self._send_soon, topic, payload, to)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive the data packets of a topic; while the worker is deaf, drop new packets.

        Args:
            topic: Topic of the packets.
            handler: Called with the sender and the content of each packet that the worker receives.

        Returns:
            A function that ends the subscription.
        """

        def hear(sender: str, payload: bytes) -> None:
            """Pass a data packet to the handler, unless the worker is deaf.

            Args:
                sender: Identity of the sender.
                payload: Content of the packet.
            """
            if not self._parted(self._scenario.deaf_at_s):
                handler(sender, payload)

        return self._link.on_data(topic, hear)

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a video track, or return an unpublished track if the scenario has `unseen`.

        Args:
            width: Width of a frame in pixels.
            height: Height of a frame in pixels.
            fps: Frames per second.
            name: Name of the track.

        Returns:
            The published track, or an `Unseen` track that drops all frames.

        Raises:
            RoomError: The room is disconnected, or did not accept the track.
        """
        if self._scenario.unseen:
            return Unseen()
        return await self._link.publish_video(width, height, fps, name=name)

    def _parted(self, from_s: float) -> bool:
        age_s = self._loop.time() - self._joined_at
        return 0 < from_s <= age_s < from_s + self._scenario.parted_s

    def _send_soon(self, topic: str, payload: bytes, to: Sequence[str]) -> None:
        async def attempt() -> None:
            """Send the delayed packet, and ignore a `RoomError`, because no caller waits for it."""
            try:
                await self._link.send(topic, payload, to=to)
            except RoomError:
                return

        task = self._loop.create_task(attempt())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _absurd(payload: bytes, nonsense: bytes, chance: float) -> bytes:
    """Return `nonsense`, or the report in `payload` with an impossible position.

    Args:
        payload: A position report as JSON.
        nonsense: A payload that is not a report.
        chance: A random number from 0 to 1 that selects the result.

    Returns:
        The payload to send instead of the report.
    """
    if chance < 0.5:
        return nonsense
    sequence, take_id, _, state = json.loads(payload)
    position_s = -5.0 if chance < 0.75 else 1e9
    return json.dumps([sequence, take_id, position_s, state]).encode()
