"""The monitor finishes unusual takes, and survives unusual sound and its own errors."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from avatar_core.contracts.playback import TakeState
from avatar_core.playback.monitor.monitor import FIRST_SOUND_S, SILENT_S, STALE_S
from avatar_core.playback.monitor.playhead import Playhead
from avatar_core.playback.monitor.silence import STUCK_S, Silence
from avatar_core.testing.audio.tones import VOCABULARY, WORD_S, WordTones
from tests.support.monitored_take import FORMAT, RUN_AHEAD_S, STEP_S, MonitoredTake, heard_sound
from tests.unit.sound import silence, tone

LATENCY_S = 0.4
SPOKEN = WordTones().speak(VOCABULARY[:10])
KINDS = {
    "shorter than a frame of the monitor": tone(0.006),
    "one frame": tone(0.02),
    "a beep": tone(0.1),
    "silence": silence(2.0),
    "quiet speech": (np.frombuffer(SPOKEN, "<i2") * 0.012).astype("<i2").tobytes(),
    "constant tone": tone(3.0),
    "noise": np.random.default_rng(1).normal(0, 3000, 72_000).astype("<i2").tobytes(),
    "silence before speech": silence(0.5) + SPOKEN,
    "long silence before speech": silence(2.5) + SPOKEN,
    "silence after speech": SPOKEN + silence(2.0),
}


def known_worker() -> MonitoredTake:
    """Return a take that a worker has played, so that the monitor knows the latency."""
    first = MonitoredTake(SPOKEN, heard_sound(SPOKEN))
    first.run()
    assert first.is_done
    return first


def other_voice(pcm: bytes, delay_s: float) -> np.ndarray:
    """Return noise that is as loud as the speech at each moment."""
    sound = heard_sound(pcm, delay_s=0.0)
    sound = sound[: len(sound) // 40 * 40]
    level = np.repeat(np.abs(sound).reshape(-1, 40).max(axis=1), 40)
    voice = np.random.default_rng(1).standard_normal(len(level)) * level * 0.5
    return np.concatenate((np.zeros(round(delay_s * 8000)), voice))


@pytest.mark.parametrize("is_known", [False, True], ids=["first take", "later take"])
@pytest.mark.parametrize("kind", KINDS)
def test_unusual_take_ends_with_its_sound(kind: str, is_known: bool) -> None:
    pcm = KINDS[kind]
    previous = known_worker() if is_known else None
    playing = MonitoredTake(pcm, heard_sound(pcm), previous=previous)
    while not playing.take.state.final and playing.elapsed_s < 20.0:
        assert playing.step() == ""
        heard_s = max(0.0, playing.elapsed_s - LATENCY_S)
        assert playing.take.position_s <= heard_s + 2 * STEP_S
    assert playing.is_done
    assert playing.elapsed_s <= FORMAT.duration_s(len(pcm)) + LATENCY_S + 0.6


@pytest.mark.parametrize("duration_s", [0.1, 0.19, 0.3])
def test_silent_worker_loses_a_short_take(duration_s: float) -> None:
    playing = MonitoredTake(tone(duration_s), np.zeros(1), previous=known_worker())
    assert "silent" in playing.run()
    assert playing.take.position_s == 0
    assert playing.elapsed_s == pytest.approx(LATENCY_S + SILENT_S, abs=0.1)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_short_speech_in_another_voice_is_heard(count: int) -> None:
    pcm = WordTones().speak(VOCABULARY[:count])
    playing = MonitoredTake(pcm, other_voice(pcm, 1.0))
    assert playing.run() == ""
    assert playing.is_done
    assert playing.elapsed_s <= FORMAT.duration_s(len(pcm)) + 1.0 + 0.6


@pytest.mark.parametrize(("count", "delay_s"), [(1, 0.6), (4, 1.6), (10, 0.6), (10, 1.6)])
def test_later_take_in_another_voice_may_come_earlier_or_later(count: int, delay_s: float) -> None:
    first = MonitoredTake(SPOKEN, other_voice(SPOKEN, 1.0))
    first.run()
    assert first.is_done
    pcm = WordTones().speak(VOCABULARY[:count])
    playing = MonitoredTake(pcm, other_voice(pcm, delay_s), previous=first)
    assert playing.run() == ""
    assert playing.is_done
    assert playing.elapsed_s <= FORMAT.duration_s(len(pcm)) + delay_s + 1.0


def test_unrelated_short_sound_is_not_the_speech() -> None:
    sound = np.concatenate((np.zeros(4000), heard_sound(tone(0.2), delay_s=0.0)))
    playing = MonitoredTake(SPOKEN, sound)
    assert "silent" in playing.run()
    assert playing.take.position_s < 2 * WORD_S
    assert playing.elapsed_s <= LATENCY_S + FIRST_SOUND_S + 1.0


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("every_s", [0.3, 0.6, 3.0])
@pytest.mark.parametrize("heard_s", [0.0, 2.5])
def test_clicks_do_not_hide_that_a_worker_stopped(
    is_known: bool, every_s: float, heard_s: float
) -> None:
    beep = heard_sound(tone(0.03), delay_s=0.0)
    click = np.concatenate((beep, np.zeros(round(every_s * 8000) - len(beep))))
    clicks = np.tile(click, round(40 / every_s))
    spoken = heard_sound(SPOKEN, delay_s=LATENCY_S)[: round((LATENCY_S + heard_s) * 8000)]
    known = known_worker() if is_known else None
    playing = MonitoredTake(SPOKEN, np.concatenate((spoken, clicks)), previous=known)
    fault = playing.run()
    assert fault or playing.is_done
    assert playing.elapsed_s <= FORMAT.duration_s(len(SPOKEN)) + LATENCY_S + STUCK_S + 1.0


def test_speech_that_was_sent_long_ahead_is_not_stuck() -> None:
    long = SPOKEN * 4
    playing = MonitoredTake(long, heard_sound(long))
    playing.run_ahead_s = 60.0
    assert playing.run() == ""
    assert playing.is_done


def test_speech_continues_after_an_underrun_of_thirty_seconds() -> None:
    half = len(SPOKEN) // 2
    playing = MonitoredTake(SPOKEN[:half], heard_sound(SPOKEN[:half]))
    sound = heard_sound(SPOKEN[:half])
    gap_s = 30.0
    rest = heard_sound(SPOKEN[half:], delay_s=0.0)
    gap = np.zeros(round((gap_s + LATENCY_S) * 8000) - len(sound))
    playing.replace_sound(np.concatenate((sound, gap, rest)))
    playing.is_open = True
    while playing.elapsed_s < gap_s:
        assert playing.step() == ""
    assert playing.take.state is TakeState.PLAYING
    playing.append(SPOKEN[half:])
    playing.is_open = False
    while not playing.take.state.final and playing.elapsed_s < gap_s + 10.0:
        assert playing.step() == ""
    assert playing.is_done
    spoken_s = FORMAT.duration_s(len(SPOKEN) - half)
    assert playing.elapsed_s == pytest.approx(gap_s + LATENCY_S + spoken_s, abs=0.1)


@pytest.mark.parametrize("repeated_s", [0.6, 1.0, 2.0])
def test_repeated_sound_in_an_underrun_leaves_the_latency(repeated_s: float) -> None:
    half, gap_s = len(SPOKEN) // 2, 4.0
    first = known_worker()
    latency_s = first.monitor.latency_s
    sound = heard_sound(SPOKEN[:half])
    echo = sound[-round(repeated_s * 8000) :]
    rest = heard_sound(SPOKEN[half:], delay_s=0.0)
    gap = np.zeros(round((gap_s + LATENCY_S) * 8000) - len(sound) - len(echo))
    playing = MonitoredTake(SPOKEN[:half], np.concatenate((sound, echo, gap, rest)), previous=first)
    playing.is_open = True
    while playing.elapsed_s < gap_s:
        assert playing.step() == ""
        assert playing.monitor.latency_s == pytest.approx(latency_s, abs=0.3)
    playing.append(SPOKEN[half:])
    playing.is_open = False
    assert playing.run() == ""
    assert playing.is_done
    assert playing.monitor.latency_s == pytest.approx(latency_s, abs=0.3)


@pytest.mark.parametrize("block_s", [0.3, 3.0])
@pytest.mark.parametrize("at_s", [0.2, 1.0])
def test_blocked_event_loop_causes_no_fault_and_keeps_the_limit(
    block_s: float, at_s: float
) -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN, delay_s=3.0))
    playing.run(until_s=3.0 + at_s)
    limit_s = playing.take.heard_at_most_s
    playing.clock.now_s += block_s
    assert playing.monitor.check() == ""
    assert playing.take.heard_at_most_s == limit_s
    for _ in range(round(block_s / STEP_S)):  # the audio that waited
        playing.hear()
    assert playing.run() == ""
    assert playing.is_done


def test_limit_ends_if_no_audio_arrives() -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN))
    playing.run(until_s=1.0)
    assert playing.take.heard_at_most_s is not None
    for _ in range(round(STALE_S / STEP_S) + 2):
        playing.clock.now_s += STEP_S
        assert playing.monitor.check() == ""
    assert playing.take.heard_at_most_s is None


@pytest.mark.parametrize(("owner", "name"), [(Playhead, "hear"), (Silence, "overdue_s")])
def test_error_in_the_monitor_is_logged_once_and_lifts_its_limit(
    owner: type, name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    playing = MonitoredTake(SPOKEN, heard_sound(SPOKEN))
    playing.run(until_s=1.0)

    def fail(*_: object) -> None:
        raise ValueError("a fault of the test")

    monkeypatch.setattr(owner, name, fail)
    with caplog.at_level(logging.WARNING):
        playing.run(until_s=RUN_AHEAD_S + 1.0)
        playing.monitor.follow(playing.take)
        playing.run(until_s=RUN_AHEAD_S + 2.0)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert playing.take.heard_at_most_s is None
    assert playing.audio.handler is None
    playing.take.report(playing.take.pushed_s, TakeState.DONE)
    assert playing.is_done


@pytest.mark.parametrize("word", [5, 9], ids=["middle", "last"])
@pytest.mark.parametrize("heard_s", [0.04, 0.07, 0.1])
def test_partly_played_word_does_not_count_as_heard(word: int, heard_s: float) -> None:
    fault_s = word * WORD_S + heard_s
    sound = heard_sound(SPOKEN)[: round((LATENCY_S + fault_s) * 8000)]
    playing = MonitoredTake(SPOKEN, sound, previous=known_worker())
    assert "silent" in playing.run()
    assert playing.take.position_s == pytest.approx(fault_s, abs=0.06)
