"""The events of an avatar session: their names, and the record that each handler receives."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, overload

from livekit.agents.metrics.base import AvatarMetrics

from avatar_core.agents.events import Callback, SafeEventEmitter
from avatar_core.contracts.events import (
    AvatarEvent,
    AvatarFailed,
    AvatarJoined,
    StateChanged,
    TakeFinished,
)

Record = TypeVar("Record")
Result = TypeVar("Result")
Handler = Callable[[Record], object]
"""A function of the application that gets the record of one kind of event."""

AvatarEventName = Literal["state_changed", "avatar_joined", "avatar_error", "take_finished"]
EventName = AvatarEventName | Literal["metrics_collected"]
EVENT_NAMES: dict[type[AvatarEvent], AvatarEventName] = {
    StateChanged: "state_changed",
    AvatarJoined: "avatar_joined",
    AvatarFailed: "avatar_error",
    TakeFinished: "take_finished",
}
"""The name of the event that carries each record."""
NAMES: tuple[EventName, ...] = (*EVENT_NAMES.values(), "metrics_collected")


class Decorator(Protocol[Record]):
    """A decorator that registers a function as a handler and returns the function."""

    def __call__(self, handler: Callable[[Record], Result], /) -> Callable[[Record], Result]:
        """Register a handler.

        Args:
            handler: A function that is not async.

        Returns:
            The handler, unchanged.
        """


class AvatarEvents(SafeEventEmitter[EventName]):
    """The events of an avatar session.

    | event | record |
    | --- | --- |
    | `state_changed` | `StateChanged` |
    | `avatar_joined` | `AvatarJoined` |
    | `avatar_error` | `AvatarFailed` |
    | `take_finished` | `TakeFinished` |
    | `metrics_collected` | `AvatarMetrics` of livekit-agents |
    """

    @overload  # type: ignore[override]
    def on(self, event: EventName, callback: Callable[[], object]) -> Callable[[], object]: ...
    @overload
    def on(
        self, event: Literal["state_changed"], callback: Handler[StateChanged]
    ) -> Handler[StateChanged]: ...
    @overload
    def on(
        self, event: Literal["avatar_joined"], callback: Handler[AvatarJoined]
    ) -> Handler[AvatarJoined]: ...
    @overload
    def on(
        self, event: Literal["avatar_error"], callback: Handler[AvatarFailed]
    ) -> Handler[AvatarFailed]: ...
    @overload
    def on(
        self, event: Literal["take_finished"], callback: Handler[TakeFinished]
    ) -> Handler[TakeFinished]: ...
    @overload
    def on(
        self, event: Literal["metrics_collected"], callback: Handler[AvatarMetrics]
    ) -> Handler[AvatarMetrics]: ...
    @overload
    def on(self, event: Literal["state_changed"]) -> Decorator[StateChanged]: ...
    @overload
    def on(self, event: Literal["avatar_joined"]) -> Decorator[AvatarJoined]: ...
    @overload
    def on(self, event: Literal["avatar_error"]) -> Decorator[AvatarFailed]: ...
    @overload
    def on(self, event: Literal["take_finished"]) -> Decorator[TakeFinished]: ...
    @overload
    def on(self, event: Literal["metrics_collected"]) -> Decorator[AvatarMetrics]: ...
    def on(self, event: Any, callback: Callback | None = None) -> Any:
        """Register `callback` for every later event; without a callback, return a decorator.

        Args:
            event: One of the names in the table of `AvatarEvents`.
            callback: A function that is not async. It receives the record, or has no parameter.

        Returns:
            The callback, or a decorator if no callback was passed.

        Raises:
            ValueError: The event does not exist, or the callback is async.
        """
        _check(event)
        return super().on(event, callback)

    @overload  # type: ignore[override]
    def once(self, event: EventName, callback: Callable[[], object]) -> Callable[[], object]: ...
    @overload
    def once(
        self, event: Literal["state_changed"], callback: Handler[StateChanged]
    ) -> Handler[StateChanged]: ...
    @overload
    def once(
        self, event: Literal["avatar_joined"], callback: Handler[AvatarJoined]
    ) -> Handler[AvatarJoined]: ...
    @overload
    def once(
        self, event: Literal["avatar_error"], callback: Handler[AvatarFailed]
    ) -> Handler[AvatarFailed]: ...
    @overload
    def once(
        self, event: Literal["take_finished"], callback: Handler[TakeFinished]
    ) -> Handler[TakeFinished]: ...
    @overload
    def once(
        self, event: Literal["metrics_collected"], callback: Handler[AvatarMetrics]
    ) -> Handler[AvatarMetrics]: ...
    @overload
    def once(self, event: Literal["state_changed"]) -> Decorator[StateChanged]: ...
    @overload
    def once(self, event: Literal["avatar_joined"]) -> Decorator[AvatarJoined]: ...
    @overload
    def once(self, event: Literal["avatar_error"]) -> Decorator[AvatarFailed]: ...
    @overload
    def once(self, event: Literal["take_finished"]) -> Decorator[TakeFinished]: ...
    @overload
    def once(self, event: Literal["metrics_collected"]) -> Decorator[AvatarMetrics]: ...
    def once(self, event: Any, callback: Callback | None = None) -> Any:
        """Register `callback` for the next event only; without a callback, return a decorator.

        Args:
            event: One of the names in the table of `AvatarEvents`.
            callback: A function that is not async. It receives the record.

        Returns:
            The function that `off` takes to remove the callback, or a decorator if no callback was
            passed.

        Raises:
            ValueError: The event does not exist.
        """
        _check(event)
        return super().once(event, callback)

    def off(self, event: EventName, callback: Callback) -> None:
        """Remove a callback; do nothing if it is not registered.

        Args:
            event: One of the names in the table of `AvatarEvents`.
            callback: The function that was passed to `on`, or that `once` returned.

        Raises:
            ValueError: The event does not exist.
        """
        _check(event)
        super().off(event, callback)


def _check(event: str) -> None:
    if event in NAMES:
        return
    close = difflib.get_close_matches(str(event), NAMES, n=1)
    hint = f"Did you mean {close[0]!r}?" if close else f"The events are {', '.join(NAMES)}."
    raise ValueError(f"An avatar session has no event {event!r}. {hint}")
