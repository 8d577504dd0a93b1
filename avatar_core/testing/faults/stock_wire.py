"""A link that lets only LiveKit's stock wire through, as between agents and vendors' workers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from avatar_core.contracts import wire
from avatar_core.contracts.link import DataHandler, StreamHandler, StreamReader, Unsubscribe
from avatar_core.testing.faults.link_wrapper import LinkWrapper


class StockWireLink(LinkWrapper):
    """A worker's link on which nothing of avatar-core's own wire passes.

    The worker sees streams without a take id, as a stock agent sends them, and so it answers
    with `lk.playback_started` and `lk.playback_finished`. Reports, and clears of one take, are
    dropped.
    """

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """As the link, without the take id of an audio stream."""
        if topic != wire.AUDIO_STREAM:
            return super().on_stream(topic, handler)
        return super().on_stream(topic, lambda sender, reader: handler(sender, StockReader(reader)))

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """As the link; a stock worker knows no clears of one take."""
        if topic == wire.CLEAR_TOPIC:
            return _nothing
        return super().on_data(topic, handler)

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """As the link; a stock worker sends no reports."""
        if topic != wire.REPORT_TOPIC:
            await super().send(topic, payload, to=to, reliable=reliable)

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """As the link; a stock worker reports no takes."""
        if method == wire.TAKE_RPC:
            return wire.OK
        return await super().call(to, method, payload, timeout_s=timeout_s)


class StockReader(StreamReader):
    """An incoming stream without its take id.

    Args:
        reader: The stream.
    """

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader
        self.attributes = {
            name: value for name, value in reader.attributes.items() if name != wire.TAKE_ATTRIBUTE
        }

    def __aiter__(self) -> AsyncIterator[bytes]:
        """As the reader."""
        return aiter(self._reader)

    def close(self) -> None:
        """As the reader."""
        self._reader.close()


def _nothing() -> None:
    return
