"""A livekit release whose private requests changed: no stream is opened, nothing is paid for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from avatar_core.cli.checks import list_checks
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider import SinkContext
from avatar_core.contracts.sink import AudioSink
from avatar_core.playback.byte_stream import ByteStreamSink
from avatar_core.rtc import private_ffi
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.room.link import MemoryLink
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import ScriptedProvider

ROOT = Path(__file__).parents[2]
IMPORT_RENAMED = """
import builtins
real_import = builtins.__import__

def import_renamed(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if name.startswith("livekit.rtc._") and importer.startswith("avatar_core."):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real_import(name, globals, locals, fromlist, level)

builtins.__import__ = import_renamed
import avatar_core.rtc.link
from avatar_core.rtc.private_ffi import find_missing
print(find_missing())
"""


@pytest.fixture(autouse=True)
def _look_again() -> Iterator[None]:
    private_ffi.find_missing.cache_clear()
    yield
    private_ffi.find_missing.cache_clear()


def test_installed_livekit_has_all_private_names() -> None:
    assert private_ffi.find_missing() == ""
    private_ffi.check_addressed_streams()


@pytest.mark.parametrize(
    ("table", "value", "missing"),
    [
        ("ADDRESS", ("receivers",), "FfiRequest.send_stream_header.receivers"),
        ("REQUESTS", {"send_packet": "packet"}, "FfiRequest.send_packet"),
        ("REQUESTS", {"send_stream_chunk": "piece"}, "FfiRequest.send_stream_chunk.piece"),
        ("PACKETS", {"Chunk": ("bytes",)}, "DataStream.Chunk.bytes"),
        ("PACKETS", {"Piece": ()}, "DataStream.Piece"),
        ("FfiClient", None, "livekit.rtc._ffi_client"),
        ("room_pb2", object(), "DataStream.Header"),
    ],
)
def test_missing_part_of_livekit_is_named(
    table: str, value: Any, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_ffi, table, value)
    assert private_ffi.find_missing() == missing
    with pytest.raises(RoomError, match=f"{missing} is missing") as caught:
        private_ffi.check_addressed_streams()
    assert "AVATAR_ALLOW_PUBLIC_AUDIO=1" in str(caught.value)


def test_library_imports_if_the_private_modules_were_renamed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_RENAMED],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "livekit.rtc._ffi_client\n"


async def test_doctor_reports_a_changed_livekit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVATAR_PROVIDER", "voice")
    monkeypatch.setattr(private_ffi, "FfiClient", None)
    (check,) = [one for one in list_checks() if one.name == "versions"]
    result = await check.run()
    assert result.status == "fault"
    assert "cannot send a byte stream to selected participants" in result.message
    monkeypatch.setenv("AVATAR_ALLOW_PUBLIC_AUDIO", "1")
    assert (await check.run()).status == "ok"


class OwnSinkProvider(ScriptedProvider):
    """A provider whose audio does not go through the room's streams."""

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        return ByteStreamSink(ctx)

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        return None


def refuse_streams(monkeypatch: pytest.MonkeyPatch) -> RoomError:
    error = RoomError("streams cannot be addressed.")

    def refuse(_: MemoryLink) -> None:
        raise error

    monkeypatch.setattr(MemoryLink, "check_streams", refuse)
    return error


@pytest.mark.virtual_time
async def test_no_paid_session_starts_if_streams_cannot_be_addressed(
    room: MemoryRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = refuse_streams(monkeypatch)
    provider = ScriptedProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is None
    assert provider.provisioned == []
    assert harness.controller.last_error is error
    assert (await harness.say(1.0))[1] is False
    await harness.close()


@pytest.mark.virtual_time
async def test_provider_with_its_own_sink_is_used(
    room: MemoryRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_streams(monkeypatch)
    provider = OwnSinkProvider(room)
    harness = FailoverHarness(room, provider)
    await harness.controller.start()
    assert await harness.controller.wait_until_settled() is not None
    await harness.close()
