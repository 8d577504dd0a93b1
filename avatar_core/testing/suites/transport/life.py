"""Checks of pauses, of cancelled calls, and of the end of a sink and a tracker."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from avatar_core.contracts.playback import TakeState
from avatar_core.playback.player import Player
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.playback.transport import Transport
from avatar_core.testing.clock import now
from avatar_core.testing.playback_laws import PlaybackLaws
from avatar_core.testing.suites.check import CheckFailed, Level, check
from avatar_core.testing.suites.transport.bounded_call import within
from avatar_core.testing.suites.transport.heard_audio import make_audio
from avatar_core.testing.suites.transport.rig import TransportRig, connect
from avatar_core.testing.timeline import Timeline

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

CANCEL_AFTER_S = (None, 0.0, 0.003)
"""Seconds after which a check cancels a call; None cancels it before its first await."""
CANCELLED_S = 0.3
"""Seconds within which a cancelled call must end."""
LATE_READY_S = 1.0


class OneTransport:
    """Chooses the transport under test for each segment."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def at_start(self) -> Transport:
        """Return the transport, also if it is lost.

        Returns:
            The transport.
        """
        return self._transport

    async def after_loss(self) -> Transport:
        """Return the transport, also if it is lost.

        Returns:
            The transport.
        """
        return self._transport


@check("T20", Level.SILVER)
async def pause_continues_at_the_heard_audio(suite: TransportSuite) -> None:
    """After a pause, the speech continues where a listener stopped to hear it."""
    async with connect(suite) as rig:
        await rig.open()
        observer = PlaybackLaws(Timeline())
        player = Player(observer)
        player.use(OneTransport(rig.transport))
        pcm = make_audio(2.0, rig.format)
        player.push(pcm, rig.format)
        player.end()
        try:
            await _wait_for(lambda: rig.heard_s() > 0.7, 4.0, "The speech started late")
            player.pause()
            await asyncio.sleep(1.0)
            paused = rig.heard().match([pcm])[0]
            player.resume()
            await _wait_for(lambda: bool(observer.finished_ids), 6.0, "The speech did not finish")
            resumed = [take for take in observer.takes if take.pushed_s > 0][-1]
            if rig.transport.lost is not None:
                raise CheckFailed(f"The player lost the transport: {rig.transport.lost}.")
        finally:
            await player.aclose()
        rest = pcm[rig.format.size(resumed.offset_s) :]
        again_s = paused - resumed.offset_s
        heard_s = rig.heard().rest(paused).match([rest])[0]
        if abs(again_s) > rig.accuracy_s or heard_s < rig.format.duration_s(len(rest)) - 0.01:
            raise CheckFailed(
                f"A listener heard {paused:.2f} s before the pause, and then {heard_s:.2f} s from "
                f"{resumed.offset_s:.2f} s on.",
                "Report the position that was heard with the state CUT, and begin each take anew.",
            )


@check("T21", Level.SILVER)
async def cut_without_audio_is_safe(suite: TransportSuite) -> None:
    """A take that is cut before its first audio does not disturb the next take."""
    async with connect(suite) as rig:
        await rig.open()
        take = await rig.begin(0.5)
        take.cutting = True
        await within(rig.parts.sink.cut(take), CUT_DEADLINE_S, "AudioSink.cut")
        take.finish(TakeState.CUT)
        await _check_whole_take(rig)


@check("T22", Level.GOLD)
async def open_waits_for_the_far_end(suite: TransportSuite) -> None:
    """The sink's `open` returns when the far end is ready, and not before."""
    async with connect(suite, "late ready", ready_s=LATE_READY_S) as rig:
        started_s = now()
        await rig.open()
        early_s = started_s + LATE_READY_S - now()
        if early_s > 0.05:
            raise CheckFailed(
                f"AudioSink.open returned {early_s:.2f} s before the far end was ready.",
                "Wait in open until the far end can play audio: avatar-core sends it at once.",
            )
        await _check_whole_take(rig)


@check("T23", Level.GOLD)
async def open_can_be_cancelled(suite: TransportSuite) -> None:
    """If the far end is never ready, a cancelled `open` ends, and `aclose` frees the sink."""
    async with connect(suite, "late ready", ready_s=None) as rig:
        opening = asyncio.ensure_future(rig.parts.sink.open())
        await asyncio.sleep(LATE_READY_S)
        if opening.done() and opening.exception() is None:
            raise CheckFailed(
                "AudioSink.open returned, although the far end is not ready.",
                "Wait without a limit; the caller sets the deadline.",
            )
        await _cancel(opening, "AudioSink.open")
        await rig.close()


@check("T24", Level.GOLD)
async def cancelled_calls_leave_the_sink_usable(suite: TransportSuite) -> None:
    """After a cancelled begin, push, end or cut, the take can be cut and the next take plays."""
    for name in ("begin", "push", "end", "cut"):
        for after_s in CANCEL_AFTER_S:
            async with connect(suite) as rig:
                await rig.open()
                await _cancel_in_take(rig, name, after_s)
                await _check_whole_take(rig, f" after a cancelled {name}")


