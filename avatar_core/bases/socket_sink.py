"""The sink of a WebSocket: collects audio into pieces that the vendor accepts, and sends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from avatar_core.bases.socket_connection import SocketConnection
from avatar_core.bases.socket_messages import SocketMessages, SocketOptions
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.readiness import wait_until_ready


class Pieces:
    """The audio of one take, in pieces between the vendor's minimum and maximum.

    Args:
        format: The format of the take.
        options: The limits of the vendor.
    """

    def __init__(self, format: AudioFormat, options: SocketOptions) -> None:
        self._most = max(format.size(options.max_chunk_s), format.frame_bytes)
        self._least = min(format.size(options.min_chunk_s), self._most)
        self._wanted = min(format.size(options.first_chunk_s), self._most) or self._least
        self._pads_last = options.pads_last
        self._collected = bytearray()
        self.padding = 0
        """The bytes of silence in the last piece of `rest`."""

    def add(self, chunk: bytes) -> Iterator[bytes]:
        """Add audio, and take the pieces that are long enough.

        Args:
            chunk: PCM, whole samples.

        Yields:
            The pieces, in order.
        """
        self._collected += chunk
        while self._collected and len(self._collected) >= self._wanted:
            yield self._take()

    def rest(self) -> Iterator[bytes]:
        """Take the remaining audio, with silence up to the minimum if `pads_last` is set.

        Yields:
            The pieces, in order.
        """
        if self._collected and self._pads_last:
            self.padding = max(0, self._wanted - len(self._collected))
            self._collected += bytes(self.padding)
        while self._collected:
            yield self._take()

    def _take(self) -> bytes:
        piece = bytes(self._collected[: self._most])
        del self._collected[: self._most]
        self._wanted = self._least
        return piece


class SocketSink(AudioSink):
    """Sends takes to a vendor over a WebSocket.

    Args:
        ctx: The room link, the avatar and the capabilities of its provider.
        messages: Encodes the messages of the vendor.
        connection: The connection to the vendor.
        options: The limits of the vendor.
        on_padding: Receives a take whose last message has silence, and the seconds of the silence;
            0.0 when the vendor drops the silence.
    """

    def __init__(
        self,
        ctx: SinkContext,
        messages: SocketMessages,
        connection: SocketConnection,
        options: SocketOptions,
        on_padding: Callable[[Take, float], None],
    ) -> None:
        self._ctx = ctx
        self._messages = messages
        self._connection = connection
        self._options = options
        self._on_padding = on_padding
        self._take: Take | None = None
        self._pieces = Pieces(AudioFormat(24_000), options)
        self.is_last = True
        """Whether no newer sink uses the same session, so that `aclose` ends the session."""

    async def open(self) -> None:
        """Open the socket, and wait until the avatar is in the room and can be heard.

        The caller sets the deadline.

        Raises:
            TransportError: The socket cannot be opened, or was lost.
        """
        await self._connection.open()
        await wait_until_ready(self._ctx)
        await self._connection.flush()

    async def begin(self, take: Take) -> None:
        """Begin to send a take.

        Args:
            take: The take, whose audio `push` sends in the format `take.format`.

        Raises:
            AvatarError: The connection is lost.
        """
        self._take, self._pieces = take, Pieces(take.format, self._options)
        self._connection.enqueue(self._messages.encode_begin(take), of_take=True)
        await self._connection.flush()

    async def push(self, chunk: bytes) -> None:
        """Send the pieces that are complete, and wait until the connection has accepted them.

        Args:
            chunk: PCM in the format of the take: int16, interleaved, whole samples.

        Raises:
            AvatarError: The connection is lost.
        """
        self._send(self._pieces.add(chunk))
        await self._connection.flush()

    async def end(self, take: Take) -> None:
        """Send the rest of the audio, with silence if it is short, and the message of the end.

        Args:
            take: The current take.

        Raises:
            AvatarError: The connection is lost.
        """
        self._send(self._pieces.rest())
        if self._pieces.padding:
            self._on_padding(take, take.format.duration_s(self._pieces.padding))
        self._connection.enqueue(self._messages.encode_end(take), of_take=True)
        await self._connection.flush()

    async def cut(self, take: Take) -> None:
        """Drop the audio that was not sent, and make the avatar stop.

        Args:
            take: The take to stop.

        Raises:
            AvatarError: The connection is lost.
        """
        self.stop(take)
        await self._connection.flush()

    def stop(self, take: Take) -> None:
        """Replace the messages that were not sent by the message that stops a take; do not wait.

        Args:
            take: The take to stop.
        """
        self._take, self._pieces = None, Pieces(take.format, self._options)
        self._connection.drop_take()
        self._connection.enqueue(self._messages.encode_cut(take))
        self._on_padding(take, 0.0)

    async def aclose(self) -> None:
        """Close the socket within about a second. A second call has no effect."""
        await self._connection.aclose(self._messages.encode_close() if self.is_last else ())

    def _send(self, pieces: Iterator[bytes]) -> None:
        take = self._take
        for piece in pieces:
            if take is not None:
                self._connection.enqueue(self._messages.encode(piece, take), of_take=True)
