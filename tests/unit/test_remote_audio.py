"""Packets of tracks are counted whatever LiveKit responds; the audio of several tracks is added."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from avatar_core.rtc.remote_audio import STATS_S, RtcRemoteAudio
from avatar_core.rtc.track_sum import MOST_FRAMES, TrackSum
from avatar_core.testing.clock import now

pytestmark = pytest.mark.virtual_time


class Track:
    """A remote track that responds with a number of packets, with an error, or never."""

    def __init__(self, sid: str, packets: int) -> None:
        self.sid, self.packets = sid, packets
        self.error: BaseException | None = None
        self.hangs = False

    async def get_stats(self) -> list[Any]:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        received = SimpleNamespace(packets_received=self.packets)
        inbound = SimpleNamespace(received=received)
        return [
            SimpleNamespace(HasField=lambda _: False),
            SimpleNamespace(HasField=lambda name: name == "inbound_rtp", inbound_rtp=inbound),
        ]


def subscribed(*tracks: Track) -> RtcRemoteAudio:
    """Return a subscription to some tracks."""
    room: Any = SimpleNamespace(add=lambda *_: lambda: None)
    audio = RtcRemoteAudio(room, "avatar")
    for track in tracks:
        audio.add_track(track)  # type: ignore[arg-type]
    return audio


async def test_packets_of_all_tracks_are_added() -> None:
    assert await subscribed(Track("TR_a", 5), Track("TR_b", 7)).count_packets() == 12
    assert await subscribed().count_packets() is None


async def test_number_does_not_fall_if_a_track_is_replaced() -> None:
    audio = subscribed(Track("TR_a", 50))
    assert await audio.count_packets() == 50
    audio.remove_track("TR_a")
    assert await audio.count_packets() is None
    audio.add_track(Track("TR_b", 2))  # type: ignore[arg-type]
    assert await audio.count_packets() == 52
    audio.add_track(Track("TR_b", 1))  # type: ignore[arg-type]
    assert await audio.count_packets() == 53


@pytest.mark.parametrize("error", [Exception("the track was dropped"), AssertionError()])
async def test_error_of_livekit_leaves_the_last_number(error: BaseException) -> None:
    track = Track("TR_a", 50)
    audio = subscribed(track)
    assert await audio.count_packets() == 50
    track.error = error
    assert await audio.count_packets() == 50


async def test_missing_response_of_livekit_leaves_the_last_number_at_the_deadline() -> None:
    track, other = Track("TR_a", 50), Track("TR_b", 1)
    audio = subscribed(track, other)
    assert await audio.count_packets() == 51
    track.hangs, other.packets = True, 9
    began = now()
    assert await audio.count_packets() == 59
    assert now() - began == pytest.approx(STATS_S)


def pcm(*samples: int) -> bytes:
    return np.array(samples, "<i2").tobytes()


async def test_first_track_sets_the_pace_of_the_sum() -> None:
    total = TrackSum(frame_bytes=4)
    assert total.add("a", pcm(1, 2)) == pcm(1, 2)
    assert total.add("b", pcm(10, 20)) == b""
    assert total.add("a", pcm(3, 4)) == pcm(13, 24)
    assert total.add("a", pcm(5, 6)) == pcm(5, 6)
    total.remove("a")
    assert total.add("b", pcm(30, 40)) == pcm(30, 40)


async def test_sum_is_limited_to_16_bits() -> None:
    total = TrackSum(frame_bytes=4)
    total.add("a", pcm(0, 0))
    total.add("b", pcm(30_000, -30_000))
    assert total.add("a", pcm(30_000, -30_000)) == pcm(32_767, -32_768)


async def test_waiting_audio_is_bounded_by_its_newest_frames() -> None:
    total = TrackSum(frame_bytes=2)
    total.add("a", pcm(0))
    for sample in range(20):
        total.add("b", pcm(sample))
    sums = [total.add("a", pcm(0)) for _ in range(MOST_FRAMES + 1)]
    assert sums == [*(pcm(sample) for sample in range(20 - MOST_FRAMES, 20)), pcm(0)]
