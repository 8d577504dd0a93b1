"""The receiver of a worker: turns the agent's byte streams into takes, and handles its cuts."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from avatar_core.contracts import wire
from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError, WireError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.streams import StreamReader
from avatar_core.worker.incoming_take import IncomingTake

log = logging.getLogger("avatar_core.worker")

IDLE_S = 10.0
"""A stream without a chunk for this time counts as ended; stock receivers wait as long."""
TRAILER_S = 0.1
"""A stream that is still open this time after the next one began is closed: its trailer is lost."""


class Receiver:
    """Receives the audio streams and the clear commands of one agent, and ignores other senders.

    `AvatarWorker` creates the receiver. The receiver logs and drops malformed streams.

    Args:
        link: The worker's connection to the room.
        agent: The identity of the agent.
        format: The format to which the audio is converted.
        on_take: Called with each new take, before its first audio.
        on_cut: Called with each take that must stop; it may be called again for the same take.
        on_audio: Called when a take has more audio, or is complete.
    """

    def __init__(
        self,
        link: RoomLink,
        agent: str,
        format: AudioFormat,
        on_take: Callable[[IncomingTake], None],
        on_cut: Callable[[IncomingTake], None],
        on_audio: Callable[[], None],
    ) -> None:
        self._agent = agent
        self._format = format
        self._on_take = on_take
        self._on_cut = on_cut
        self._on_audio = on_audio
        self._known: deque[IncomingTake] = deque(maxlen=16)
        self._cleared_ahead: deque[str] = deque(maxlen=16)
        self._reading: dict[asyncio.Task[None], StreamReader] = {}
        self._leave = (
            link.router.rpc(wire.CLEAR_BUFFER, agent, self._clear_all),
            link.router.data(wire.CLEAR_TOPIC, agent, self._clear_one),
            link.on_stream(wire.AUDIO_STREAM, self._stream),
        )

    def cut_all(self) -> None:
        """Cut all known takes, because the agent has left or has sent `lk.clear_buffer`."""
        for take in list(self._known):
            self._on_cut(take)

    async def aclose(self) -> None:
        """Remove the handlers of the room link, and cancel the tasks that read streams."""
        for leave in self._leave:
            leave()
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def _stream(self, sender: str, reader: StreamReader) -> None:
        try:
            if sender != self._agent:
                raise WireError(
                    f"This avatar accepts audio only from the agent {self._agent}.",
                    hint=f"For the audio of {sender}, start another avatar whose token has the "
                    f"attribute {wire.PUBLISH_ON_BEHALF}={sender}.",
                )
            format, take_id = wire.read_stream_attributes(reader.attributes)
        except WireError as error:
            log.warning("The worker rejected an audio stream from %s: %s", sender, error)
            reader.close()
            return
        for earlier in self._reading.values():
            asyncio.get_running_loop().call_later(TRAILER_S, earlier.close)
        take = IncomingTake(take_id, format, self._format)
        self._known.append(take)
        self._on_take(take)
        if take_id in self._cleared_ahead:
            self._on_cut(take)
        task = asyncio.create_task(self._read(reader, take), name="avatar-receiver")
        self._reading[task] = reader
        task.add_done_callback(self._reading.pop)

    async def _read(self, reader: StreamReader, take: IncomingTake) -> None:
        chunks = aiter(reader)
        try:
            while not take.has_ended():
                async with asyncio.timeout(IDLE_S):
                    chunk = await anext(chunks)
                take.feed(chunk)
                self._on_audio()
        except (StopAsyncIteration, TimeoutError):
            take.end()
            self._on_audio()
        except RoomError as error:
            log.debug("%s", error)
            self._on_cut(take)
        finally:
            reader.close()

    def _clear_all(self, _: str, __: str) -> str:
        self.cut_all()
        return wire.OK

    def _clear_one(self, _: str, payload: bytes) -> None:
        take_id = payload[:64].decode(errors="replace")
        for take in self._known:
            if take.id == take_id:
                self._on_cut(take)
                return
        self._cleared_ahead.append(take_id)
