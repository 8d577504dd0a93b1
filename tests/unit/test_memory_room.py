"""In a room in memory, participants that left or froze are neither heard nor seen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.participants import RoomEvent
from avatar_core.contracts.renderer import VideoFrame
from avatar_core.contracts.tracks import QUEUE_S, AudioTrack, VideoTrack
from avatar_core.testing.clock import now
from avatar_core.testing.room.room import CRASH_S, MemoryRoom

pytestmark = pytest.mark.virtual_time
FORMAT = AudioFormat(24_000)
AUDIO_FRAME = b"\1\0" * 240
VIDEO_FRAME = VideoFrame(1, 1, bytes(4))


class Speaker:
    """Plays and shows without end, whatever becomes of its place in the room."""

    def __init__(self, room: MemoryRoom) -> None:
        self.link = room.join("speaker")
        self.frames = 0
        self.task = asyncio.create_task(self._speak())

    async def _speak(self) -> None:
        audio = await self.link.publish_audio(FORMAT, name="a")
        video = await self.link.publish_video(1, 1, 25, name="v")
        while True:
            await self._frame(audio, video)

    async def _frame(self, audio: AudioTrack, video: VideoTrack) -> None:
        await audio.capture(AUDIO_FRAME)
        video.capture(VIDEO_FRAME)
        self.frames += 1


def frozen(room: MemoryRoom) -> None:
    room.members["speaker"].link.freeze()


def crashed(room: MemoryRoom) -> None:
    room.crash("speaker")


def removed(room: MemoryRoom) -> None:
    room.remove("speaker")


@pytest.mark.parametrize("happen", [frozen, crashed, removed])
async def test_frozen_or_removed_participant_is_neither_heard_nor_seen(
    happen: Callable[[MemoryRoom], None],
) -> None:
    room = MemoryRoom()
    speaker = Speaker(room)
    await asyncio.sleep(1.003)
    assert room.recording.seconds("speaker") == pytest.approx(1.0, abs=0.011)
    heard_s, frames = room.recording.seconds(), speaker.frames
    seen = room.recording.video_frames["speaker"]
    happen(room)
    await asyncio.sleep(2.0)
    more_s = room.recording.seconds() - heard_s
    assert 0 <= more_s <= 0.01 + QUEUE_S * (happen is frozen) + 1e-6
    assert room.recording.video_frames["speaker"] <= seen + 1
    if happen is not frozen:
        again_s = (speaker.frames - frames) * 0.01
        assert 2.0 <= again_s <= 2.0 + QUEUE_S + 0.01, (
            "the audio queue of the absent participant stopped"
        )
    speaker.task.cancel()


async def test_recording_counts_video_frames_and_passes_them_to_watch() -> None:
    room = MemoryRoom()
    speaker = Speaker(room)
    await asyncio.sleep(1.0)
    unwatched = room.recording.video_frames["speaker"]
    seen: list[tuple[float, str, VideoFrame]] = []
    room.recording.watch = lambda who, video_frame: seen.append((now(), who, video_frame))
    await asyncio.sleep(1.0)
    assert len(seen) == room.recording.video_frames["speaker"] - unwatched
    assert {(who, video_frame) for _, who, video_frame in seen} == {("speaker", VIDEO_FRAME)}
    assert 1.0 <= seen[0][0] <= seen[-1][0] <= 2.0
    speaker.task.cancel()


async def test_removed_participant_gets_no_pending_events() -> None:
    room = MemoryRoom()
    here, there = room.join("here"), room.join("there")
    reported: list[RoomEvent] = []
    there.watch(lambda event, _: reported.append(event))
    await here.publish_audio(FORMAT, name="a")
    room.remove("there")
    await asyncio.sleep(1.0)
    assert reported == [RoomEvent.DISCONNECTED]
    with pytest.raises(RoomError):
        await there.send("topic", b"", to=["here"])


async def test_crashed_participant_leaves_after_a_delay() -> None:
    room = MemoryRoom()
    here = room.join("here")
    there = room.join("there")
    await there.publish_audio(FORMAT, name="a")
    await asyncio.sleep(0.1)
    reported: list[tuple[float, RoomEvent]] = []
    here.watch(lambda event, _: reported.append((now(), event)))
    room.crash("there")
    assert "there" in here.remote_participants()
    await asyncio.sleep(CRASH_S + 1.0)
    assert reported == [(pytest.approx(0.1 + CRASH_S, abs=0.01), RoomEvent.LEFT)]
    assert here.remote_participants() == {}


@pytest.mark.parametrize("become", [MemoryRoom.remove, MemoryRoom.crash])
async def test_participant_removed_during_a_reconnect_stays_away(
    become: Callable[[MemoryRoom, str], None],
) -> None:
    room = MemoryRoom()
    here = room.join("here")
    there = room.join("there")
    await there.publish_audio(FORMAT, name="a")
    await asyncio.sleep(0.1)
    reported: list[RoomEvent] = []
    here.watch(lambda event, _: reported.append(event))
    room.reconnect("there", away_s=0.5)
    await asyncio.sleep(0.1)
    assert here.remote_participants() == {}
    become(room, "there")
    await asyncio.sleep(CRASH_S + 1.0)
    assert reported == [RoomEvent.LEFT], "LEFT was not emitted exactly once"
    assert here.remote_participants() == {}


@pytest.mark.parametrize(("new_sid", "same"), [(False, True), (True, False)])
async def test_participant_gets_a_new_sid_only_if_new_sid_is_set(new_sid: bool, same: bool) -> None:
    room = MemoryRoom()
    here, there = room.join("here"), room.join("there")
    for link in (here, there):
        await link.publish_audio(FORMAT, name="a")
    sids = here.remote_participants()["there"].sid, there.remote_participants()["here"].sid
    room.reconnect("there", new_sid=new_sid)
    await asyncio.sleep(0.2)
    assert (here.remote_participants()["there"].sid == sids[0]) is same
    assert there.remote_participants()["here"].sid == sids[1]
