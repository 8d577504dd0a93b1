"""The parts of a socket transport: pieces of audio, and the facts that the vendor reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

import avatar_core
from avatar_core import SocketFact, SocketOptions, Take, TakeState
from avatar_core.bases.socket_sink import Pieces
from avatar_core.bases.socket_tracker import SocketTracker
from avatar_core.testing.link_spy import sink_context
from avatar_core.testing.room.room import MemoryRoom
from tests.unit.socket_provider import Wire, WireSettings

pytestmark = pytest.mark.virtual_time

FORMAT = avatar_core.AudioFormat(24_000)


# Pieces of audio.


@pytest.mark.parametrize("chunk_s", [0.02, 0.1, 0.7])
def test_pieces_keep_the_limits_and_all_audio(chunk_s: float) -> None:
    options = SocketOptions(first_chunk_s=0.3, min_chunk_s=0.5, max_chunk_s=0.6, pads_last=False)
    pieces, sent, pushed = Pieces(FORMAT, options), [], b""
    for number in range(20):
        chunk = bytes([number]) * FORMAT.size(chunk_s)
        pushed += chunk
        sent += list(pieces.add(chunk))
    rest = list(pieces.rest())
    assert b"".join([*sent, *rest]) == pushed
    lengths_s = [FORMAT.duration_s(len(piece)) for piece in sent]
    assert lengths_s[0] >= 0.3
    assert all(0.5 <= length_s <= 0.6 for length_s in lengths_s[1:])
    assert all(FORMAT.duration_s(len(piece)) <= 0.6 for piece in rest)


def test_pieces_without_a_minimum_are_sent_at_once() -> None:
    pieces = Pieces(FORMAT, SocketOptions())
    assert list(pieces.add(b"\1\2" * 480)) == [b"\1\2" * 480]
    assert list(pieces.add(b"")) == list(pieces.rest()) == []


# Facts.


def make_tracker(is_down: Callable[[], bool]) -> SocketTracker:
    link = MemoryRoom().agent()
    return SocketTracker(sink_context(link, reports_started=True, playout_latency_s=0.1), is_down)


@asynccontextmanager
async def tracker_with_take(pushed_s: float = 2.0) -> AsyncIterator[tuple[SocketTracker, Take]]:
    tracker = make_tracker(lambda: False)
    take = Take(1, FORMAT)
    tracker.follow(take)
    take.pushed_s = pushed_s
    yield tracker, take
    await tracker.aclose()


async def test_facts_of_the_current_take_are_applied() -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(1.0)
        assert tracker.apply(SocketFact("started", take.id))
        assert tracker.apply(SocketFact("position", take.id, 0.9))
        assert (take.state, take.position_s) == (TakeState.PLAYING, pytest.approx(0.9))
        assert not tracker.is_estimate
        take.ended = True
        await asyncio.sleep(1.0)
        assert tracker.apply(SocketFact("finished"))
        assert (take.state, take.position_s) == (TakeState.DONE, 2.0)
        assert not tracker.may_sound


@pytest.mark.parametrize(
    ("fact", "is_possible"),
    [
        (SocketFact("position", "other-take", 1.0), True),
        (SocketFact("position", "", 9.0), True),
        (SocketFact("position", "", float("nan")), False),
        (SocketFact("position", "", float("inf")), True),
        (SocketFact("position", "", -1.0), False),
        (SocketFact("finished"), True),
    ],
)
async def test_facts_that_cannot_be_about_the_take_are_ignored(
    fact: SocketFact, is_possible: bool
) -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(0.3)
        before = take.state, take.position_s
        assert tracker.apply(fact) is is_possible
        assert (take.state, take.position_s) == before


async def test_early_finish_of_a_complete_take_is_ignored() -> None:
    async with tracker_with_take(pushed_s=5.0) as (tracker, take):
        take.ended = True
        await asyncio.sleep(1.0)
        tracker.apply(SocketFact("finished", take.id))
        assert not take.state.final


async def test_finish_after_a_cut_confirms_the_cut() -> None:
    async with tracker_with_take() as (tracker, take):
        await asyncio.sleep(1.0)
        take.cutting = True
        tracker.apply(SocketFact("finished", take.id, 0.8))
        assert (take.state, take.position_s) == (TakeState.CUT, pytest.approx(0.8))


async def test_estimate_stands_still_while_the_socket_is_down() -> None:
    down: list[bool] = []
    tracker = make_tracker(lambda: bool(down))
    take = Take(1, FORMAT)
    tracker.follow(take)
    take.pushed_s = 5.0
    await asyncio.sleep(0.1)
    tracker.apply(SocketFact("started"))
    await asyncio.sleep(1.0)
    down.append(True)
    await asyncio.sleep(0.05)
    before_s = take.position_s
    await asyncio.sleep(1.0)
    assert take.position_s == before_s > 0.8
    await tracker.aclose()


def test_piece_that_is_longer_than_the_longest_is_refused() -> None:
    with pytest.raises(avatar_core.ConfigError, match=r"max_chunk_s=0\.5 is shorter"):
        type("Declared", (Wire,), {"min_chunk_s": 1.0, "max_chunk_s": 0.5})(WireSettings())


def test_run_ahead_is_long_enough_for_two_pieces() -> None:
    provider: Any = type("Declared", (Wire,), {"min_chunk_s": 1.0})(WireSettings())
    assert provider.capabilities.run_ahead_s == 2.0
