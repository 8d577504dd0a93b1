"""`Take.report` keeps its invariants for any reports in any order."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.playback import Take, TakeState

MONO = AudioFormat(24_000)
POSITIONS = st.none() | st.floats()
REPORTS = st.lists(st.tuples(POSITIONS, st.none() | st.sampled_from(TakeState), st.floats(0, 5)))
RANK = {TakeState.OPEN: 0, TakeState.PLAYING: 1}


@given(REPORTS)
def test_position_never_decreases_or_exceeds_the_pushed_audio(
    reports: list[tuple[float | None, TakeState | None, float]],
) -> None:
    take = Take(1, MONO)
    for position_s, state, pushed_s in reports:
        take.pushed_s += pushed_s
        before = take.position_s
        take.report(position_s, state)
        assert math.isfinite(take.position_s)
        assert before <= take.position_s <= take.pushed_s
        assert take.unheard_s >= 0


@given(REPORTS)
def test_take_never_returns_to_an_earlier_state(
    reports: list[tuple[float | None, TakeState | None, float]],
) -> None:
    take = Take(1, MONO)
    for position_s, state, pushed_s in reports:
        take.pushed_s += pushed_s
        before = take.state
        take.report(position_s, state)
        assert RANK.get(take.state, 2) >= RANK.get(before, 2)


@given(REPORTS, st.sampled_from([state for state in TakeState if state.final]))
def test_report_after_a_final_state_is_ignored(
    reports: list[tuple[float | None, TakeState | None, float]], final: TakeState
) -> None:
    updates: list[Take] = []
    take = Take(1, MONO, on_update=updates.append)
    take.pushed_s = 1.0
    take.report(0.5, final)
    count = len(updates)
    for position_s, state, pushed_s in reports:
        take.pushed_s += pushed_s
        take.report(position_s, state)
    assert (take.position_s, take.state) == (0.5, final)
    assert len(updates) == count


@given(POSITIONS, st.none() | st.sampled_from(TakeState))
def test_repeated_report_does_not_call_on_update_again(
    position_s: float | None, state: TakeState | None
) -> None:
    updates: list[Take] = []
    take = Take(1, MONO, on_update=updates.append)
    take.pushed_s = 10.0
    take.report(position_s, state)
    count = len(updates)
    take.report(position_s, state)
    assert len(updates) == count <= 1


def test_take_is_playing_once_its_position_is_above_zero() -> None:
    take = Take(1, MONO)
    take.pushed_s = 1.0
    states = []
    for position_s, state in [(0.0, None), (0.1, TakeState.OPEN), (None, TakeState.OPEN)]:
        take.report(position_s, state)
        states.append(take.state)
    assert states == [TakeState.OPEN, TakeState.PLAYING, TakeState.PLAYING]


def test_take_ids_are_unique_and_have_12_hex_digits() -> None:
    ids = {Take(1, MONO).id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(id) == 12 and int(id, 16) >= 0 for id in ids)
