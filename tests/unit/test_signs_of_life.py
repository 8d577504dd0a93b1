"""A worker without reports is dead if it neither responds nor sends packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from avatar_core.contracts.audio import AudioFormat
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import Take
from avatar_core.failover.signs_of_life import SignsOfLife
from avatar_core.playback.monitor import Monitor
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.ping import UNSUPPORTED_METHOD

pytestmark = pytest.mark.virtual_time

NEVER = 1e9
WATCHED_S = 20.0


@dataclass
class FakeWorker:
    """A worker that responds and sends packets until given times."""

    responds_until: float = NEVER
    sends_until: float = NEVER
    response_s: float = 0.01
    can_be_counted: bool = True
    ended_requests: int = 0
    """The number of requests after the start whose deadline passes in a pause of the process."""
    confirmed: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    """The times at which the worker answered a request."""

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        if self._now() > 3.0 and self.ended_requests:
            self.ended_requests -= 1
            await asyncio.sleep(0.05)
            raise RoomError("No response.")
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.sleep(self.response_s)
                if self._now() > self.responds_until:
                    await asyncio.sleep(NEVER)
        except TimeoutError as error:
            raise RoomError("No response.") from error
        raise RoomError("Unsupported.", rpc_code=UNSUPPORTED_METHOD)

    @property
    def responses(self) -> FakeWorker:
        return self

    def note_request(self) -> Callable[[bool], None]:
        return lambda has_responded: self.arrivals.append(self._now()) if has_responded else None

    async def count_packets(self) -> int | None:
        return int(min(self._now(), self.sends_until) / 0.02) if self.can_be_counted else None

    def _now(self) -> float:
        return asyncio.get_running_loop().time() - self.began_at

    async def watch(self, *, plays: bool = True) -> tuple[str, float]:
        """Return the fault and the time at which it was found; an empty fault after 20 s."""
        self.began_at = asyncio.get_running_loop().time()
        transport = cast(Transport, FakeTransport(cast(Monitor, self)))
        if plays:
            transport.take = Take(1, AudioFormat(24_000))
            transport.take.pushed_s = 60.0
        link = cast(RoomLink, self)
        signs = SignsOfLife(link, "worker", transport, lambda: True, self.confirmed.append)
        try:
            async with asyncio.timeout(WATCHED_S):
                return await signs.wait_for_death(), self._now()
        except TimeoutError:
            return "", self._now()


@dataclass
class FakeTransport:
    """The parts of a transport that the check reads."""

    monitor: Monitor | None
    take: Take | None = None

    async def wait_for_take(self) -> None:
        await asyncio.sleep(NEVER)


async def test_dead_worker_is_found_within_half_a_second() -> None:
    fault, found_at = await FakeWorker(responds_until=3.0, sends_until=3.0).watch()
    assert fault == "did not respond within 0.3 s"
    assert 0.3 <= found_at - 3.0 <= 0.55


async def test_worker_whose_packets_cannot_be_counted_is_judged_by_responses() -> None:
    worker = FakeWorker(responds_until=3.0, can_be_counted=False)
    fault, found_at = await worker.watch()
    assert "did not respond" in fault
    assert found_at - 3.0 <= 0.65


async def test_worker_that_sends_packets_is_alive_without_responses() -> None:
    assert (await FakeWorker(responds_until=3.0).watch())[0] == ""


async def test_worker_that_responds_is_alive_without_packets() -> None:
    assert (await FakeWorker(sends_until=3.0).watch())[0] == ""


async def test_worker_that_never_responded_is_not_judged() -> None:
    assert (await FakeWorker(responds_until=-1.0, sends_until=-1.0).watch())[0] == ""


async def test_slow_responses_extend_the_limit() -> None:
    worker = FakeWorker(responds_until=3.0, sends_until=3.0, response_s=0.3)
    fault, found_at = await worker.watch()
    assert "did not respond" in fault
    assert found_at - 3.0 <= 1.3


async def test_dead_worker_is_found_between_two_takes() -> None:
    fault, found_at = await FakeWorker(responds_until=3.0, sends_until=3.0).watch(plays=False)
    assert "did not respond" in fault
    assert found_at - 3.0 <= 2.0


async def test_positions_are_confirmed_by_responses() -> None:
    worker = FakeWorker()
    await worker.watch()
    assert worker.confirmed
    assert set(worker.confirmed) == {0.0}


async def test_worker_on_a_slow_line_responds_and_its_death_is_found() -> None:
    worker = FakeWorker(responds_until=8.0, sends_until=8.0, response_s=0.6)
    fault, found_at = await worker.watch()
    assert len(worker.confirmed) >= 8
    assert "did not respond" in fault
    assert found_at - 8.0 <= 2.0


async def test_responses_confirm_the_audio_that_was_sent_before() -> None:
    worker = FakeWorker(responds_until=3.0)
    await worker.watch()
    assert 3.0 - 0.4 <= worker.arrivals[-1] <= 3.05
    assert len(worker.arrivals) >= 10


async def test_pause_of_the_process_does_not_lose_the_worker() -> None:
    worker = FakeWorker(ended_requests=3)
    assert (await worker.watch())[0] == ""
    assert worker.ended_requests == 0


async def test_worker_that_dies_during_its_first_speech_is_found() -> None:
    worker = FakeWorker(responds_until=0.1, sends_until=0.1)
    fault, at_s = await worker.watch()
    assert "did not respond" in fault
    assert at_s < 0.7