async def _cancel_in_take(rig: TransportRig, name: str, after_s: float | None) -> None:
    """Cancel one call in a take, then cut the take as the player does."""
    sink = rig.parts.sink
    take = rig.record(1.0)
    calls: dict[str, Callable[[], Awaitable[None]]] = {
        "begin": lambda: sink.begin(take),
        "push": lambda: rig.transport.push(take, take.pcm[: rig.format.size(0.1)]),
        "end": lambda: sink.end(take),
        "cut": lambda: sink.cut(take),
    }
    for step, call in calls.items():
        if step == "cut":
            take.cutting = True
        if step == "end":
            take.ended = True
        if step == name:
            await _cancel(asyncio.ensure_future(call()), f"AudioSink.{name}", after_s)
            break
        if step != "end" or name == "end":
            await within(call(), 5.0, f"AudioSink.{step}")  # type: ignore[arg-type]
    await rig.cut(take)


@check("T25", Level.GOLD)
async def close_can_be_repeated(suite: TransportSuite) -> None:
    """Before `open`, after `open` and twice, `aclose` of the sink and the tracker return."""
    async with connect(suite) as rig:
        await rig.close()
        await rig.close()
    async with connect(suite) as rig:
        await rig.open()
        await rig.play(0.2)
        await rig.close()
        await rig.close()


@check("T26", Level.GOLD)
async def close_in_a_take_ends_the_reports(suite: TransportSuite) -> None:
    """After `aclose` in the middle of a take, the tracker reports nothing."""
    async with connect(suite) as rig:
        await rig.open()
        take = await rig.begin(2.0)
        await rig.push(take, 0.8)
        await rig.close()
        count = len(take.calls)
        await asyncio.sleep(2.0)
        if len(take.calls) > count:
            raise CheckFailed(
                f"The tracker reported {len(take.calls) - count} times after its aclose.",
                "Remove all handlers and cancel all tasks in PlaybackTracker.aclose.",
            )


@check("T27", Level.GOLD)
async def nothing_is_left(suite: TransportSuite) -> None:
    """After `aclose`, no task is left, and no error was lost in a task or a callback."""
    loop, before = asyncio.get_running_loop(), asyncio.all_tasks()
    errors: list[str] = []
    loop.set_exception_handler(lambda _, context: errors.append(str(context["message"])))
    try:
        async with connect(suite) as rig:
            await rig.open()
            await rig.play(0.3)
            await asyncio.sleep(0.3)
            take = await rig.begin(1.0)
            await rig.push(take, 0.4)
            await rig.cut(take)
            await asyncio.sleep(0.3)
            await rig.begin(1.0)
            await rig.close()
            await rig.parts.far_end.aclose()
            await asyncio.sleep(0.1)
            left = sorted(
                f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')})"
                for task in asyncio.all_tasks() - before
            )
    finally:
        loop.set_exception_handler(None)
    if left:
        raise CheckFailed(
            f"These tasks are left after aclose: {', '.join(left)}.",
            "Cancel each task in aclose, and wait for it.",
        )
    if errors:
        raise CheckFailed(
            f"The event loop reported errors: {'; '.join(errors)}.",
            "Handle the errors of your tasks and callbacks.",
        )


async def _check_whole_take(rig: TransportRig, when: str = "") -> None:
    take = await rig.play(0.4)
    heard_s = rig.heard().match([one.pcm for one in rig.takes])[-1]
    if take.state is not TakeState.DONE or heard_s < take.pushed_s - 1e-3 or take.pushed_s < 0.39:
        raise CheckFailed(
            f"The next take{when} became {take.state.value}, and {heard_s:.2f} of 0.40 s were "
            "heard.",
            "Reset the state of the sink in cut and in begin.",
        )


async def _cancel(call: asyncio.Future[None], name: str, after_s: float | None = 0.0) -> None:
    """Cancel a call, and check that it ends."""
    if after_s is not None:
        await asyncio.sleep(after_s)
    call.cancel()
    await asyncio.wait({call}, timeout=CANCELLED_S)
    if not call.done():
        raise CheckFailed(
            f"{name} did not end within {CANCELLED_S:g} s after it was cancelled.",
            "Let CancelledError pass, and do not wait for the network while you handle it.",
        )
    if not call.cancelled() and (error := call.exception()) is not None:
        raise CheckFailed(
            f"{name} raised {type(error).__name__} when it was cancelled: {error}.",
            "Let CancelledError pass.",
        )


async def _wait_for(condition: Callable[[], bool], limit_s: float, problem: str) -> None:
    until = now() + limit_s
    while not condition():
        if now() > until:
            raise CheckFailed(f"{problem}: {limit_s:g} s were not enough.")
        await asyncio.sleep(0.01)


CHECKS = (
    pause_continues_at_the_heard_audio,
    cut_without_audio_is_safe,
    open_waits_for_the_far_end,
    open_can_be_cancelled,
    cancelled_calls_leave_the_sink_usable,
    close_can_be_repeated,
    close_in_a_take_ends_the_reports,
    nothing_is_left,
)
