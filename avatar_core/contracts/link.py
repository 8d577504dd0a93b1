"""A participant's place in a room: the one seam between us and LiveKit.

LiveKit's implementation is in `avatar_core.rtc`; tests have one in memory. Nothing above
knows which it holds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.renderer import VideoFrame

Unsubscribe = Callable[[], None]
RpcHandler = Callable[[str, str], "str | Awaitable[str]"]
"""(caller identity, payload) -> reply"""
DataHandler = Callable[[str, bytes], None]
"""(sender identity, payload)"""


@dataclass(frozen=True, slots=True)
class RemoteParticipant:
    """Another participant, as of now.

    Attributes:
        identity: Unique in the room.
        sid: New with each join; the same after a reconnect.
        is_agent: LiveKit's participant kind AGENT.
        attributes: Readable by everyone in the room.
        tracks: Kinds it publishes, of "audio" and "video".
        left_for_good: It left, and the server says why: this is no reconnect of ours, or of its.
    """

    identity: str
    sid: str
    is_agent: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)
    tracks: frozenset[str] = frozenset()
    left_for_good: bool = False


class RoomEvent(Enum):
    """What happened in the room. RECONNECTED, DISCONNECTED and MOVED concern ourselves."""

    JOINED = "joined"
    LEFT = "left"
    TRACKS = "tracks"
    RECONNECTING = "reconnecting"
    RECONNECTED = "reconnected"
    DISCONNECTED = "disconnected"
    MOVED = "moved"


RoomEventHandler = Callable[[RoomEvent, RemoteParticipant | None], None]


class StreamWriter(ABC):
    """An outgoing byte stream."""

    @abstractmethod
    async def write(self, data: bytes) -> None:
        """Send one message, acknowledged by our own side of the room.

        Raises:
            RoomError: The room is gone.
        """

    @abstractmethod
    async def aclose(self, reason: str = "") -> None:
        """End the stream; a reason makes it an abnormal end at the reader."""


class StreamReader(ABC):
    """An incoming byte stream: iterate it, or close it."""

    attributes: Mapping[str, str]

    @abstractmethod
    def __aiter__(self) -> AsyncIterator[bytes]:
        """Messages in order.

        Raises:
            RoomError: The stream ended abnormally.
        """

    @abstractmethod
    def close(self) -> None:
        """Stop reading; what is under way is dropped."""


StreamHandler = Callable[[str, StreamReader], None]
"""(sender identity, reader)"""


QUEUE_S = 0.16
"""Sound that the queue before a track holds; an empty one stutters. A cut drops it, so its length
is no latency."""


class AudioTrack(ABC):
    """A published audio track and the queue before it, of `QUEUE_S`."""

    format: AudioFormat

    @abstractmethod
    async def capture(self, pcm: bytes) -> None:
        """Queue whole 10 ms frames; waits while the queue is full."""

    @property
    @abstractmethod
    def queued_s(self) -> float:
        """Seconds captured that have not left the queue."""

    @abstractmethod
    def clear(self) -> None:
        """Drop what is queued."""

    @abstractmethod
    async def wait_for_subscription(self) -> None:
        """Return once somebody has subscribed."""

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish; idempotent."""


class VideoTrack(ABC):
    """A published video track."""

    @abstractmethod
    def capture(self, picture: VideoFrame) -> None:
        """Show a picture now."""

    @abstractmethod
    async def unpublish(self) -> None:
        """Unpublish; idempotent."""


class Router(Protocol):
    """Gives RPCs and data packets of one room to their handlers, by sender."""

    def rpc(self, method: str, caller: str, handler: RpcHandler) -> Unsubscribe:
        """Give the calls of `method` by `caller` to `handler`, until unsubscribed."""

    def data(self, topic: str, sender: str, handler: DataHandler) -> Unsubscribe:
        """Give the packets of `sender` on `topic` to `handler`, until unsubscribed."""


class RoomLink(ABC):
    """One participant's connection to one room."""

    router: Router

    @property
    @abstractmethod
    def identity(self) -> str:
        """Our own identity."""

    @property
    @abstractmethod
    def room_name(self) -> str:
        """The room's name."""

    @property
    @abstractmethod
    def attributes(self) -> Mapping[str, str]:
        """Our own attributes, from the token we joined with."""

    @property
    @abstractmethod
    def connected(self) -> bool:
        """Whether the room can be used now."""

    @abstractmethod
    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """The other participants by identity."""

    @abstractmethod
    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call `handler` at each event from now on."""

    @abstractmethod
    async def open_stream(
        self, topic: str, *, to: Sequence[str], attributes: Mapping[str, str]
    ) -> StreamWriter:
        """Open a byte stream whose every packet goes to `to` alone.

        Raises:
            RoomError: The room is gone.
        """

    @abstractmethod
    def on_stream(self, topic: str, handler: StreamHandler) -> Unsubscribe:
        """Receive byte streams of a topic; one handler a topic."""

    @abstractmethod
    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        """Call a participant's RPC method.

        Raises:
            RoomError: With LiveKit's `rpc_code`, or none where `timeout_s` ran out here.
        """

    @abstractmethod
    def serve(self, method: str, handler: RpcHandler) -> Unsubscribe:
        """Answer an RPC method; only the router calls this."""

    @abstractmethod
    async def send(
        self, topic: str, payload: bytes, *, to: Sequence[str], reliable: bool = False
    ) -> None:
        """Send a data packet; lossy unless `reliable`."""

    @abstractmethod
    def on_data(self, topic: str, handler: DataHandler) -> Unsubscribe:
        """Receive data packets; only the router calls this."""

    @abstractmethod
    async def publish_audio(self, format: AudioFormat, *, name: str) -> AudioTrack:
        """Publish a microphone track."""

    @abstractmethod
    async def publish_video(self, width: int, height: int, fps: float, *, name: str) -> VideoTrack:
        """Publish a camera track."""

    @abstractmethod
    async def aclose(self) -> None:
        """Undo every subscription; leave the room if this link joined it."""
