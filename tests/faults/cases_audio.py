"""Rows: frames that an application or a TTS can hand in and that cannot be played as they are."""

from __future__ import annotations

from livekit import rtc

from avatar_core.contracts.errors import AudioError
from tests.faults.case import Row
from tests.faults.environment import WORDS, ended_upstream, frames_of, saying, spoken

HALF = len(WORDS) // 2
FIRST, REST = WORDS[:HALF], WORDS[HALF:]
HEARD = "every word is heard once, one finish"


def frame(data: bytes, rate_hz: int = 24_000, channels: int = 1) -> list[rtc.AudioFrame]:
    """One frame that says what it likes."""
    return [rtc.AudioFrame(data, rate_hz, channels, 0)]


def dropped(id: str, wrong: str, bad: list[rtc.AudioFrame], names: list[str]) -> Row:
    """A frame in the middle of a turn that is dropped with an error in the log."""
    return Row(
        id=f"audio.{id}",
        wrong=wrong,
        provoke=saying(spoken(FIRST), bad, spoken(REST)),
        error=AudioError,
        code="AV400",
        names=names,
    )


def taken(id: str, wrong: str, *frames: list[rtc.AudioFrame]) -> Row:
    """Audio that is unusual, and heard all the same."""
    return Row(id=f"audio.{id}", wrong=wrong, provoke=saying(*frames), error=None, instead=HEARD)


def doubled(words: tuple[str, ...]) -> list[rtc.AudioFrame]:
    """Words in stereo."""
    mono = b"".join(bytes(piece.data) for piece in spoken(words))
    stereo = b"".join(2 * mono[at : at + 2] for at in range(0, len(mono), 2))
    return frames_of(stereo, channels=2)


ROWS = [
    Row(
        id="audio.rate.zero",
        wrong="0 Hz",
        provoke=ended_upstream(spoken(FIRST), frame(bytes(960), rate_hz=0)),
        error=None,
        instead="livekit-agents divides by it and ends the turn before we see the frame; what "
        "came before it is heard, and the next turn too",
    ),
    dropped("rate.slow", "100 Hz", frame(bytes(960), rate_hz=100), ["100 Hz"]),
    dropped("rate.fast", "1 MHz", frame(bytes(960), rate_hz=1_000_000), ["1000000 Hz"]),
    dropped("rate.negative", "-24000 Hz", frame(bytes(960), rate_hz=-24_000), ["-24000 Hz"]),
    dropped("channels.none", "no channel", frame(bytes(960), channels=0), ["0 audio channels"]),
    dropped("channels.many", "99 channels", frame(bytes(1980), channels=99), ["99 audio channels"]),
    dropped("half-sample", "half a stereo sample", frame(bytes(962), channels=2), ["962 bytes"]),
    taken("rate.odd", "11025 Hz", spoken(WORDS, 11_025)),
    taken("rate.prime", "23993 Hz", spoken(WORDS, 23_993)),
    taken("length.zero", "empty frames", frame(b""), spoken(FIRST), frame(b""), spoken(REST)),
    taken("length.short", "one sample", spoken(FIRST), frame(bytes(2)), spoken(REST)),
    taken("stereo", "two channels", doubled(WORDS)),
    taken("rate.change", "the rate changes in mid-segment",
          spoken(FIRST, 24_000), spoken(REST, 16_000)),
    taken("rate.change-empty", "the rate changes with an empty frame",
          spoken(FIRST, 24_000), frame(b"", 16_000), spoken(REST, 48_000)),
    taken("channels.change", "mono, then stereo", spoken(FIRST), doubled(REST)),
]  # fmt: skip
