"""Cases: audio frames of an application or a TTS that cannot be played as they are."""

from __future__ import annotations

from livekit import rtc

from avatar_core.contracts.errors import AudioError
from tests.faults.case import Case
from tests.faults.environment import (
    SPOKEN_WORDS,
    frames_of,
    say_frames,
    say_until_upstream_fails,
    spoken_frames,
)

HALF = len(SPOKEN_WORDS) // 2
FIRST, REST = SPOKEN_WORDS[:HALF], SPOKEN_WORDS[HALF:]
HEARD = "every word is heard once, one finish"


def frame(data: bytes, rate_hz: int = 24_000, channels: int = 1) -> list[rtc.AudioFrame]:
    """Return one frame, whose fields may contradict its data."""
    return [rtc.AudioFrame(data, rate_hz, channels, 0)]


def dropped_frame(id: str, fault: str, bad: list[rtc.AudioFrame], mentions: list[str]) -> Case:
    """Return a case: avatar-core drops a frame in the middle of a turn, and logs an error."""
    return Case(
        id=f"audio.{id}",
        fault=fault,
        provoke=say_frames(spoken_frames(FIRST), bad, spoken_frames(REST)),
        error=AudioError,
        code="AV409",
        mentions=mentions,
    )


def accepted(id: str, fault: str, *frames: list[rtc.AudioFrame]) -> Case:
    """Return a case: unusual audio that is heard."""
    return Case(
        id=f"audio.{id}", fault=fault, provoke=say_frames(*frames), error=None, consequence=HEARD
    )


def stereo_frames(spoken_words: tuple[str, ...]) -> list[rtc.AudioFrame]:
    """Return frames in which the words are spoken in stereo."""
    mono = b"".join(bytes(piece.data) for piece in spoken_frames(spoken_words))
    stereo = b"".join(2 * mono[at : at + 2] for at in range(0, len(mono), 2))
    return frames_of(stereo, channels=2)


CASES = [
    Case(
        id="audio.rate.zero",
        fault="0 Hz",
        provoke=say_until_upstream_fails(spoken_frames(FIRST), frame(bytes(960), rate_hz=0)),
        error=None,
        consequence="livekit-agents divides by it and ends the turn before avatar-core gets the "
        "frame; the audio before it is heard, and the next turn too",
    ),
    dropped_frame("rate.slow", "100 Hz", frame(bytes(960), rate_hz=100), ["100 Hz"]),
    dropped_frame("rate.fast", "1 MHz", frame(bytes(960), rate_hz=1_000_000), ["1000000 Hz"]),
    dropped_frame("rate.negative", "-24000 Hz", frame(bytes(960), rate_hz=-24_000), ["-24000 Hz"]),
    dropped_frame(
        "channels.none", "no channel", frame(bytes(960), channels=0), ["with 0 channels"]
    ),
    dropped_frame(
        "channels.many", "99 channels", frame(bytes(1980), channels=99), ["with 99 channels"]
    ),
    dropped_frame(
        "half-sample", "half a stereo sample", frame(bytes(962), channels=2), ["962 bytes"]
    ),
    accepted("rate.odd", "11025 Hz", spoken_frames(SPOKEN_WORDS, 11_025)),
    accepted("rate.prime", "23993 Hz", spoken_frames(SPOKEN_WORDS, 23_993)),
    accepted(
        "length.zero",
        "empty frames",
        frame(b""),
        spoken_frames(FIRST),
        frame(b""),
        spoken_frames(REST),
    ),
    accepted(
        "length.short", "one sample", spoken_frames(FIRST), frame(bytes(2)), spoken_frames(REST)
    ),
    accepted("stereo", "two channels", stereo_frames(SPOKEN_WORDS)),
    accepted(
        "rate.change",
        "the rate changes in mid-segment",
        spoken_frames(FIRST, 24_000),
        spoken_frames(REST, 16_000),
    ),
    accepted(
        "rate.change-empty",
        "the rate changes with an empty frame",
        spoken_frames(FIRST, 24_000),
        frame(b"", 16_000),
        spoken_frames(REST, 48_000),
    ),
    accepted("channels.change", "mono, then stereo", spoken_frames(FIRST), stereo_frames(REST)),
]
