"""The monitor locates the avatar's sound in the pushed audio, and notices its silence."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable

import numpy as np
import pytest

from avatar_core.contracts.playback import TakeState
from avatar_core.playback.monitor.monitor import FIRST_SOUND_S, SILENT_S
from avatar_core.playback.monitor.state import FADED_DB
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, WordTones
from tests.support.monitored_take import FORMAT, MonitoredTake, heard_sound

SPOKEN = WordTones().speak(VOCABULARY[:18])
SPOKEN_S = FORMAT.duration_s(len(SPOKEN))
GRID_S = 0.05


@pytest.mark.parametrize("delay_s", [0.1, 0.4, 1.0, 3.0, 5.0])
def test_position_follows_the_sound_at_any_latency(delay_s: float) -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=delay_s))
    while not playing.take.state.final:
        assert playing.step() == ""
        heard_s = max(0.0, playing.elapsed_s - delay_s)
        assert playing.take.position_s <= heard_s + GRID_S
        if heard_s > 0.3 and not playing.take.state.final:
            assert playing.take.position_s == pytest.approx(heard_s, abs=GRID_S)
    assert playing.is_done
    assert playing.elapsed_s == pytest.approx(SPOKEN_S + delay_s, abs=0.1)
    assert playing.monitor.latency_s == pytest.approx(delay_s, abs=GRID_S)


@pytest.mark.parametrize("drift", [0.99, 1.01])
def test_position_follows_a_drifting_clock(drift: float) -> None:
    sound = heard_sound(SPOKEN, delay_s=0.0)
    times = np.arange(int(len(sound) * drift)) / drift
    drifting = np.interp(times, np.arange(len(sound)), sound)
    playing = MonitoredTake(SPOKEN, np.concatenate((np.zeros(3200), drifting)))
    while not playing.take.state.final:
        assert playing.step() == ""
        heard_s = max(0.0, (playing.elapsed_s - 0.4) / drift)
        if heard_s > 0.5 and not playing.take.state.final:
            assert playing.take.position_s == pytest.approx(heard_s, abs=GRID_S)
    assert playing.is_done


@pytest.mark.parametrize("fault_s", [0.9, 2.2, 3.05])
def test_silence_in_a_take_is_a_fault_within_a_second(fault_s: float) -> None:
    sound = heard_sound(SPOKEN)
    playing = MonitoredTake(SPOKEN, sound[: round((0.4 + fault_s) * 8000)])
    fault = playing.run()
    assert "silent" in fault
    assert SILENT_S <= playing.elapsed_s - 0.4 - fault_s <= SILENT_S + WORD_S
    assert fault_s - WORD_S <= playing.take.position_s <= fault_s + WORD_S / 2


@pytest.mark.parametrize("heard_s", [0.04, 0.07, 0.1, 0.4, 0.7])
@pytest.mark.parametrize("delay_s", [0.1, 0.4, 1.5])
def test_position_stops_where_a_worker_stopped_that_was_not_located(
    heard_s: float, delay_s: float
) -> None:
    sound = heard_sound(SPOKEN, delay_s=delay_s)
    playing = MonitoredTake(SPOKEN, sound[: round((delay_s + heard_s) * 8000)])
    assert playing.run() != ""
    assert playing.take.position_s <= heard_s + GRID_S


@pytest.mark.parametrize("heard_s", [0.05, 0.08, 0.38, 0.7, 1.0])
@pytest.mark.parametrize("fade_db", [1.3, 2.0])
def test_sound_that_a_receiver_continues_is_not_certain(heard_s: float, fade_db: float) -> None:
    sound = heard_sound(SPOKEN)[: round((0.4 + heard_s) * 8000)]
    continued = np.tile(sound[-160:], 20)  # 0.4 s of the last 20 ms
    fading = continued * 10 ** (-fade_db * np.arange(len(continued)) / 80 / 20)
    playing = MonitoredTake(SPOKEN, np.concatenate((sound, fading)))
    assert playing.run() != ""
    assert playing.take.certain_s is not None
    assert playing.take.certain_s <= heard_s + FADED_DB / fade_db / 100 + GRID_S


def test_speech_up_to_a_pause_is_certain() -> None:
    pause_s = 3 * WORD_S - 0.02
    sound = heard_sound(SPOKEN)[: round((0.4 + pause_s) * 8000)]
    playing = MonitoredTake(SPOKEN, sound)
    assert playing.run() != ""
    assert playing.take.certain_s == pytest.approx(pause_s, abs=GRID_S)


def test_worker_that_was_never_heard_may_be_late() -> None:
    playing = MonitoredTake(SPOKEN * 2, np.zeros(1))
    fault = playing.run()
    assert "silent" in fault
    assert playing.elapsed_s == pytest.approx(0.4 + FIRST_SOUND_S, abs=0.1)
    assert playing.take.position_s == 0


def test_worker_that_cannot_be_late_is_silent_early() -> None:
    playing = MonitoredTake(SPOKEN, np.zeros(1))
    playing.monitor.first_sound_s = 0.0
    assert "silent" in playing.run()
    assert playing.elapsed_s == pytest.approx(0.4 + SILENT_S, abs=0.1)


def test_user_limits_the_time_to_the_first_sound() -> None:
    playing = MonitoredTake(SPOKEN, np.zeros(1))
    playing.monitor.first_sound_s = 1.5
    assert "silent" in playing.run()
    assert playing.elapsed_s == pytest.approx(0.4 + 1.5, abs=0.1)


def play_on_a_slow_line(sound: np.ndarray, *, arrives: Callable[[float], bool]) -> MonitoredTake:
    """Play a take whose worker confirms, while `arrives`, the audio that was sent before."""
    playing = MonitoredTake(SPOKEN, sound)
    while not playing.take.state.final:
        playing.monitor.note_sent()
        note_response = playing.monitor.responses.note_request()
        if playing.step():
            break
        if arrives(playing.elapsed_s):
            note_response(True)
    return playing


def test_worker_that_waits_for_audio_has_no_fault() -> None:
    sound, at = heard_sound(SPOKEN), round(2.2 * 8000)
    late = np.concatenate((sound[:at], np.zeros(2 * 8000), sound[at:]))
    playing = play_on_a_slow_line(late, arrives=lambda at_s: not 0.7 < at_s < 3.9)
    assert playing.is_done


def test_slow_responses_do_not_lose_a_worker_that_waits_for_audio() -> None:
    sound, at = heard_sound(SPOKEN), round(2.2 * 8000)
    late = np.concatenate((sound[:at], np.zeros(6 * 8000), sound[at:]))
    playing = MonitoredTake(SPOKEN, late)
    responses, requested_at_s = playing.monitor.responses, 0.0
    note_response = responses.note_request()
    while not playing.take.state.final:
        playing.monitor.note_sent()
        assert playing.step() == ""
        if playing.elapsed_s - requested_at_s >= 4.5:
            note_response(True)
            note_response, requested_at_s = responses.note_request(), playing.elapsed_s
    assert playing.is_done


def test_silence_after_the_arrival_of_the_audio_is_a_fault_within_a_second() -> None:
    sound = heard_sound(SPOKEN)[: round(2.2 * 8000)]
    playing = play_on_a_slow_line(sound, arrives=lambda at_s: True)
    assert SILENT_S <= playing.elapsed_s - 2.2 <= SILENT_S + WORD_S


@pytest.mark.parametrize("seed", [3, 21])
def test_speech_in_short_parts_is_heard_to_its_end(seed: float) -> None:
    sound, dice, at = heard_sound(SPOKEN), random.Random(seed), round(2.4 * 8000)
    parts = [sound[:at], np.zeros(round(dice.uniform(0.1, 0.5) * 8000))]
    while at < len(sound):
        count = round(dice.uniform(0.08, 0.5) * 8000)
        parts += [sound[at : at + count], np.zeros(round(dice.uniform(0.1, 0.5) * 8000))]
        at += count
    playing = MonitoredTake(SPOKEN, np.concatenate(parts))
    while not playing.take.state.final:
        assert playing.step() == ""
    assert playing.is_done


def test_worker_that_confirms_no_audio_is_silent_after_five_seconds() -> None:
    spoken = SPOKEN * 2
    playing = MonitoredTake(spoken, heard_sound(spoken)[: round(2.2 * 8000)])
    playing.monitor.responses.note_request()(True)
    assert "silent" in playing.run()
    assert FIRST_SOUND_S <= playing.elapsed_s - 2.2 <= FIRST_SOUND_S + WORD_S


def test_worker_without_responses_is_silent_within_a_second() -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN)[: round(2.2 * 8000)])
    playing.monitor.responses.note_request()(False)
    assert "silent" in playing.run()
    assert SILENT_S <= playing.elapsed_s - 2.2 <= SILENT_S + WORD_S


def test_stall_shifts_the_position() -> None:
    sound, at = heard_sound(SPOKEN), round(2.9 * 8000)
    stalled = np.concatenate((sound[:at], np.zeros(round(0.5 * 8000)), sound[at:]))
    playing = MonitoredTake(SPOKEN, stalled)
    while not playing.take.state.final:
        assert playing.step() == ""
        if playing.elapsed_s > 4.2 and not playing.take.state.final:
            assert playing.take.position_s == pytest.approx(playing.elapsed_s - 0.9, abs=GRID_S)
    assert playing.is_done


def test_second_take_is_located_at_its_first_sound() -> None:
    first = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=1.0))
    first.run()
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=1.1), previous=first)
    playing.run(until_s=1.2)
    assert playing.take.position_s == pytest.approx(0.1, abs=GRID_S)
    playing.run()
    assert playing.is_done


def test_silent_second_take_is_a_fault_after_the_measured_latency() -> None:
    first = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=1.0))
    first.run()
    playing = MonitoredTake(SPOKEN, np.zeros(1), previous=first)
    assert "silent" in playing.run()
    assert playing.elapsed_s == pytest.approx(1.0 + SILENT_S, abs=0.15)


def test_positions_of_other_sources_are_limited_to_the_heard_audio() -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=3.0))
    playing.run(until_s=4.0)
    playing.take.report(5.0, TakeState.DONE)
    assert playing.take.state is TakeState.PLAYING
    assert playing.take.position_s == pytest.approx(1.0, abs=GRID_S)
    assert playing.take.claimed_s == pytest.approx(5.0, abs=0.1)


def test_interruption_ends_at_the_last_sound() -> None:
    sound = heard_sound(SPOKEN)
    playing = MonitoredTake(SPOKEN, sound[: round(2.65 * 8000)])
    playing.run(until_s=2.5)
    playing.take.cutting = True
    playing.run()
    assert playing.take.state is TakeState.CUT
    assert playing.take.position_s == pytest.approx(2.25, abs=0.06)


def test_greeting_of_the_vendor_moves_no_position() -> None:
    greeting = heard_sound(WordTones().speak(VOCABULARY[26:32]), delay_s=0.0)
    sound = np.concatenate((greeting, heard_sound(SPOKEN, delay_s=0.2)))
    playing = MonitoredTake(SPOKEN, sound)
    assert playing.run(until_s=1.7) == ""
    assert playing.take.position_s == 0
    assert playing.run() == ""
    assert playing.is_done


def test_altered_voice_is_logged_once_and_judged_by_its_loudness(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rng = np.random.default_rng(1)
    sound = heard_sound(SPOKEN)
    loud = np.repeat(np.abs(sound).reshape(-1, 40).max(axis=1), 40)
    voice = rng.standard_normal(len(loud)) * loud * 0.5
    fault_at = round(4.4 * 8000)
    playing = MonitoredTake(SPOKEN, voice[:fault_at])
    with caplog.at_level(logging.WARNING):
        fault = playing.run()
    assert "silent" in fault
    assert playing.elapsed_s == pytest.approx(4.4 + SILENT_S, abs=WORD_S + 0.1)
    assert [record.message for record in caplog.records if "differs" in record.message]
    assert len(caplog.records) == 1


async def test_closed_monitor_lifts_its_limit() -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=3.0))
    playing.run(until_s=2.0)
    assert playing.take.heard_at_most_s == 0
    await playing.monitor.aclose()
    assert playing.audio.closed
    playing.take.report(1.0)
    assert playing.take.position_s == pytest.approx(1.0)


@pytest.mark.parametrize("duration_s", [0.004, 0.02, 0.1, 3.0])
def test_take_of_silence_ends_when_the_silence_was_due(duration_s: float) -> None:
    playing = MonitoredTake(bytes(FORMAT.size(duration_s)), np.zeros(1))
    assert playing.run() == ""
    assert playing.is_done
    assert duration_s <= playing.elapsed_s <= duration_s + 0.6


def test_silence_before_the_speech_does_not_advance_the_position_of_the_speech() -> None:
    pushed = bytes(FORMAT.size(1.2)) + SPOKEN
    playing = MonitoredTake(pushed, heard_sound(pushed, delay_s=1.0))
    while not playing.take.state.final:
        assert playing.step() == ""
        heard_s = max(0.0, playing.elapsed_s - 1.0)
        assert playing.take.position_s <= max(heard_s + GRID_S, 1.2)
    assert playing.is_done


@pytest.mark.parametrize(("claimed_s", "counted_s"), [(2.15, 2.15), (2.6, 2.22)])
def test_confirmed_interruption_includes_sound_on_its_way(
    claimed_s: float, counted_s: float
) -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN))
    playing.run(until_s=2.5)
    playing.take.cutting = True
    playing.monitor.expect_cut()
    playing.take.report(claimed_s, TakeState.CUT)
    assert playing.take.position_s == pytest.approx(counted_s, abs=0.03)
