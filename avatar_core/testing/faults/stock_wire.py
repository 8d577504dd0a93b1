"""A room link that passes only LiveKit's stock avatar protocol, which vendors' workers use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.routing import DataHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamReader
from avatar_core.testing.faults.link_wrapper import LinkWrapper


class StockWireLink(LinkWrapper):
    """A worker's link that hides avatar-core's own protocol from the worker and from the agent.

    The link removes the take ids of incoming audio streams. Without take ids, our worker treats the
    agent like a stock agent: the worker calls the RPCs `lk.playback_started` and
    `lk.playback_finished`. The link also drops the worker's position reports and the agent's
    requests to cut one take.
    """

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive the byte streams of a topic; audio streams lose their take id.

        Args:
            topic: Topic of the streams.
            handler: Called with the sender and the reader of each stream.

        Returns:
            A function that ends the subscription.

        Raises:
            ValueError: The topic has a handler already.
        """
        if topic != wire.AUDIO_STREAM:
            return super().on_stream(topic, handler)
        return super().on_stream(topic, lambda sender, reader: handler(sender, StockReader(reader)))

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive the data packets of a topic; ignore the topic of requests to cut one take.

        Args:
            topic: Topic of the packets.
            handler: Called with the sender and the content of each packet.

        Returns:
            A function that ends the subscription.
        """
        if topic == wire.CLEAR_TOPIC:
            return _nothing
        return super().on_data(topic, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet, but drop position reports.

        Args:
            topic: Topic of the packet.
            payload: Content of the packet.
            to: Identities of the receivers.
            reliable: Whether LiveKit sends a lost packet again.

        Raises:
            RoomError: The room is disconnected, or did not accept the packet.
        """
        if topic != wire.REPORT_TOPIC:
            await super().send(topic, payload, to=to, reliable=reliable)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call an RPC method of a participant, but drop calls of avatar-core's own `avatar.take`.

        Args:
            to: Identity of the participant that is called.
            method: Name of the method.
            payload: Payload of the call.
            timeout_s: Seconds to wait for the response.

        Returns:
            The response of the participant; "ok" for a dropped call.

        Raises:
            RoomError: The call failed or timed out.
        """
        if method == wire.TAKE_RPC:
            return wire.OK
        return await super().call(to, method, payload, timeout_s=timeout_s)


class StockReader(StreamReader):
    """An incoming byte stream without the attribute that holds the take id.

    Args:
        reader: The wrapped stream.

    Attributes:
        attributes: Attributes of the wrapped stream, except the take id.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self.attributes = {
            name: value for name, value in reader.attributes.items() if name != wire.TAKE_ATTRIBUTE
        }

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages of the wrapped stream.

        Returns:
            An iterator over the messages in their order; the iterator raises `RoomError` if the
            stream ends abnormally.
        """
        return aiter(self._reader)

    def close(self) -> None:
        """Stop reading the wrapped stream."""
        self._reader.close()


def _nothing() -> None:
    return
