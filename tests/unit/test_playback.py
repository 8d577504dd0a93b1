"""The laws of `Take.report`, under any facts in any order."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take, TakeState

MONO = AudioFormat(24_000)
POSITIONS = st.none() | st.floats()
FACTS = st.lists(st.tuples(POSITIONS, st.none() | st.sampled_from(TakeState), st.floats(0, 5)))
RANK = {TakeState.OPEN: 0, TakeState.PLAYING: 1}


@given(FACTS)
def test_the_position_never_falls_nor_leaves_what_was_pushed(
    facts: list[tuple[float | None, TakeState | None, float]],
) -> None:
    take = Take(1, MONO)
    for position_s, state, pushed_s in facts:
        take.pushed_s += pushed_s
        before = take.position_s
        take.report(position_s, state)
        assert math.isfinite(take.position_s)
        assert before <= take.position_s <= take.pushed_s
        assert take.unheard_s >= 0


@given(FACTS)
def test_the_state_never_moves_back(
    facts: list[tuple[float | None, TakeState | None, float]],
) -> None:
    take = Take(1, MONO)
    for position_s, state, pushed_s in facts:
        take.pushed_s += pushed_s
        before = take.state
        take.report(position_s, state)
        assert RANK.get(take.state, 2) >= RANK.get(before, 2)


@given(FACTS, st.sampled_from([state for state in TakeState if state.final]))
def test_a_finished_take_is_deaf(
    facts: list[tuple[float | None, TakeState | None, float]], final: TakeState
) -> None:
    changes: list[Take] = []
    take = Take(1, MONO, changed=changes.append)
    take.pushed_s = 1.0
    take.report(0.5, final)
    told = len(changes)
    for position_s, state, pushed_s in facts:
        take.pushed_s += pushed_s
        take.report(position_s, state)
    assert (take.position_s, take.state) == (0.5, final)
    assert len(changes) == told


@given(POSITIONS, st.none() | st.sampled_from(TakeState))
def test_the_same_fact_twice_is_told_once(
    position_s: float | None, state: TakeState | None
) -> None:
    changes: list[Take] = []
    take = Take(1, MONO, changed=changes.append)
    take.pushed_s = 10.0
    take.report(position_s, state)
    told = len(changes)
    take.report(position_s, state)
    assert len(changes) == told <= 1


def test_a_position_shows_that_it_plays() -> None:
    take = Take(1, MONO)
    take.pushed_s = 1.0
    states = []
    for position_s, state in [(0.0, None), (0.1, TakeState.OPEN), (None, TakeState.OPEN)]:
        take.report(position_s, state)
        states.append(take.state)
    assert states == [TakeState.OPEN, TakeState.PLAYING, TakeState.PLAYING]


def test_ids_are_12_hex_digits_and_unique() -> None:
    ids = {Take(1, MONO).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(id) == 12 and int(id, 16) >= 0 for id in ids)
