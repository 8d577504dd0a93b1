"""The private requests of `livekit.rtc` that address byte streams, and the check that they exist.

A livekit release may rename or change the private requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError

try:
    from livekit.rtc._ffi_client import FfiClient
    from livekit.rtc._proto import ffi_pb2, room_pb2
except ImportError:
    FfiClient: Any = None  # type: ignore[no-redef]
    ffi_pb2: Any = None  # type: ignore[no-redef]
    room_pb2: Any = None  # type: ignore[no-redef]

__all__ = [
    "REQUESTS",
    "FfiClient",
    "check_addressed_streams",
    "ffi_pb2",
    "find_missing",
    "room_pb2",
]

REQUESTS = {
    "send_stream_header": "header",
    "send_stream_chunk": "chunk",
    "send_stream_trailer": "trailer",
}
"""The name of the field that contains the packet, for each request."""
ADDRESS = ("local_participant_handle", "destination_identities", "sender_identity")
"""The fields of each request that name its sender and its receivers."""
PACKETS = {
    "Header": ("stream_id", "timestamp", "topic", "mime_type", "byte_header", "attributes"),
    "Chunk": ("stream_id", "chunk_index", "content"),
    "Trailer": ("stream_id", "reason"),
}
"""The fields of each packet that avatar-core sets."""


@cache
def find_missing() -> str:
    """Find a part of the private interface that the installed livekit lacks.

    Returns:
        The name of the first missing part; empty if all parts exist.
    """
    return next(_missing(), "")


def check_addressed_streams() -> None:
    """Check that the installed livekit can send a byte stream to its receivers only.

    Raises:
        RoomError: The installed livekit cannot address byte streams.
    """
    if missing := find_missing():
        raise RoomError(
            "The installed version of livekit cannot send a byte stream to selected participants "
            f"({missing} is missing), so every participant of the room would receive the agent's "
            "audio as data.",
            hint="Install the version of livekit that livekit-agents requires, or set "
            "AVATAR_ALLOW_PUBLIC_AUDIO=1 if everybody in the room may receive the audio.",
            code=ErrorCode.LIVEKIT_VERSION,
        )


def _missing() -> Iterator[str]:
    if FfiClient is None:
        yield "livekit.rtc._ffi_client"
        return
    stream = getattr(room_pb2, "DataStream", None)
    for packet, fields in PACKETS.items():
        kind = getattr(getattr(stream, packet, None), "DESCRIPTOR", None)
        yield from _missing_fields(f"DataStream.{packet}", kind, fields)
    for name, carrier in REQUESTS.items():
        for union, fields in (
            ("FfiRequest", (*ADDRESS, carrier)),
            ("FfiResponse", ("async_id",)),
            ("FfiEvent", ("async_id", "error")),
        ):
            members = getattr(ffi_pb2, union).DESCRIPTOR.fields_by_name
            kind = members[name].message_type if name in members else None
            yield from _missing_fields(f"{union}.{name}", kind, fields)


def _missing_fields(name: str, kind: Any, fields: tuple[str, ...]) -> Iterator[str]:
    if kind is None:
        yield name
        return
    for field in fields:
        if field not in kind.fields_by_name:
            yield f"{name}.{field}"
