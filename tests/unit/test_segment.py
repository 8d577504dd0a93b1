"""A segment's audio: every format, every chunk size, its memory, and where a take resumes."""

from __future__ import annotations

import asyncio
import math

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.segment import KEPT_S, Feed, Segment
from avatar_core.resample import Resampler
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.player_harness import World

TARGET = AudioFormat(24_000)
SOURCES = [
    AudioFormat(rate, channels)
    for rate in (8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
    for channels in (1, 2)
]
formats = pytest.mark.parametrize("source", SOURCES, ids=str)


def tone(duration_s: float, format: AudioFormat, hz: float = 440.0) -> bytes:
    at = np.arange(round(duration_s * format.rate_hz)) / format.rate_hz
    wave = (8000 * np.sin(2 * math.pi * hz * at)).astype("<i2")
    return np.repeat(wave[:, None], format.channels, axis=1).tobytes()


def mono(pcm: bytes, format: AudioFormat) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").reshape(-1, format.channels)[:, 0].astype(float)


@formats
@pytest.mark.parametrize("target", [TARGET, AudioFormat(48_000, 2)], ids=str)
def test_a_stream_is_converted_whole(source: AudioFormat, target: AudioFormat) -> None:
    pcm, size = tone(1.0, source), source.size(0.013)
    resampler = Resampler(source, target)
    pieces = [resampler.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    converted = mono(b"".join([*pieces, resampler.feed(b"", last=True)]), target)
    expected = soxr.resample(mono(pcm, source), source.rate_hz, target.rate_hz, quality="MQ")
    assert abs(len(converted) - target.rate_hz) <= 1
    count = min(len(converted), len(expected))
    assert np.abs(converted[:count] - expected[:count]).max() < 40
    assert np.abs(converted[-count // 50 :]).max() > 4000, "the tail is there"


def play(segment: Segment, take: Take, chunk_s: float = 0.02) -> bytes:
    feed, pcm = Feed(segment, take), b""
    while chunk := feed.next(chunk_s):
        pcm += chunk
    assert feed.exhausted is segment.ended
    return pcm


@formats
def test_a_take_is_as_long_as_what_was_pushed(source: AudioFormat) -> None:
    segment = Segment(1, source)
    segment.append(tone(1.2345, source), source)
    segment.end()
    for offset_s in (0.0, 0.5, 1.2):
        pcm = play(segment, Take(1, TARGET, offset_s=offset_s))
        assert TARGET.duration_s(len(pcm)) == pytest.approx(segment.duration_s - offset_s, abs=1e-3)


@pytest.mark.virtual_time
@formats
async def test_a_listener_hears_all_of_any_format(source: AudioFormat) -> None:
    world = World(avatar_format=TARGET)
    world.format = source
    segment = world.say(1.731)
    await world.finished(segment, within_s=2.0)
    pushed_s = source.duration_s(len(world.said[segment]))
    assert world.heard_s(segment) == pytest.approx(pushed_s, abs=1e-3)
    assert world.ear.position_s[segment] == pytest.approx(pushed_s, abs=1e-3)
    await world.aclose()


@pytest.mark.virtual_time
@formats
async def test_pauses_and_a_loss_in_any_format(source: AudioFormat) -> None:
    world = World(avatar_format=TARGET)
    world.format = source
    segment = world.say(2.0)
    for _ in range(3):
        await asyncio.sleep(0.333)
        world.pause()
        world.resume()
    await asyncio.sleep(0.2)
    world.pause()
    await asyncio.sleep(0.3)
    world.resume()
    await world.finished(segment, within_s=2.0)
    assert world.heard_s(segment) == pytest.approx(2.0, abs=8e-3)
    for before, after in zip(world.ear.takes, world.ear.takes[1:], strict=False):
        assert after.offset_s == pytest.approx(before.offset_s + before.position_s, abs=1e-4)
    await world.aclose()


@pytest.mark.parametrize("other", [format for format in SOURCES if format != TARGET], ids=str)
def test_the_rate_may_change_in_mid_segment(other: AudioFormat) -> None:
    segment = Segment(1, TARGET)
    for number in range(6):
        format = (TARGET, other)[number % 2]
        for start in range(0, len(pcm := tone(0.5, format)), format.size(0.02)):
            segment.append(pcm[start : start + format.size(0.02)], format)
    segment.end()
    pcm = mono(segment.read(0, 10**9), TARGET)
    assert len(pcm) / TARGET.rate_hz == pytest.approx(3.0, abs=1e-3)
    # 440 Hz all along: a piece out of its place would break the period.
    sound = np.abs(pcm)
    for start in range(0, len(sound) - 240, 240):
        assert sound[start : start + 240].max() > 5000, f"a hole at {start / 24_000:.3f} s"
    crossings = np.flatnonzero(np.diff(np.signbit(pcm)))
    assert len(crossings) == pytest.approx(2 * 440 * 3, abs=12)


@pytest.mark.virtual_time
async def test_a_rate_change_at_the_very_end_is_heard() -> None:
    world = World()
    segment = world.push(speech(0.5))
    world.format, before = AudioFormat(48_000), world.format
    world.player.push(tone(0.5, world.format), world.format)
    world.format = before
    world.end()
    await world.finished(segment, within_s=1.2)
    assert world.heard_s(segment) == pytest.approx(1.0, abs=1e-3)
    await world.player.aclose()
    await world.avatar.aclose()


@pytest.mark.virtual_time
@pytest.mark.parametrize("pushes", [[b""], [b"", b""], [b"\0\0"], [bytes(100)]])
async def test_next_to_nothing_is_finished_at_once(pushes: list[bytes]) -> None:
    world = World()
    for pcm in pushes:
        segment = world.push(pcm)
    world.end()
    await world.finished(segment, within_s=0.05)
    assert world.ear.interrupted[segment] is False
    after = world.say(0.5)
    await world.finished(after, within_s=0.7)
    world.check_whole(after)
    await world.aclose()


@pytest.mark.virtual_time
async def test_empty_frames_between_others_change_nothing() -> None:
    world = World()
    pcm = speech(1.0)
    for start in range(0, len(pcm), 4800):
        world.push(pcm[start : start + 4800])
        segment = world.push(b"")
    world.end()
    await world.finished(segment, within_s=1.2)
    world.check_whole(segment)
    await world.aclose()


def test_an_hour_keeps_only_what_is_unheard() -> None:
    segment = Segment(1, TARGET)
    take = Take(1, TARGET, on_update=segment.heard)
    feed, second = Feed(segment, take), speech(1.0)
    ahead, most = 0, 0
    for _ in range(3600):
        segment.append(second, TARGET)
        ahead += len(second)
        while ahead > 3 * len(second):  # the speaker is three seconds ahead of the listener
            chunk = feed.next(0.1)
            start = round(take.pushed_s * 10) % 10 * len(chunk)
            assert chunk == second[start : start + len(chunk)]
            take.pushed_s += TARGET.duration_s(len(chunk))
            take.report(take.pushed_s)
            ahead -= len(chunk)
        most = max(most, len(segment._pcm) - ahead)
    assert segment.duration_s == 3600.0
    assert most <= TARGET.size(KEPT_S + 1.1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.floats(0.0, 0.2), max_size=12),
    st.floats(0.01, 0.2),
    st.floats(0.0, 1.0),
)
def test_chunks_of_any_size_lose_nothing(
    source: AudioFormat, pushes: list[float], chunk_s: float, offset: float
) -> None:
    segment, pcm = Segment(1, source), b""
    for number, duration_s in enumerate(pushes):
        piece = speech(duration_s, source, seed=number)
        pcm += piece
        segment.append(piece, source)
    segment.end()
    offset_s = offset * segment.duration_s
    heard = play(segment, Take(1, source, offset_s=offset_s), chunk_s)
    assert heard == pcm[source.size(offset_s) :]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.floats(0.0, 3.0),
    st.sampled_from([TakeState.CUT, TakeState.DONE, TakeState.LOST]),
    st.floats(0.0, 1.0),
)
def test_a_take_resumes_at_or_shortly_before_what_was_heard(
    heard_s: float, state: TakeState, shift_s: float
) -> None:
    segment = Segment(1, TARGET)
    segment.append(speech(3.0), TARGET)
    take = Take(1, TARGET, on_update=segment.heard)
    take.pushed_s = 3.0
    take.report(heard_s, state)
    at_s = segment.resume_at(take)
    if state is TakeState.LOST:
        assert 0 <= heard_s - at_s <= 0.6 + 1e-6
        if heard_s > 0.4:
            window = segment.read(TARGET.size(at_s), TARGET.size(0.01))
            assert not any(window) or heard_s - at_s <= 0.3, "at the last silence"
    else:
        assert at_s == pytest.approx(min(heard_s, 3.0))


def test_a_pause_long_ago_is_not_gone_back_to() -> None:
    segment = Segment(1, TARGET)
    segment.append(bytes(TARGET.size(0.5)), TARGET)
    segment.append(tone(2.0, TARGET), TARGET)
    take = Take(1, TARGET, on_update=segment.heard)
    take.pushed_s = 2.5
    take.report(1.5, TakeState.LOST)
    assert 0.9 <= segment.resume_at(take) <= 1.5
    take = Take(1, TARGET, offset_s=0.9, on_update=segment.heard)
    take.pushed_s = 1.0
    take.report(0.1, TakeState.LOST)
    assert 0.9 <= segment.resume_at(take) <= 1.5, "a second loss goes no further back"
