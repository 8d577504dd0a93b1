"""Checks of a renderer's options and declaration, and of its frames."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import AvatarError
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.renderer.child import run_child
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


@check("R01", Level.BRONZE)
def renderer_can_be_created(suite: RendererSuite) -> None:
    """A worker can create the renderer from its name and its options."""
    for options in suite.all_options():
        try:
            create(suite, options).close()
        except AvatarError as error:
            raise CheckFailed(f"{error.message}", error.hint) from error


@check("R02", Level.BRONZE)
def declaration_is_valid(suite: RendererSuite) -> None:
    """Size, frame rate, audio format and lookahead are numbers that a worker can use."""
    for options in suite.all_options():
        renderer = create(suite, options)
        sizes = (renderer.width, renderer.height)
        if not all(isinstance(size, int) and size > 0 and size % 2 == 0 for size in sizes):
            raise CheckFailed(
                f"The size of a frame is {sizes[0]!r} x {sizes[1]!r} pixels.",
                "Use positive, even integers: video encoders halve the size.",
            )
        fps, lookahead_s = renderer.fps, renderer.lookahead_s
        if not (isinstance(fps, int | float) and math.isfinite(fps) and 1 <= fps <= 120):
            raise CheckFailed(f"fps is {fps!r}.", "Use a number from 1 to 120.")
        if not isinstance(renderer.audio, AudioFormat):
            raise CheckFailed(f"audio is {renderer.audio!r}.", "Set an AudioFormat.")
        if not (isinstance(lookahead_s, int | float) and 0 <= lookahead_s <= 1):
            raise CheckFailed(
                f"lookahead_s is {lookahead_s!r}.",
                "Use a number from 0 to 1: the worker has at most the run-ahead of audio.",
            )
        renderer.close()


@check("R03", Level.BRONZE)
def frames_have_the_declared_size(suite: RendererSuite) -> None:
    """Frames of rest and of speech are RGBA in the declared size, with all options."""
    for options in suite.all_options():
        renderer = create(suite, options)
        declared = (renderer.width, renderer.height, renderer.fps, renderer.audio)
        frames = [*rest(renderer, 0.2), *speak(renderer, make_vowel(0.3, renderer.audio))]
        renderer.reset()
        for frame in (*frames, *rest(renderer, 0.2)):
            check_frame(renderer, frame)
        if declared != (renderer.width, renderer.height, renderer.fps, renderer.audio):
            raise CheckFailed(
                "The renderer modified width, height, fps or audio while it drew.",
                "Set these attributes in the constructor: the worker publishes its tracks once.",
            )
        renderer.close()


@check("R04", Level.BRONZE)
def each_chunk_has_one_frame(suite: RendererSuite) -> None:
    """A chunk of 1/fps seconds gives one frame, from the first chunk to the last."""
    for options in suite.all_options():
        renderer = create(suite, options)
        size = renderer.audio.size(1 / renderer.fps)
        pcm = make_vowel(0.5, renderer.audio)
        for number, (ahead, chunk, last) in enumerate(split(renderer, pcm)):
            if renderer.lookahead_s:
                renderer.lookahead(ahead)
            count = len(renderer.render(chunk, last))
            if count != 1 and (len(chunk) == size or count > 1):
                raise CheckFailed(
                    f"Chunk {number} of a speech, of {len(chunk)} bytes, gave {count} frames.",
                    "Return one frame for each chunk; the worker shows the first and drops the "
                    "others.",
                )
        renderer.close()


@check("R05", Level.BRONZE)
def sound_moves_the_image(suite: RendererSuite) -> None:
    """Loud speech gives other images than silence."""
    renderer = create(suite)
    Reaction(renderer).check()
    renderer.close()


@check("R06", Level.SILVER)
def child_process_draws(suite: RendererSuite) -> None:
    """A child process creates the renderer from options in JSON, and draws frames."""
    for options in suite.all_options():
        try:
            sent = json.dumps({"renderer": suite.renderer, "options": dict(options)})
        except (TypeError, ValueError) as error:
            raise CheckFailed(
                f"The options cannot be sent to a worker process: {error}.",
                "Use only strings, numbers, booleans, lists and dicts.",
            ) from error
        if json.loads(sent)["options"] != dict(options):
            raise CheckFailed(
                "The options are different after their way through JSON.",
                "Use lists in place of tuples, and strings as keys.",
            )
        run_child(suite.renderer, options)


CHECKS = (
    renderer_can_be_created,
    declaration_is_valid,
    frames_have_the_declared_size,
    each_chunk_has_one_frame,
    sound_moves_the_image,
    child_process_draws,
)
