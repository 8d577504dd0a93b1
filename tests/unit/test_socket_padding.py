"""The silence after a take whose last message would be too short: what it adds, and what not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

import avatar_core
from avatar_core import AudioSink, PlaybackTracker, SocketFact, SocketOptions, Take, TakeState
from avatar_core.bases.socket_sink import Pieces
from avatar_core.bases.socket_tracker import SocketTracker
from avatar_core.testing import IN_MEMORY, Conversation, MemoryRoom, SocketFault, SocketVendor
from avatar_core.testing.clock import now
from avatar_core.testing.room.workers import mint
from avatar_core.testing.stock_plugin import make_request
from tests.unit.socket_provider import Wire, provider_of, room_of, vendor_in

pytestmark = pytest.mark.virtual_time

FORMAT = avatar_core.AudioFormat(24_000)
LEAST_S, MOST_S = 0.5, 0.6
LIMITS = SocketOptions(min_chunk_s=LEAST_S, max_chunk_s=MOST_S)


# The pieces.


@pytest.mark.parametrize(
    ("options", "audio_s", "sizes_s"),
    [
        (LIMITS, 0.0, []),
        (LIMITS, 0.02, [0.5]),
        (LIMITS, 0.5, [0.5]),
        (LIMITS, 1.2, [0.5, 0.5, 0.5]),
        (SocketOptions(first_chunk_s=0.3, min_chunk_s=0.5), 0.2, [0.3]),
        (SocketOptions(first_chunk_s=0.3, min_chunk_s=0.5), 0.4, [0.3, 0.5]),
        (SocketOptions(first_chunk_s=0.6, min_chunk_s=0.5), 0.2, [0.6]),
        (SocketOptions(), 0.02, [0.02]),
        (SocketOptions(min_chunk_s=0.5, pads_last=False), 0.7, [0.5, 0.2]),
    ],
)
def test_last_piece_has_the_least_length(
    options: SocketOptions, audio_s: float, sizes_s: list[float]
) -> None:
    pieces, pcm = Pieces(FORMAT, options), b"\1\2" * round(24_000 * audio_s)
    size = FORMAT.size(0.02)
    found = [piece for at in range(0, len(pcm), size) for piece in pieces.add(pcm[at : at + size])]
    found += pieces.rest()
    assert [FORMAT.duration_s(len(piece)) for piece in found] == pytest.approx(sizes_s)
    assert b"".join(found) == pcm + bytes(pieces.padding)
    assert pieces.padding == round(sum(sizes_s) * 48_000) - len(pcm)


# The tracker.


def make_context(
    room: MemoryRoom, avatar: avatar_core.ProvisionedAvatar, **capabilities: Any
) -> avatar_core.SinkContext:
    return avatar_core.SinkContext(
        link=room.agent(),
        avatar=avatar,
        capabilities=replace(Wire.capabilities, **capabilities),
        clock=now,
        log=logging.LoggerAdapter(logging.getLogger("avatar_core"), {}),
    )


@asynccontextmanager
async def tracker_of(**capabilities: Any) -> AsyncIterator[SocketTracker]:
    avatar = avatar_core.ProvisionedAvatar(session_id="s", identity="avatar")
    tracker = SocketTracker(make_context(MemoryRoom(), avatar, **capabilities), lambda: False)
    yield tracker
    await tracker.aclose()


def begin(tracker: SocketTracker, pushed_s: float) -> Take:
    """Begin a take whose audio was all pushed."""
    take = Take(1, FORMAT)
    tracker.follow(take)
    take.pushed_s, take.ended = pushed_s, True
    return take


async def test_position_in_the_silence_ends_the_take_at_its_audio() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        tracker.note_padding(take, 0.4)
        await asyncio.sleep(1.2)
        assert tracker.apply(SocketFact("position", take.id, 0.9))
        assert take.state is TakeState.PLAYING
        assert tracker.apply(SocketFact("position", take.id, 1.3))
        assert (take.state, take.position_s) == (TakeState.DONE, 1.0)
        assert not tracker.may_sound
        assert not tracker.apply(SocketFact("position", take.id, 1.5))


async def test_cut_in_the_silence_is_confirmed_at_the_audio() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        tracker.note_padding(take, 0.4)
        await asyncio.sleep(1.2)
        take.cutting = True
        tracker.note_padding(take, 0.0)
        assert tracker.apply(SocketFact("finished", take.id, 1.2))
        assert (take.state, take.position_s) == (TakeState.CUT, 1.0)


async def test_end_of_the_silence_does_not_end_the_next_take() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        tracker.note_padding(take, 0.4)
        await asyncio.sleep(1.05)
        tracker.apply(SocketFact("position", position_s=1.0))
        assert take.state is TakeState.DONE
        following = begin(tracker, 0.3)
        await asyncio.sleep(0.3)
        assert tracker.apply(SocketFact("position", position_s=0.3))
        assert tracker.apply(SocketFact("finished"))
        assert (following.state, following.position_s) == (TakeState.OPEN, 0.0)
        await asyncio.sleep(0.3)
        assert tracker.apply(SocketFact("position", position_s=0.2))
        assert tracker.apply(SocketFact("finished"))
        assert (following.state, following.position_s) == (TakeState.DONE, pytest.approx(0.3))


async def test_end_of_the_silence_does_not_make_the_estimate_late() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        await asyncio.sleep(0.1)
        tracker.apply(SocketFact("started"))
        tracker.note_padding(take, 0.4)
        await asyncio.sleep(1.4)
        tracker.apply(SocketFact("finished"))
        assert (take.state, take.position_s) == (TakeState.DONE, 1.0)
        assert tracker.measured_latency_s == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(("is_dropped", "heard_s"), [(False, 0.2), (True, 0.5)])
async def test_estimate_of_the_next_take_begins_after_the_silence(
    is_dropped: bool, heard_s: float
) -> None:
    async with tracker_of(reports_finished=False, reports_started=False) as tracker:
        take = begin(tracker, 1.0)
        tracker.note_padding(take, 0.4)
        while take.state is not TakeState.DONE:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        assert take.position_s == 1.0
        if is_dropped:
            tracker.note_padding(take, 0.0)
        following = begin(tracker, 2.0)
        await asyncio.sleep(0.6)
        assert following.position_s == pytest.approx(heard_s, abs=0.05)


async def test_start_after_the_silence_does_not_make_the_estimate_late() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        await asyncio.sleep(0.1)
        tracker.apply(SocketFact("started"))
        tracker.note_padding(take, 0.9)
        while take.state is not TakeState.DONE:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        following = begin(tracker, 2.0)
        await asyncio.sleep(0.8)
        assert following.state is TakeState.OPEN
        tracker.apply(SocketFact("started"))
        await asyncio.sleep(0.5)
        assert following.position_s == pytest.approx(0.5, abs=0.05)
        assert tracker.measured_latency_s == pytest.approx(0.1, abs=0.03)


async def test_take_of_an_estimate_waits_less_for_the_report_after_silence() -> None:
    async with tracker_of() as tracker:
        take = begin(tracker, 1.0)
        await asyncio.sleep(0.1)
        tracker.apply(SocketFact("started"))
        tracker.note_padding(take, 0.8)
        await asyncio.sleep(1.1)
        assert take.state is TakeState.PLAYING
        await asyncio.sleep(0.2)
        assert (take.state, take.position_s) == (TakeState.DONE, 1.0)


# The socket, and whole conversations.


@asynccontextmanager
async def open_parts(
    vendor: SocketVendor, **attributes: Any
) -> AsyncIterator[tuple[AudioSink, PlaybackTracker]]:
    """Create a session, and open the sink of its socket."""
    provider = provider_of(vendor, min_chunk_s=LEAST_S, **attributes)
    avatar = await provider.provision(replace(make_request(), mint=mint))
    context = replace(make_context(room_of(vendor), avatar), capabilities=provider.capabilities)
    sink, tracker = provider.create_sink(context), provider.create_tracker(context)
    assert sink is not None
    assert tracker is not None
    await sink.open()
    yield sink, tracker
    await sink.aclose()
    await tracker.aclose()
    await provider.release(avatar, "over")
    await vendor.aclose()


async def test_take_that_ends_while_the_socket_reconnects_is_padded_once() -> None:
    vendor = vendor_in(MemoryRoom())
    vendor.fail_socket(SocketFault(mode="abort", at_s=0.5))
    vendor.fail_socket("handshake fails once")
    async with open_parts(vendor) as (sink, tracker):
        take = await begin_take(sink, tracker, 0.6)
        while vendor.handshakes < 2:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        await push(sink, take, 0.2)
        take.ended = True
        await sink.end(take)
        assert (take.state, vendor.handshakes) == (TakeState.CUT, 3)
        assert take.position_s < 0.3
        await asyncio.sleep(0.1)
        assert [one.kind for one in vendor.commands] == ["begin", "audio", "cut"]
        for duration_s in (0.0, 0.2):
            take, began_s = await begin_take(sink, tracker, duration_s), now()
            await end(sink, take)
            assert (take.state, take.position_s) == (TakeState.DONE, duration_s)
            assert now() - began_s < 1.1
        await asyncio.sleep(0.1)
    sent_s = [FORMAT.duration_s(len(one.pcm)) for one in vendor.commands if one.kind == "audio"]
    assert sent_s == [0.6, LEAST_S]


@pytest.mark.parametrize(("is_cut", "heard_s"), [(True, 0.4), (False, 0.1)])
async def test_next_take_waits_only_for_silence_that_was_not_cut(
    is_cut: bool, heard_s: float
) -> None:
    vendor = vendor_in(MemoryRoom())
    vendor.fail_socket("never confirms")
    can = replace(Wire.capabilities, reports_started=False, reports_finished=False)
    async with open_parts(vendor, capabilities=can) as (sink, tracker):
        take = await begin_take(sink, tracker, 0.1)
        await end(sink, take)
        assert (take.state, take.position_s) == (TakeState.DONE, pytest.approx(0.1))
        if is_cut:
            await sink.cut(take)
        following = await begin_take(sink, tracker, 1.0)
        await asyncio.sleep(0.55)
        assert following.position_s == pytest.approx(heard_s, abs=0.07)


async def begin_take(sink: AudioSink, tracker: PlaybackTracker, pushed_s: float) -> Take:
    take = Take(1, FORMAT)
    tracker.follow(take)
    await sink.begin(take)
    if pushed_s:
        await push(sink, take, pushed_s)
    return take


async def end(sink: AudioSink, take: Take) -> None:
    """End a take, and wait until the tracker has reported its last state."""
    take.ended = True
    await sink.end(take)
    while not take.state.final:  # noqa: ASYNC110 - virtual time
        await asyncio.sleep(0.01)


async def push(sink: AudioSink, take: Take, duration_s: float) -> None:
    take.pushed_s += duration_s
    await sink.push(b"\1\2" * round(24_000 * duration_s))


@pytest.mark.parametrize(
    ("fault", "pads_last"),
    [
        *(("", True), ("drops in mid-take", True), ("drops for good", True)),
        *(("never confirms", True), ("drops in mid-take", False)),
    ],
)
async def test_speech_of_padded_takes_is_heard_once(fault: str, pads_last: bool) -> None:
    room = MemoryRoom()
    vendor = vendor_in(room)
    vendor.limits = replace(LIMITS, pads_last=pads_last)
    if fault:
        vendor.fail_socket(fault)
    provider = provider_of(vendor, min_chunk_s=LEAST_S, max_chunk_s=MOST_S, pads_last=pads_last)
    avatar = avatar_core.create_avatar([provider], livekit=IN_MEMORY)
    async with Conversation(avatar, room) as conversation:
        await avatar.wait_for_join()
        turn = conversation.say(7)
        await conversation.over(turn)
        turn = conversation.say(7)
        await conversation.interrupt_at(turn, word=4)
        await conversation.over(turn)
        await conversation.over(conversation.say(1))
        assert conversation.faults() == []
    assert vendor.problems == []
    await vendor.aclose()
