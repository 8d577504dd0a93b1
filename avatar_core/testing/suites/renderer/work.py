"""Checks of a renderer at work: in a worker, in a thread, beside another one, and its resources."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

from avatar_core.testing.clock import now
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.renderer.child import run_child
from avatar_core.testing.suites.renderer.drawing import (
    Reaction,
    check_frame,
    create,
    make_vowel,
    rest,
    speak,
)
from avatar_core.testing.suites.renderer.worker import RendererWorker, run_worker

if TYPE_CHECKING:
    from avatar_core.testing.suites.renderer_suite import RendererSuite

SPEECH_S = 1.2
LEAST_SHARE = 0.85
"""Least share of the frames that a worker must show."""
ERRORS = (5, 6, 14)
"""The calls of `render` that raise an error in place of a frame."""
KEPT_FRAMES = 6
"""Number of frames by whose size the memory may grow."""
SPOKEN = 0.4


@check("R13", Level.SILVER)
async def worker_plays_a_conversation(suite: RendererSuite) -> None:
    """A worker shows the frames of speech, of an interruption and of rest, without a problem."""
    async with run_worker(create(suite)) as worker:
        pcm = make_vowel(SPEECH_S, worker.renderer.audio)
        await asyncio.sleep(0.5)
        began_at = now()
        stream = await worker.say(pcm, "first")
        await stream.aclose()
        await asyncio.sleep(SPEECH_S + 0.5)
        _check_rate(worker, began_at)
        cut = await worker.say(pcm, "second")
        await asyncio.sleep(SPEECH_S / 2)
        await worker.interrupt("second")
        await asyncio.sleep(0.5)
        await cut.aclose()
        began_at = now()
        stream = await worker.say(pcm, "third")
        await stream.aclose()
        await asyncio.sleep(SPEECH_S + 0.5)
        stream = await worker.say(pcm, "with a gap")
        await asyncio.sleep(SPEECH_S + 0.5)
        await stream.write(pcm)
        await stream.aclose()
        await asyncio.sleep(SPEECH_S + 0.5)
        _check_rate(worker, began_at)
        for _, frame in worker.shown:
            check_frame(worker.renderer, frame)
    _check_problems(worker)


def _check_rate(worker: RendererWorker, began_at: float) -> None:
    wanted = (now() - began_at) * worker.renderer.fps
    count = len(worker.shown_since(began_at))
    if count < LEAST_SHARE * wanted:
        raise CheckFailed(
            f"The worker showed {count} of {wanted:.0f} frames. "
            + " ".join(worker.renderer.problems[:1]),
            "Return one frame from each call of render and idle.",
        )


def _check_problems(worker: RendererWorker) -> None:
    if worker.renderer.problems:
        raise CheckFailed(
            f"The renderer raised {len(worker.renderer.problems)} errors in a worker: "
            f"{worker.renderer.problems[0]}",
            "Each error costs a frame.",
        )


@check("R14", Level.SILVER)
async def error_costs_one_frame(suite: RendererSuite) -> None:
    """If chunks are missing because of an error, the next frames are valid."""
    async with run_worker(create(suite)) as worker:
        worker.renderer.raises = lambda number: number in ERRORS
        pcm = make_vowel(SPEECH_S, worker.renderer.audio)
        began_at = now()
        await (await worker.say(pcm, "first")).aclose()
        await asyncio.sleep(SPEECH_S + 0.3)
        wanted = (now() - began_at) * worker.renderer.fps - len(ERRORS)
        if len(worker.shown_since(began_at)) < LEAST_SHARE * wanted:
            raise CheckFailed(
                f"The worker showed {len(worker.shown_since(began_at))} of {wanted:.0f} frames "
                "after an error of three calls.",
                "Do not rely on the chunk before: a call may be missing.",
            )
    if worker.renderer.problems:
        raise CheckFailed(
            f"After {len(ERRORS)} missing chunks, the renderer raised an error of its own: "
            f"{worker.renderer.problems[0]}",
            "Do not rely on the chunk before: a call may be missing.",
        )


@check("R15", Level.SILVER)
async def late_frames_are_skipped(suite: RendererSuite) -> None:
    """If drawing takes two frame periods for a while, the renderer skips chunks and recovers."""
    async with run_worker(create(suite)) as worker:
        worker.executor.each_s = 2 / worker.renderer.fps
        pcm = make_vowel(SPEECH_S, worker.renderer.audio)
        await (await worker.say(pcm, "first")).aclose()
        await asyncio.sleep(SPEECH_S + 0.6)
        skipped = worker.renderer.skipped
        worker.executor.each_s = 0.0
        await asyncio.sleep(0.3)
        began_at = now()
        await (await worker.say(pcm, "second")).aclose()
        await asyncio.sleep(SPEECH_S + 0.3)
        assert skipped > 0, "the worker must skip chunks of a slow renderer"
        _check_rate(worker, began_at)
    _check_problems(worker)


@check("R16", Level.SILVER)
def calls_may_come_from_a_thread(suite: RendererSuite) -> None:
    """A thread other than the one that created the renderer can draw."""
    renderer = create(suite)
    errors: list[BaseException] = []

    def draw() -> None:
        """Draw speech and rest; record an error."""
        try:
            for frame in (*speak(renderer, make_vowel(0.3, renderer.audio)), renderer.idle()):
                check_frame(renderer, frame)
            renderer.reset()
            renderer.close()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=draw, name="renderer-suite")
    thread.start()
    thread.join()
    if errors:
        raise CheckFailed(
            f"The renderer raised {type(errors[0]).__name__} in another thread: {errors[0]}.",
            "The worker creates a renderer in one thread and draws in another.",
        )


@check("R17", Level.GOLD)
def renderers_are_independent(suite: RendererSuite) -> None:
    """The speech of one renderer does not move the image of another one."""
    speaking, silent = create(suite), create(suite)
    reaction = Reaction(silent)
    rest(silent, 1.0)
    frames = []
    pcm = make_vowel(1.0, speaking.audio)
    size = speaking.audio.size(1 / speaking.fps)
    for at in range(0, len(pcm), size):
        speak(speaking, pcm[at : at + size], ends=False)
        frames.append(silent.idle())
    level = reaction.measure(frames[len(frames) // 2 :])
    if level > SPOKEN:
        raise CheckFailed(
            f"The image of a silent renderer showed speech ({level:.0%}), because another one "
            "spoke.",
            "Keep the state in the object, not in the class or the module.",
        )
    speaking.close()
    silent.close()


@check("R18", Level.GOLD)
def drawing_leaves_time(suite: RendererSuite) -> None:
    """Drawing takes at most the share `cpu_share` of one CPU core at the frame rate."""
    renderer = create(suite)
    speak(renderer, make_vowel(0.2, renderer.audio))
    rest(renderer, 0.2)
    started_s = time.process_time()
    count = len(speak(renderer, make_vowel(1.0, renderer.audio))) + len(rest(renderer, 1.0))
    share = (time.process_time() - started_s) / (count / renderer.fps)
    renderer.close()
    if share > suite.cpu_share:
        raise CheckFailed(
            f"Drawing takes {share:.0%} of a CPU core at {renderer.fps:g} fps.",
            f"cpu_share allows {suite.cpu_share:.0%}: draw less per frame, in a smaller size, or "
            "at a lower rate.",
        )


@check("R19", Level.GOLD)
def memory_stays_constant(suite: RendererSuite) -> None:
    """The memory does not grow with the number of frames."""
    grown = run_child(suite.renderer, suite.renderer_options, measures_memory=True)
    if grown > KEPT_FRAMES:
        raise CheckFailed(
            f"The memory grew by the size of {grown:.0f} frames while 30 frames were drawn.",
            "Do not keep frames and audio that are no longer needed.",
        )


@check("R20", Level.GOLD)
def close_frees_the_threads(suite: RendererSuite) -> None:
    """With and without drawing before it, `close` ends all threads of the renderer."""
    before = set(threading.enumerate())
    create(suite).close()
    renderer = create(suite)
    speak(renderer, make_vowel(0.1, renderer.audio))
    renderer.close()
    for thread in (left := set(threading.enumerate()) - before):
        thread.join(1.0)
    names = sorted(thread.name for thread in left if thread.is_alive())
    if names:
        raise CheckFailed(
            f"These threads are left after close: {', '.join(names)}.",
            "End each thread in close.",
        )


CHECKS = (
    worker_plays_a_conversation,
    error_costs_one_frame,
    late_frames_are_skipped,
    calls_may_come_from_a_thread,
    renderers_are_independent,
    drawing_leaves_time,
    memory_stays_constant,
    close_frees_the_threads,
)
