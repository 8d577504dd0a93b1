"""A room in memory, on loop time: just enough of `RoomLink` for sinks, trackers and workers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from virtual import now

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.clock import PlayoutClock, loop_time
from avatar_core.contracts.dispatch import Dispatcher
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import (
    AudioOut,
    Change,
    DataHandler,
    Peer,
    PresenceHandler,
    RoomLink,
    RpcHandler,
    StreamHandler,
    StreamReader,
    StreamWriter,
    Unsubscribe,
    VideoOut,
)
from avatar_core.contracts.provider import ProvisionedAvatar, SinkContext
from avatar_core.contracts.renderer import Picture

LATENCY_S = 0.002
QUEUE_S = 0.05


class FakeRoom:
    """Participants by identity; what they send arrives in order, `LATENCY_S` later."""

    def __init__(self) -> None:
        self.links: dict[str, FakeLink] = {}
        self._last = 0.0
        self._joined = 0

    def join(
        self, identity: str, *, sid: str = "", attributes: Mapping[str, str] | None = None
    ) -> FakeLink:
        """Somebody comes in, or back with an old sid."""
        self._joined += 1
        peer = Peer(identity, sid or f"PA_{self._joined}", attributes=dict(attributes or {}))
        link = self.links[identity] = FakeLink(self, peer)
        self.tell(Change.JOINED, link)
        return link

    def leave(self, identity: str) -> None:
        """Somebody is gone."""
        link = self.links.pop(identity)
        link.online = False
        self.tell(Change.LEFT, link)

    def back(self, link: FakeLink) -> None:
        """The same participant, sid and all, is here again."""
        self.links[link.identity] = link
        link.online = True
        self.tell(Change.JOINED, link)

    def tell(self, change: Change, about: FakeLink) -> None:
        """Everyone else hears of it."""
        for link in self.links.values():
            if link is not about:
                link.changed(change, about.peer)

    def later(self, deliver: Callable[[], object]) -> None:
        """Deliver something in order."""
        self._last = max(self._last + 2e-6, now() + LATENCY_S)
        asyncio.get_running_loop().call_at(self._last, deliver)


@dataclass
class Sent:
    """What a link sent: `what` is a topic or method, `kind` one of data, rpc, stream."""

    at: float
    kind: str
    what: str
    payload: str
    to: str


@dataclass
class Faults:
    """What goes wrong on a link.

    Attributes:
        hang: Kinds that never answer.
        refuse: Kinds that raise.
        lossy: Data topics and RPC methods that are lost on the way.
    """

    hang: set[str] = field(default_factory=set)
    refuse: set[str] = field(default_factory=set)
    lossy: set[str] = field(default_factory=set)


class FakeLink(RoomLink):
    """One participant's place in a `FakeRoom`."""

    def __init__(self, room: FakeRoom, peer: Peer) -> None:
        self.room = room
        self.peer = peer
        self.online = True
        self.faults = Faults()
        self.sent: list[Sent] = []
        self.audio: list[FakeAudio] = []
        self.video: list[FakeVideo] = []
        self.streams: dict[str, StreamHandler] = {}
        self.methods: dict[str, RpcHandler] = {}
        self.topics: dict[str, DataHandler] = {}
        self._watchers: list[PresenceHandler] = []
        self.dispatcher = Dispatcher(self)

    @property
    def identity(self) -> str:
        return self.peer.identity

    @property
    def room_name(self) -> str:
        return "room"

    @property
    def attributes(self) -> Mapping[str, str]:
        return self.peer.attributes

    @property
    def connected(self) -> bool:
        return self.online

    def peers(self) -> Mapping[str, Peer]:
        return {who: link.peer for who, link in self.room.links.items() if link is not self}

    def watch(self, handler: PresenceHandler) -> Unsubscribe:
        self._watchers.append(handler)
        return lambda: self._watchers.remove(handler) if handler in self._watchers else None

    @property
    def watched(self) -> int:
        return len(self._watchers)

    @property
    def handlers(self) -> set[str]:
        """What this link still receives."""
        return {*self.streams, *self.methods, *self.topics}

    def changed(self, change: Change, peer: Peer | None = None) -> None:
        for handler in list(self._watchers):
            handler(change, peer)

    async def use(self, kind: str, what: str, payload: str, to: str) -> None:
        """Send something, or fail as the faults say."""
        self.sent.append(Sent(now(), kind, what, payload, to))
        if kind in self.faults.hang or what in self.faults.hang:
            await asyncio.Event().wait()
        if not self.online or kind in self.faults.refuse or what in self.faults.refuse:
            raise RoomError(f"the room takes no {kind} {what}.", rpc_code=1401)

    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> FakeWriter:
        await self.use("open", topic, attributes.get("avatar.take", ""), to[0])
        reader = FakeReader(attributes)
        self.room.later(lambda: self._deliver_stream(to[0], topic, reader))
        return FakeWriter(self, to[0], reader)

    def _deliver_stream(self, to: str, topic: str, reader: FakeReader) -> None:
        link = self.room.links.get(to)
        if link is not None and topic in link.streams:
            link.streams[topic](self.identity, reader)

    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        self.streams[topic] = handler
        return lambda: self.streams.pop(topic, None) and None

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def arrive() -> None:
            link = self.room.links.get(to)
            if link is None or method not in link.methods or method in self.faults.lossy:
                return
            reply = link.methods[method](self.identity, payload)
            text = await reply if inspect.isawaitable(reply) else reply
            self.room.later(lambda: answer.done() or answer.set_result(str(text)))

        try:
            async with asyncio.timeout(timeout_s):
                await self.use("rpc", method, payload, to)
                self.room.later(lambda: asyncio.ensure_future(arrive()))
                return await answer
        except TimeoutError:
            raise RoomError("no answer in time", rpc_code=1502) from None

    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        self.methods[method] = handler
        return lambda: self.methods.pop(method, None) and None

    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        await self.use("data", topic, payload.decode(), to[0])
        if topic in self.faults.lossy:
            return

        def arrive() -> None:
            link = self.room.links.get(to[0])
            if link is not None and topic in link.topics:
                link.topics[topic](self.identity, payload)

        self.room.later(arrive)

    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        self.topics[topic] = handler
        return lambda: self.topics.pop(topic, None) and None

    async def publish_audio(self, format: AudioFormat, *, name: str) -> FakeAudio:
        await self.use("publish", "audio", name, "")
        self.audio.append(FakeAudio(self, format))
        self._published("audio", True)
        return self.audio[-1]

    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> FakeVideo:
        await self.use("publish", "video", name, "")
        self.video.append(FakeVideo(self))
        self._published("video", True)
        return self.video[-1]

    def _published(self, kind: str, there: bool) -> None:
        tracks = self.peer.tracks | {kind} if there else self.peer.tracks - {kind}
        self.peer = replace(self.peer, tracks=tracks)
        self.room.tell(Change.TRACKS, self)

    async def aclose(self) -> None:
        self._watchers.clear()


