"""The log names a listener that raises, and the other listeners are not affected."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from livekit import rtc

from avatar_core.agents.avatar_events import NAMES, AvatarEvents
from avatar_core.agents.create import create_avatar
from avatar_core.agents.events import SafeEventEmitter
from avatar_core.contracts.events import AvatarState
from avatar_core.testing.clock import run
from avatar_core.testing.conversation import Conversation
from avatar_core.testing.event_log import EVENTS
from avatar_core.testing.fake_transport import lost_error
from avatar_core.testing.player_harness import PlayerHarness
from avatar_core.testing.room.context import IN_MEMORY

TAIL_EVENTS = ("playback_started", "playback_progressed", "playback_finished")
errors = pytest.mark.parametrize("error", [TypeError, ValueError, asyncio.CancelledError])


class Broken:
    """A listener of an application."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error
        self.called = 0

    def hears(self, *_: object) -> None:
        self.called += 1
        raise self.error("a mistake of the application")


@errors
def test_conversation_continues_if_event_listeners_raise(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AVATAR_MOCK_SCENARIO", "crash_at_s=6")
    monkeypatch.setenv("AVATAR_RETRIES", "0")
    broken = Broken(error)

    async def main() -> None:
        avatar = create_avatar("mock", livekit=IN_MEMORY)
        for name in (*EVENTS, "metrics_collected"):
            avatar.on(name, broken.hears)  # type: ignore[arg-type]
        async with Conversation(avatar) as talk:
            talk.session.on("metrics_collected", broken.hears)
            assert avatar._tail is not None
            for tail_event in TAIL_EVENTS:
                avatar._tail.on(tail_event, broken.hears)  # type: ignore[arg-type]
            for _ in range(3):
                await talk.over(talk.say(13))
            assert talk.faults() == []
            assert avatar.state is AvatarState.VOICE
            received = {type(event).__name__ for _, event in talk.events}
            assert received == {"StateChanged", "AvatarJoined", "AvatarFailed", "TakeFinished"}
            assert broken.called > 10

    run(main())
    named = [line for line in caplog.messages if "test_events.Broken.hears raised" in line]
    assert len(named) > 10


@pytest.mark.parametrize(
    "name",
    [
        "on_segment_started",
        "on_segment_progressed",
        "on_segment_finished",
        "on_take_finished",
        "on_unplayable",
    ],
)
@errors
@pytest.mark.virtual_time
async def test_player_continues_if_its_observer_raises(
    name: str, error: type[BaseException]
) -> None:
    harness = PlayerHarness(has_voice=name != "on_unplayable")
    tell = getattr(harness.observer, name)

    def received(*args: Any) -> None:
        tell(*args)
        raise error("a mistake above")

    setattr(harness.observer, name, received)
    harness.say(1.0)
    harness.say(1.0)
    await asyncio.sleep(0.3)
    if name == "on_unplayable":
        harness.lose(error=lost_error())
    await harness.wait_finished(2, within_s=3.0)
    assert harness.observer.finished_ids == [1, 2]
    if name != "on_unplayable":
        harness.check_all_heard(1)
        harness.check_all_heard(2)
    await harness.aclose()


class TestSafeEventEmitter:
    """`SafeEventEmitter` behaves as livekit's `EventEmitter`, unless a listener raises."""

    def setup_method(self) -> None:
        self.events = SafeEventEmitter[str]()
        self.heard: list[object] = []

    def test_event_reaches_the_listener_after_one_that_raises(self) -> None:
        self.events.on("x", Broken(TypeError).hears)
        self.events.on("x", self.heard.append)
        self.events.emit("x", 1)
        assert self.heard == [1]

    def test_listener_gets_as_many_arguments_as_it_accepts(self) -> None:
        self.events.on("x", lambda: self.heard.append("none"))
        self.events.on("x", lambda one: self.heard.append(one))
        self.events.on("x", lambda *all: self.heard.append(all))
        self.events.emit("x", 1, 2)
        assert self.heard == ["none", 1, (1, 2)]

    def test_log_names_a_listener_that_needs_more_arguments(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def greedy(one: object, two: object) -> None: ...

        self.events.on("x", greedy)
        self.events.emit("x", 1)
        assert "greedy raised" in caplog.text
        assert "missing 1 required positional argument" in caplog.text

    def test_off_removes_a_listener_and_ignores_an_unknown_one(self) -> None:
        broken = Broken(TypeError)
        self.events.on("x", broken.hears)
        self.events.off("x", broken.hears)
        self.events.off("x", self.heard.append)
        self.events.emit("x", 1)
        assert broken.called == 0

    def test_once_listener_is_called_once_and_named_in_the_log(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        broken = Broken(TypeError)
        self.events.once("x", broken.hears)
        self.events.emit("x", 1)
        self.events.emit("x", 1)
        assert broken.called == 1
        assert "Broken.hears raised" in caplog.text

    def test_on_and_once_work_as_decorators(self) -> None:
        @self.events.on("x")
        def always(what: object) -> None:
            self.heard.append(what)

        @self.events.once("x")
        def first(what: object) -> None:
            self.heard.append(what)

        self.events.emit("x", 1)
        self.events.emit("x", 2)
        assert self.heard == [1, 1, 2]

    def test_async_listener_raises_value_error_as_in_livekit(self) -> None:
        async def later() -> None: ...

        for events in (self.events, rtc.EventEmitter[str]()):
            with pytest.raises(ValueError, match="async"):
                events.on("x", later)


class TestAvatarEvents:
    """Names of the events of an avatar session."""

    def setup_method(self) -> None:
        self.events: Any = AvatarEvents()

    @pytest.mark.parametrize("register", ["on", "once", "off"])
    @pytest.mark.parametrize(
        ("wrong", "right"),
        [("avatar_eror", "avatar_error"), ("state_change", "state_changed")],
    )
    def test_error_for_an_unknown_event_suggests_the_nearest_name(
        self, register: str, wrong: str, right: str
    ) -> None:
        with pytest.raises(ValueError, match=rf"'{wrong}'\. Did you mean '{right}'"):
            getattr(self.events, register)(wrong, print)

    def test_decorator_for_an_unknown_event_raises_before_decorating(self) -> None:
        for register in (self.events.on, self.events.once):
            with pytest.raises(ValueError, match=r"'avatar_eror'\. Did you mean 'avatar_error'"):
                register("avatar_eror")

    def test_error_for_an_event_without_a_similar_name_lists_all_events(self) -> None:
        with pytest.raises(
            ValueError, match="The events are state_changed, avatar_joined, avatar_err"
        ):
            self.events.on("close", print)

    def test_handler_gets_each_event_until_it_is_removed(self) -> None:
        assert set(NAMES) == {*EVENTS, "metrics_collected"}
        for name in NAMES:
            heard: list[object] = []
            assert self.events.on(name, heard.append) == heard.append
            self.events.emit(name, name)
            self.events.off(name, heard.append)
            self.events.emit(name, name)
            assert heard == [name]


@pytest.fixture(autouse=True)
def _small_frames(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setenv("AVATAR_MOCK_WIDTH", "64")
    monkeypatch.setenv("AVATAR_MOCK_HEIGHT", "64")
