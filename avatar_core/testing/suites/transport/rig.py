"""Plays takes on a transport under test as the player does, and records the tracker's reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.playback import TakeState
from avatar_core.playback.send_loop import CUT_DEADLINE_S, SEND_DEADLINE_S
from avatar_core.playback.transport import LEAST_AHEAD_S, Transport
from avatar_core.tasks import RELEASE_S
from avatar_core.testing.clock import now
from avatar_core.testing.suites.check import CheckFailed, NotApplicable
from avatar_core.testing.suites.transport.bounded_call import CLEAN_UP_S, within
from avatar_core.testing.suites.transport.far_end import TransportParts
from avatar_core.testing.suites.transport.heard_audio import HeardAudio, HeardCounter, make_audio
from avatar_core.testing.suites.transport.recorded_take import RecordedTake

if TYPE_CHECKING:
    from avatar_core.testing.suites.transport_suite import TransportSuite

OPEN_S = 10.0
"""Seconds within which `open` must return once the far end is ready."""
TICK_S = 0.02
CHUNK_S = 0.04
STUCK_S = 4.0
"""Seconds without a new position after which a check fails."""


class TransportRig:
    """A transport under test, and a driver that plays takes on it.

    Args:
        parts: The sink, the tracker and the far end.
        suite: The suite, which describes the transport.

    Attributes:
        parts: The sink, the tracker and the far end.
        transport: The transport of the sink and the tracker.
        takes: The takes that began, in order.
    """

    def __init__(self, parts: TransportParts, suite: TransportSuite) -> None:
        capabilities = suite.capabilities
        self.parts = parts
        self.accuracy_s = suite.accuracy_s
        self.format = capabilities.audio or suite.format
        self.transport = Transport(
            provider="suite",
            sink=parts.sink,
            tracker=parts.tracker,
            format=self.format,
            run_ahead_s=max(
                capabilities.run_ahead_s, capabilities.playout_latency_s + LEAST_AHEAD_S
            ),
            latency_s=capabilities.playout_latency_s,
            collects=suite.collects,
        )
        self.takes: list[RecordedTake] = []
        self._counter = HeardCounter(self.format)

    # The steps of a take.

    async def open(self) -> None:
        """Open the sink."""
        await within(self.parts.sink.open(), OPEN_S, "AudioSink.open")

    async def begin(self, duration_s: float = 1.0) -> RecordedTake:
        """Begin a take of noise.

        Args:
            duration_s: Seconds of audio that the take will have.

        Returns:
            The take.
        """
        take = self.record(duration_s)
        await within(self.parts.sink.begin(take), SEND_DEADLINE_S, "AudioSink.begin")
        return take

    def record(self, duration_s: float) -> RecordedTake:
        """Create a take of noise and let the tracker follow it.

        Args:
            duration_s: Seconds of audio that the take will have.

        Returns:
            The take, which the sink has not begun.
        """
        number = len(self.takes) + 1
        take = RecordedTake(
            number, self.transport, make_audio(duration_s, self.format, seed=number)
        )
        self.takes.append(take)
        self.transport.take = take
        self.transport.follow(take)
        return take

    async def push(
        self, take: RecordedTake, until_s: float | None = None, *, sizes: Sequence[int] = ()
    ) -> None:
        """Push audio of a take, at most the run-ahead beyond the position that was heard.

        Args:
            take: The current take.
            until_s: Seconds of the take to push in all; None for all audio.
            sizes: Samples of the first chunks; later chunks have 40 ms.
        """
        end = len(take.pcm) if until_s is None else self.format.size(until_s)
        at = self.format.size(take.pushed_s)
        counts = iter(sizes)
        while at < end and not self._is_over(take):
            count = next(counts, self.format.size(CHUNK_S) // self.format.frame_bytes)
            chunk = take.pcm[at : min(end, at + count * self.format.frame_bytes)]
            await self._wait_for_room(take, self.format.duration_s(len(chunk)))
            if self._is_over(take):
                return
            await within(self.transport.push(take, chunk), SEND_DEADLINE_S, "AudioSink.push")
            at += len(chunk)

    async def end(self, take: RecordedTake) -> None:
        """Tell the sink that all audio of a take was pushed.

        Args:
            take: The current take.
        """
        take.ended = True
        await within(self.parts.sink.end(take), SEND_DEADLINE_S, "AudioSink.end")

    async def cut(self, take: RecordedTake) -> None:
        """Cut a take, and wait for the confirmation as long as the player does.

        Args:
            take: The current take.
        """
        take.cutting = True
        started_s = now()
        await within(self.parts.sink.cut(take), CUT_DEADLINE_S, "AudioSink.cut")
        rest_s = started_s + CUT_DEADLINE_S - now()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, rest_s)):
                await take.ended_event.wait()
        take.finish(TakeState.CUT)

    async def wait_until(self, take: RecordedTake, position_s: float) -> None:
        """Wait until the tracker has reported a position.

        Args:
            take: The current take.
            position_s: The position in seconds.

        Raises:
            CheckFailed: The position stays below `position_s`.
        """
        waited_s, seen_s = 0.0, -1.0
        while take.position_s < position_s and not take.state.final:
            await asyncio.sleep(TICK_S)
            waited_s = 0.0 if take.position_s > seen_s else waited_s + TICK_S
            seen_s = max(seen_s, take.position_s)
            if waited_s > STUCK_S or self.transport.lost is not None:
                raise CheckFailed(
                    f"The position of the take stays at {take.position_s:.2f} s, although "
                    f"{take.pushed_s:.2f} s were pushed.",
                    "Report the position at least once a second while audio is unheard.",
                )

    async def wait_for_end(self, take: RecordedTake, within_s: float) -> None:
        """Wait until a take has a final state.

        Args:
            take: The current take, whose audio was all pushed.
            within_s: Seconds to wait.

        Raises:
            CheckFailed: The take did not end in time.
        """
        until = now() + within_s
        while not take.state.final:
            await asyncio.sleep(TICK_S)
            if self.transport.lost is not None:
                raise CheckFailed(f"The transport was lost: {self.transport.lost.message}")
            if now() > until:
                raise CheckFailed(
                    f"The take is {take.state.value} at {take.position_s:.2f} of "
                    f"{take.pushed_s:.2f} s, and has not ended {within_s:.1f} s after its end.",
                    "Report the state DONE when all audio of the take was heard.",
                )

    async def play(self, duration_s: float = 1.0, *, sizes: Sequence[int] = ()) -> RecordedTake:
        """Play a whole take, and wait for its end.

        Args:
            duration_s: Seconds of audio.
            sizes: Samples of the first chunks.

        Returns:
            The take.
        """
        take = await self.begin(duration_s)
        await self.push(take, sizes=sizes)
        await self.end(take)
        await self.wait_for_end(take, take.unheard_s + STUCK_S)
        return take

    def heard(self) -> HeardAudio:
        """Return the audio that a listener has heard so far.

        Returns:
            The audio.
        """
        return HeardAudio(self.parts.far_end.heard(), self.format)

    def heard_s(self) -> float:
        """Return the seconds of audio that a listener has heard so far.

        Returns:
            The duration of the nonzero samples, in seconds.
        """
        return self._counter.count_s(self.parts.far_end.heard())

    async def close(self) -> None:
        """Close the sink and the tracker.

        Raises:
            CheckFailed: `aclose` raised an error, or did not return in time.
        """
        for name, close in (
            ("AudioSink.aclose", self.parts.sink.aclose),
            ("PlaybackTracker.aclose", self.parts.tracker.aclose),
        ):
            try:
                await within(close(), RELEASE_S, name)
            except AvatarError as error:
                raise CheckFailed(f"{name} raised {error}", "Do not raise in aclose.") from error

    async def aclose(self) -> None:
        """Close the sink, the tracker and the far end; ignore errors, which other checks find."""
        for close in (self.parts.sink.aclose, self.parts.tracker.aclose, self.parts.far_end.aclose):
            with suppress(Exception):
                await within(close(), RELEASE_S, "aclose")

    def _is_over(self, take: RecordedTake) -> bool:
        return take.state.final or self.transport.lost is not None

    async def _wait_for_room(self, take: RecordedTake, size_s: float) -> None:
        """Wait until a chunk fits into the run-ahead; a sink may keep half of the run-ahead."""
        ahead_s = self.transport.run_ahead_s
        room_s = max(ahead_s - size_s, ahead_s / 2)
        if take.unheard_s > room_s:
            await self.wait_until(take, take.pushed_s - room_s)


@asynccontextmanager
async def connect(
    suite: TransportSuite, *faults: str, **attributes: Any
) -> AsyncIterator[TransportRig]:
    """Create a transport and its far end, and free both afterwards.

    Args:
        suite: The suite, which creates the transport.
        faults: The faults that the check needs, as in `far_end.FAULTS`.
        attributes: Attributes of the far end, for example `cut_s`.

    Yields:
        The rig. The sink is not open yet.

    Raises:
        NotApplicable: The far end cannot have one of the faults.
    """
    before = asyncio.all_tasks()
    rig = TransportRig(await suite.create(), suite)
    try:
        for fault in faults:
            if reason := rig.parts.far_end.impossible.get(fault):
                raise NotApplicable(f"the far end cannot have the fault {fault!r}: {reason}")
        for name, value in attributes.items():
            setattr(rig.parts.far_end, name, value)
        yield rig
    finally:
        await rig.aclose()
        left = asyncio.all_tasks() - before
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CLEAN_UP_S)
