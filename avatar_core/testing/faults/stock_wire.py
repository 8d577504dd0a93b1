"""A room link that passes LiveKit's stock protocol only, as the workers of vendors speak it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.link import DataHandler, Unsubscribe
from avatar_core.contracts.streams import StreamHandler, StreamReader
from avatar_core.testing.faults.link_wrapper import LinkWrapper


class StockWireLink(LinkWrapper):
    """A worker's link that hides avatar-core's own protocol.

    The worker receives streams without a take id, as from a stock agent, so it calls
    `lk.playback_started` and `lk.playback_finished`. The link drops its reports, and the
    agent's clears of one take.
    """

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive byte streams of a topic; audio streams lose their take id."""
        if topic != wire.AUDIO_STREAM:
            return super().on_stream(topic, handler)
        return super().on_stream(topic, lambda sender, reader: handler(sender, StockReader(reader)))

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive data packets of a topic, except clears of one take."""
        if topic == wire.CLEAR_TOPIC:
            return _nothing
        return super().on_data(topic, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet, except reports."""
        if topic != wire.REPORT_TOPIC:
            await super().send(topic, payload, to=to, reliable=reliable)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call a participant's RPC method, except for reports of takes."""
        if method == wire.TAKE_RPC:
            return wire.OK
        return await super().call(to, method, payload, timeout_s=timeout_s)


class StockReader(StreamReader):
    """An incoming stream without its take id.

    Args:
        reader: The wrapped stream.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self.attributes = {
            name: value for name, value in reader.attributes.items() if name != wire.TAKE_ATTRIBUTE
        }

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the messages of the wrapped stream."""
        return aiter(self._reader)

    def close(self) -> None:
        """Close the wrapped stream."""
        self._reader.close()


def _nothing() -> None:
    return
