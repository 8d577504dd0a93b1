"""Checks of a renderer's calls: odd chunks, pauses, interruptions, skipped and missing audio."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from avatar_core.contracts.renderer import VideoFrame
from avatar_core.testing.suites.check import CheckFailed, Level, NotApplicable, check
from avatar_core.testing.suites.renderer.drawing import (
    Reaction,
    check_frame,
    create,
    make_vowel,
    rest,
    speak,
    split,
)

if TYPE_CHECKING:
    from avatar_core.testing.suites.renderer_suite import RendererSuite

ONSET_S, RETURN_S = 0.25, 0.8
"""Seconds in which the image must show that speech began, and that it ended."""
SPEAKS = 0.4
"""A frame whose `Reaction.measure` is above this value shows speech."""


@check("R07", Level.SILVER)
def odd_chunks_are_accepted(suite: RendererSuite) -> None:
    """Silent, very loud, very short and empty chunks raise no error and give valid frames."""
    renderer = create(suite)
    format = renderer.audio
    size = format.size(1 / renderer.fps)
    loudest = b"\xff\x7f" * (size // 2)
    lowest = b"\x00\x80" * (size // 2)
    one = b"\x01\x00" * format.channels
    for speech in (bytes(size), loudest, lowest, loudest + one, one, bytes(size) + one * 3, b""):
        chunks = list(split(renderer, speech)) or [(b"", b"", True)]
        for ahead, chunk, last in chunks:
            if renderer.lookahead_s:
                renderer.lookahead(ahead)
            try:
                frames = renderer.render(chunk, last)
            except Exception as error:
                raise CheckFailed(
                    f"render raised {type(error).__name__} for a chunk of {len(chunk)} bytes: "
                    f"{error}.",
                    "The last chunk of a speech may be short or empty.",
                ) from error
            for frame in frames:
                check_frame(renderer, frame)
        if not speech:
            check_frame(renderer, renderer.idle())
    renderer.close()


@check("R08", Level.SILVER)
def drawn_frames_stay_unchanged(suite: RendererSuite) -> None:
    """Later calls do not overwrite the pixels of a frame that was returned."""
    renderer = create(suite)
    frames = [renderer.idle(), *speak(renderer, make_vowel(0.2, renderer.audio), ends=False)]
    copies = [bytes(frame.rgba) for frame in frames]
    speak(renderer, make_vowel(0.2, renderer.audio, rms=0.02))
    renderer.reset()
    rest(renderer, 0.4)
    if copies != [bytes(frame.rgba) for frame in frames]:
        raise CheckFailed(
            "The pixels of a frame were overwritten by a later call.",
            "Return a copy: the worker shows a frame up to a second after it was drawn.",
        )
    renderer.close()


@check("R09", Level.SILVER)
def image_follows_the_sound(suite: RendererSuite) -> None:
    """The image shows speech soon after the sound starts, and rest soon after it ends."""
    renderer = create(suite)
    reaction = Reaction(renderer)
    rest(renderer, 1.0)
    speech = make_vowel(0.6, renderer.audio) + make_vowel(RETURN_S, renderer.audio, rms=0.0)
    frames = speak(renderer, speech)
    onset = frames[: math.ceil(ONSET_S * renderer.fps)]
    if max(reaction.measure([frame]) for frame in onset) < SPEAKS:
        raise CheckFailed(
            f"The image showed no speech {ONSET_S:g} s after the sound had started.",
            "Draw each frame from the audio of its own chunk; use lookahead_s for more context.",
        )
    _check_rest(reaction, frames[-round(0.2 * renderer.fps) :], "a pause of the speech")
    speak(renderer, make_vowel(0.6, renderer.audio))
    _check_rest(reaction, rest(renderer, RETURN_S)[-round(0.2 * renderer.fps) :], "its end")
    renderer.close()


def _check_rest(reaction: Reaction, frames: list[VideoFrame], when: str) -> None:
    level = reaction.measure(frames)
    if level > SPEAKS:
        raise CheckFailed(
            f"The image still showed speech ({level:.0%}) {RETURN_S:g} s after {when}.",
            "Close the mouth while the audio is silent, and in idle.",
        )


@check("R10", Level.SILVER)
def reset_drops_the_speech(suite: RendererSuite) -> None:
    """After `discard` and `reset`, the image comes to rest, and the next speech begins at rest."""
    renderer = create(suite)
    reaction = Reaction(renderer)
    for discarded in (0, 1, 3, 1000):
        speak(renderer, make_vowel(0.6, renderer.audio), ends=False)
        renderer.discard(discarded)
        renderer.reset()
        frames = rest(renderer, RETURN_S)
        _check_rest(reaction, frames[-round(0.2 * renderer.fps) :], "a reset")
        silent = speak(renderer, make_vowel(0.4, renderer.audio, rms=0.0))
        _check_rest(reaction, silent, "a reset, in a silent speech")
        for frame in (*frames, *silent):
            check_frame(renderer, frame)
    renderer.close()


@check("R11", Level.SILVER)
def skipped_chunks_are_accepted(suite: RendererSuite) -> None:
    """After `skip`, `render` and `idle` continue with valid frames."""
    renderer = create(suite)
    for skipped in ((0, 1), (3, 4, 5), (11, 12)):
        pcm = make_vowel(13 / renderer.fps, renderer.audio)
        for number, (ahead, chunk, last) in enumerate(split(renderer, pcm)):
            try:
                if number in skipped:
                    renderer.skip(chunk, last)
                    continue
                if renderer.lookahead_s:
                    renderer.lookahead(ahead)
                frames = renderer.render(chunk, last)
            except Exception as error:
                raise CheckFailed(
                    f"The renderer raised {type(error).__name__} after skipped chunks: {error}.",
                    "The worker calls skip in place of render if a frame would be too late.",
                ) from error
            for frame in frames:
                check_frame(renderer, frame)
        check_frame(renderer, renderer.idle())
    renderer.close()


@check("R12", Level.SILVER)
def lookahead_may_be_short(suite: RendererSuite) -> None:
    """If less audio than `lookahead_s` is there, `render` still gives one frame for a chunk."""
    renderer = create(suite)
    if not renderer.lookahead_s:
        raise NotApplicable("lookahead_s of the renderer is 0")
    pcm = make_vowel(1.0, renderer.audio)
    for number, (ahead, chunk, last) in enumerate(split(renderer, pcm)):
        extra = len(ahead) - len(chunk)
        known = chunk + ahead[len(chunk) : len(chunk) + (0, extra, extra // 4 * 2)[number % 3]]
        try:
            renderer.lookahead(known)
            frames = renderer.render(chunk, last)
        except Exception as error:
            raise CheckFailed(
                f"The renderer raised {type(error).__name__} when {len(known) - len(chunk)} bytes "
                f"of audio were known ahead: {error}.",
                "Less audio is ahead if it has not arrived yet, or if the speech ends.",
            ) from error
        if len(frames) != 1:
            raise CheckFailed(
                f"The renderer returned {len(frames)} frames when little audio was known ahead.",
                "Return one frame for each chunk; do not wait for the lookahead.",
            )
    renderer.close()


CHECKS = (
    odd_chunks_are_accepted,
    drawn_frames_stay_unchanged,
    image_follows_the_sound,
    reset_drops_the_speech,
    skipped_chunks_are_accepted,
    lookahead_may_be_short,
)