class FakeWriter(StreamWriter):
    def __init__(self, link: FakeLink, to: str, reader: FakeReader) -> None:
        self._link, self._to, self._reader = link, to, reader
        self.closed = False

    async def write(self, data: bytes) -> None:
        await self._link.use("write", "", str(len(data)), self._to)
        self._link.room.later(lambda: self._reader.put(data))

    async def aclose(self, reason: str = "") -> None:
        if not self.closed:
            self.closed = True
            await self._link.use("close", "", reason, self._to)
            self._link.room.later(lambda: self._reader.put(RoomError(reason) if reason else None))


class FakeReader(StreamReader):
    def __init__(self, attributes: Mapping[str, str]) -> None:
        self.attributes = dict(attributes)
        self.closed = False
        self.items: list[bytes | RoomError | None] = []
        self._queue: asyncio.Queue[bytes | RoomError | None] = asyncio.Queue()

    def put(self, item: bytes | RoomError | None) -> None:
        self.items.append(item)
        if not self.closed:
            self._queue.put_nowait(item)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self.closed and (item := await self._queue.get()) is not None:
            if isinstance(item, RoomError):
                raise item
            yield item

    def close(self) -> None:
        self.closed = True
        self._queue.put_nowait(None)


class FakeAudio(AudioOut):
    """A track whose queue plays in loop time; `runs` is what left it, or will."""

    def __init__(self, link: FakeLink, format: AudioFormat) -> None:
        self.format = format
        self.runs: list[tuple[float, bytes]] = []
        self.removed = False
        self.subscribed = asyncio.Event()
        self.subscribed.set()
        self.error: Exception | None = None
        self._link = link
        self._playout = PlayoutClock(now)

    async def capture(self, pcm: bytes) -> None:
        if self.error is not None:
            raise self.error
        assert len(pcm) == self.format.size(0.01)
        if (surplus_s := self.queued_s + 0.01 - QUEUE_S) > 1e-6:
            await asyncio.sleep(surplus_s)
        self.runs.append((max(now(), self._playout.empty_at), pcm))
        self._playout.add(0.01)

    @property
    def queued_s(self) -> float:
        return self._playout.queued_s

    def clear(self) -> None:
        while self.runs and self.runs[-1][0] >= now():
            self.runs.pop()
        if self.runs and self._playout.empty_at > now():
            at, pcm = self.runs[-1]
            self.runs[-1] = (at, pcm[: self.format.size(now() - at)])
        self._playout.clear()

    async def heard(self) -> None:
        await self.subscribed.wait()

    async def remove(self) -> None:
        if not self.removed:
            self.removed = True
            self._link._published("audio", False)

    def pcm(self) -> bytes:
        """All that left the queue until now."""
        return b"".join(
            pcm[: self.format.size(now() - at)] if now() - at < 0.01 - 1e-6 else pcm
            for at, pcm in self.runs
            if at <= now()
        )


class FakeVideo(VideoOut):
    def __init__(self, link: FakeLink) -> None:
        self.pictures: list[tuple[float, Picture]] = []
        self.removed = False
        self._link = link

    def capture(self, picture: Picture) -> None:
        self.pictures.append((now(), picture))

    async def remove(self) -> None:
        self.removed = True


def context(link: FakeLink, **capabilities: Any) -> SinkContext:
    """For a sink or tracker towards the participant `avatar`."""

    async def join(_: object) -> Any:
        raise NotImplementedError

    return SinkContext(
        link=link,
        avatar=ProvisionedAvatar(session_id="s", identity="avatar"),
        dispatcher=link.dispatcher,
        capabilities=Capabilities(**capabilities),
        clock=loop_time,
        log=logging.LoggerAdapter(logging.getLogger("test"), {}),
        join=join,
        defaults=None,  # type: ignore[arg-type]
    )
