"""Segments: formats, chunk sizes, memory, and the offset at which the next take starts."""

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
from avatar_core.playback.segment import KEPT_BEHIND_S, Feed, Segment
from avatar_core.resample import Resampler
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.player_harness import PlayerHarness

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


def first_channel(pcm: bytes, format: AudioFormat) -> np.ndarray:
    return np.frombuffer(pcm, "<i2").reshape(-1, format.channels)[:, 0].astype(float)


@formats
@pytest.mark.parametrize("target", [TARGET, AudioFormat(48_000, 2)], ids=str)
def test_resampler_converts_a_whole_stream(source: AudioFormat, target: AudioFormat) -> None:
    pcm, size = tone(1.0, source), source.size(0.013)
    resampler = Resampler(source, target)
    pieces = [resampler.feed(pcm[at : at + size]) for at in range(0, len(pcm), size)]
    converted = first_channel(b"".join([*pieces, resampler.feed(b"", last=True)]), target)
    expected = soxr.resample(
        first_channel(pcm, source), source.rate_hz, target.rate_hz, quality="MQ"
    )
    assert abs(len(converted) - target.rate_hz) <= 1
    count = min(len(converted), len(expected))
    assert np.abs(converted[:count] - expected[:count]).max() < 40
    assert np.abs(converted[-count // 50 :]).max() > 4000, "the tail is missing"


def play(segment: Segment, take: Take, chunk_s: float = 0.02) -> bytes:
    feed, pcm = Feed(segment, take), b""
    while chunk := feed.next(chunk_s):
        pcm += chunk
    assert feed.exhausted is segment.ended
    return pcm


@formats
def test_feed_returns_all_audio_after_the_offset(source: AudioFormat) -> None:
    segment = Segment(1, source)
    segment.append(tone(1.2345, source), source)
    segment.end()
    for offset_s in (0.0, 0.5, 1.2):
        pcm = play(segment, Take(1, TARGET, offset_s=offset_s))
        assert TARGET.duration_s(len(pcm)) == pytest.approx(segment.duration_s - offset_s, abs=1e-3)


@pytest.mark.virtual_time
@formats
async def test_segment_of_any_format_is_heard_whole(source: AudioFormat) -> None:
    harness = PlayerHarness(avatar_format=TARGET)
    harness.format = source
    segment = harness.say(1.731)
    await harness.wait_finished(segment, within_s=2.0)
    pushed_s = source.duration_s(len(harness.pushed[segment]))
    assert harness.heard_s(segment) == pytest.approx(pushed_s, abs=1e-3)
    assert harness.observer.position_s[segment] == pytest.approx(pushed_s, abs=1e-3)
    await harness.aclose()


@pytest.mark.virtual_time
@formats
async def test_pauses_in_any_format_lose_no_audio(source: AudioFormat) -> None:
    harness = PlayerHarness(avatar_format=TARGET)
    harness.format = source
    segment = harness.say(2.0)
    for _ in range(3):
        await asyncio.sleep(0.333)
        harness.pause()
        harness.resume()
    await asyncio.sleep(0.2)
    harness.pause()
    await asyncio.sleep(0.3)
    harness.resume()
    await harness.wait_finished(segment, within_s=2.0)
    assert harness.heard_s(segment) == pytest.approx(2.0, abs=8e-3)
    for before, after in zip(harness.observer.takes, harness.observer.takes[1:], strict=False):
        assert after.offset_s == pytest.approx(before.offset_s + before.position_s, abs=1e-4)
    await harness.aclose()


@pytest.mark.parametrize("other", [format for format in SOURCES if format != TARGET], ids=str)
def test_segment_accepts_frames_of_several_formats(other: AudioFormat) -> None:
    segment = Segment(1, TARGET)
    for number in range(6):
        format = (TARGET, other)[number % 2]
        for start in range(0, len(pcm := tone(0.5, format)), format.size(0.02)):
            segment.append(pcm[start : start + format.size(0.02)], format)
    segment.end()
    pcm = first_channel(segment.read(0, 10**9), TARGET)
    assert len(pcm) / TARGET.rate_hz == pytest.approx(3.0, abs=1e-3)
    # The tone has 440 Hz throughout: a misplaced piece would break the period.
    sound = np.abs(pcm)
    for start in range(0, len(sound) - 240, 240):
        assert sound[start : start + 240].max() > 5000, f"a gap at {start / 24_000:.3f} s"
    crossings = np.flatnonzero(np.diff(np.signbit(pcm)))
    assert len(crossings) == pytest.approx(2 * 440 * 3, abs=12)


@pytest.mark.virtual_time
async def test_last_frame_of_another_rate_is_heard() -> None:
    harness = PlayerHarness()
    segment = harness.push(speech(0.5))
    harness.format, before = AudioFormat(48_000), harness.format
    harness.player.push(tone(0.5, harness.format), harness.format)
    harness.format = before
    harness.end()
    await harness.wait_finished(segment, within_s=1.2)
    assert harness.heard_s(segment) == pytest.approx(1.0, abs=1e-3)
    await harness.player.aclose()
    await harness.avatar.aclose()


@pytest.mark.virtual_time
@pytest.mark.parametrize("pushes", [[b""], [b"", b""], [b"\0\0"], [bytes(100)]])
async def test_almost_empty_segment_finishes_at_once(pushes: list[bytes]) -> None:
    harness = PlayerHarness()
    for pcm in pushes:
        segment = harness.push(pcm)
    harness.end()
    await harness.wait_finished(segment, within_s=0.05)
    assert harness.observer.interrupted[segment] is False
    after = harness.say(0.5)
    await harness.wait_finished(after, within_s=0.7)
    harness.check_all_heard(after)
    await harness.aclose()


@pytest.mark.virtual_time
async def test_empty_frames_are_ignored() -> None:
    harness = PlayerHarness()
    pcm = speech(1.0)
    for start in range(0, len(pcm), 4800):
        harness.push(pcm[start : start + 4800])
        segment = harness.push(b"")
    harness.end()
    await harness.wait_finished(segment, within_s=1.2)
    harness.check_all_heard(segment)
    await harness.aclose()


def test_heard_audio_is_dropped_from_memory() -> None:
    segment = Segment(1, TARGET)
    take = Take(1, TARGET, on_update=segment.update_position)
    feed, second = Feed(segment, take), speech(1.0)
    ahead, most = 0, 0
    for _ in range(3600):
        segment.append(second, TARGET)
        ahead += len(second)
        while ahead > 3 * len(second):  # the agent is three seconds ahead of the listener
            chunk = feed.next(0.1)
            start = round(take.pushed_s * 10) % 10 * len(chunk)
            assert chunk == second[start : start + len(chunk)]
            take.pushed_s += TARGET.duration_s(len(chunk))
            take.report(take.pushed_s)
            ahead -= len(chunk)
        most = max(most, len(segment._pcm) - ahead)
    assert segment.duration_s == 3600.0
    assert most <= TARGET.size(KEPT_BEHIND_S + 1.1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from(SOURCES),
    st.lists(st.floats(0.0, 0.2), max_size=12),
    st.floats(0.01, 0.2),
    st.floats(0.0, 1.0),
)
def test_feed_in_chunks_of_any_size_loses_no_byte(
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
def test_next_take_starts_at_or_just_before_the_position(
    heard_s: float, state: TakeState, shift_s: float
) -> None:
    segment = Segment(1, TARGET)
    segment.append(speech(3.0), TARGET)
    take = Take(1, TARGET, on_update=segment.update_position)
    take.pushed_s = 3.0
    take.report(heard_s, state)
    at_s = segment.resume_offset_s(take)
    if state is TakeState.LOST:
        assert 0 <= heard_s - at_s <= 0.6 + 1e-6
        if heard_s > 0.4:
            window = segment.read(TARGET.size(at_s), TARGET.size(0.01))
            assert not any(window) or heard_s - at_s <= 0.3, "the take does not start at a silence"
    else:
        assert at_s == pytest.approx(min(heard_s, 3.0))


def test_next_take_does_not_start_at_a_pause_far_before_the_position() -> None:
    segment = Segment(1, TARGET)
    segment.append(bytes(TARGET.size(0.5)), TARGET)
    segment.append(tone(2.0, TARGET), TARGET)
    take = Take(1, TARGET, on_update=segment.update_position)
    take.pushed_s = 2.5
    take.report(1.5, TakeState.LOST)
    assert 0.9 <= segment.resume_offset_s(take) <= 1.5
    take = Take(1, TARGET, offset_s=0.9, on_update=segment.update_position)
    take.pushed_s = 1.0
    take.report(0.1, TakeState.LOST)
    assert 0.9 <= segment.resume_offset_s(take) <= 1.5, (
        "the take after the second loss starts before the first"
    )
