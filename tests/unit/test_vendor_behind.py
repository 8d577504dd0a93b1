"""A vendor's worker that plays audio seconds late and speaks LiveKit's stock wire."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from avatar_core.agents.session import AvatarSession
from avatar_core.contracts import wire
from avatar_core.contracts.streams import StreamHandler
from avatar_core.registry.selection import Candidate
from avatar_core.settings import AvatarSettings
from avatar_core.testing.clock import now
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.failover_harness import FailoverHarness
from avatar_core.testing.faults.stock_wire import StockWireLink
from avatar_core.testing.faults.vendor_faults import VendorFaults
from avatar_core.testing.faults.vendor_reader import VendorReader
from avatar_core.testing.flash_renderer import FlashRenderer
from avatar_core.testing.room.context import IN_MEMORY
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, ScriptedProvider
from avatar_core.worker.executors import InlineExecutor
from avatar_core.worker.worker import AvatarWorker
from tests.unit.test_lease import start_harness

pytestmark = pytest.mark.virtual_time

BEHIND_S, SPEECH_S = 3.0, 3.9
BEHIND = VendorFaults(playout_delay_s=BEHIND_S)
SECOND = ["sierra", "tango"]


class LateLink(StockWireLink):
    """The link of a worker that is behind. `says_started` is False for a worker that does not."""

    says_started = True

    def on_stream(self, topic: str, handler: StreamHandler) -> object:  # type: ignore[override]
        return super().on_stream(
            topic, lambda to, reader: handler(to, VendorReader(reader, BEHIND))
        )

    async def call(self, to: str, method: str, payload: str, *, timeout_s: float) -> str:
        if method == wire.PLAYBACK_STARTED and not self.says_started:
            return wire.OK
        return await super().call(to, method, payload, timeout_s=timeout_s)


class LateProvider(ScriptedProvider):
    """A provider that does not know that its worker is behind."""

    says_started = True

    async def _work(self, identity: str) -> None:
        link = self._room.join(identity, is_agent=True, attributes={wire.PUBLISH_ON_BEHALF: AGENT})
        late = LateLink(link)
        late.says_started = self.says_started
        await AvatarWorker(late, FlashRenderer(64, 64), executor=InlineExecutor()).run()


async def start(
    *, says_started: bool, declares_started: bool = False, monitor: bool = False
) -> FailoverHarness:
    room = MemoryRoom()
    provider = LateProvider(room)
    provider.says_started = says_started
    provider.capabilities = replace(provider.capabilities, reports_started=declares_started)
    return await start_harness(provider, room=room, monitor=monitor)


def heard_s(harness: FailoverHarness, until: float) -> float:
    """Return the seconds of sound that a listener heard until a time."""
    return sum(max(0.0, min(run.end_s, until) - run.at_s) for run in harness.room.recording.runs)


async def interrupt(harness: FailoverHarness) -> float:
    """Interrupt; return the seconds that a listener hears after it."""
    at = now()
    harness.player.clear()
    await asyncio.sleep(10.0)
    return heard_s(harness, now()) - heard_s(harness, at)


async def test_interruption_after_an_early_finish_silences_the_worker() -> None:
    harness = await start(says_started=False)
    assert await harness.say(SPEECH_S) == (pytest.approx(SPEECH_S), False)
    assert heard_s(harness, now()) < SPEECH_S - 1.0, "the finish was not early"
    assert await interrupt(harness) < 0.5
    await harness.close()


async def test_interruption_after_an_early_finish_spares_the_next_segment() -> None:
    harness = await start(says_started=False)
    await harness.say(SPEECH_S)
    harness.player.clear()
    before_s = heard_s(harness, now())
    await harness.say(2.0)
    await asyncio.sleep(10.0)
    assert heard_s(harness, now()) - before_s == pytest.approx(2.0, abs=0.3)
    await harness.close()


@pytest.mark.parametrize("says_started", [True, False])
async def test_position_is_not_ahead_of_the_sound_once_the_latency_is_known(
    says_started: bool,
) -> None:
    harness = await start(says_started=says_started)
    await harness.say(SPEECH_S)
    await asyncio.sleep(10.0)
    before_s = heard_s(harness, now())
    over = harness.push_speech(SPEECH_S)
    await harness.wait_until(lambda: heard_s(harness, now()) > before_s + 1.5, within_s=10.0)
    at = now()
    harness.player.clear()
    position_s, interrupted = await over
    assert interrupted
    assert position_s == pytest.approx(heard_s(harness, at) - before_s, abs=0.25)
    await harness.close()


@pytest.mark.parametrize("says_started", [True, False])
async def test_monitor_keeps_the_first_speech_open_until_it_was_heard(says_started: bool) -> None:
    harness = await start(says_started=says_started, monitor=True)
    await harness.say(SPEECH_S)
    assert heard_s(harness, now()) == pytest.approx(SPEECH_S, abs=0.1)
    assert harness.takes == [("vendor", "done")]
    await harness.close()


async def test_position_stays_zero_until_the_declared_start_report() -> None:
    harness = await start(says_started=True, declares_started=True)
    over = harness.push_speech(SPEECH_S)
    await asyncio.sleep(1.2)
    harness.player.clear()
    position_s, _ = await over
    assert position_s == 0.0
    assert harness.started == []
    await harness.close()


async def test_first_speech_ends_after_its_sound_if_the_worker_reports_the_start() -> None:
    harness = await start(says_started=True)
    await harness.say(SPEECH_S)
    assert heard_s(harness, now()) == pytest.approx(SPEECH_S, abs=0.1)
    assert harness.takes == [("vendor", "done")]
    await harness.close()


async def test_speech_ends_although_the_worker_never_sends_its_declared_start_report() -> None:
    harness = await start(says_started=False, declares_started=True)
    began = now()
    await harness.say(SPEECH_S)
    assert now() - began < SPEECH_S + 0.4 + 2.0 + 0.1
    await harness.close()


async def test_message_of_the_user_silences_speech_that_has_finished_early() -> None:
    room = MemoryRoom()
    provider = LateProvider(room)
    provider.says_started = False
    candidates = [Candidate(provider.name, "", provider)]
    avatar = AvatarSession(candidates, AvatarSettings(monitor="off"), IN_MEMORY)
    async with Conversation(avatar, room) as talk:
        await avatar.wait_for_join()
        first = talk.say(10)
        await first.handle
        message_at = now()
        second = await talk.ask("And then?", SECOND)
        await second.handle
        await asyncio.sleep(10.0)
        (first_run, _) = room.recording.runs
        assert first_run.at_s < message_at < first_run.end_s < message_at + 0.6
        heard = await talk.over(second)
    assert [word.word for word in heard.heard] == SECOND
