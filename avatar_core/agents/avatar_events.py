"""The events of an avatar session: their names, and the record that each handler receives."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeVar, cast, overload

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
"""A function of the application that receives the record of one kind of event."""

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
    """The type of the decorator that `on` and `once` return if they get no callback."""

    def __call__(self, handler: Callable[[Record], Result], /) -> Callable[[Record], Result]:
        """Register a function as a handler of the event, and return the function unchanged.

        Args:
            handler: A function that receives the record of the event. The function must not be
                async.

        Returns:
            The function `handler` itself.
        """


class Register(Protocol):
    """The type of `on` and `once` for type checkers.

    The name of the event determines the type of the record that the handler receives. A handler may
    also have no parameter. Without a handler, the call returns a decorator.
    """

    @overload
    def __call__(
        self, event: EventName, callback: Callable[[], object]
    ) -> Callable[[], object]: ...
    @overload
    def __call__(
        self, event: Literal["state_changed"], callback: Handler[StateChanged]
    ) -> Handler[StateChanged]: ...
    @overload
    def __call__(
        self, event: Literal["avatar_joined"], callback: Handler[AvatarJoined]
    ) -> Handler[AvatarJoined]: ...
    @overload
    def __call__(
        self, event: Literal["avatar_error"], callback: Handler[AvatarFailed]
    ) -> Handler[AvatarFailed]: ...
    @overload
    def __call__(
        self, event: Literal["take_finished"], callback: Handler[TakeFinished]
    ) -> Handler[TakeFinished]: ...
    @overload
    def __call__(
        self, event: Literal["metrics_collected"], callback: Handler[AvatarMetrics]
    ) -> Handler[AvatarMetrics]: ...
    @overload
    def __call__(self, event: Literal["state_changed"]) -> Decorator[StateChanged]: ...
    @overload
    def __call__(self, event: Literal["avatar_joined"]) -> Decorator[AvatarJoined]: ...
    @overload
    def __call__(self, event: Literal["avatar_error"]) -> Decorator[AvatarFailed]: ...
    @overload
    def __call__(self, event: Literal["take_finished"]) -> Decorator[TakeFinished]: ...
    @overload
    def __call__(self, event: Literal["metrics_collected"]) -> Decorator[AvatarMetrics]: ...


def _typed(method: Callable[..., Any]) -> Register:
    """Return `method` unchanged, with the type that type checkers see."""
    return cast(Register, method)


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

    @_typed
    def on(  # type: ignore[override]
        self, event: EventName, callback: Callback | None = None
    ) -> Any:
        """Call `callback` at every later event; without a callback, return a decorator.

        Args:
            event: One of the names in the table of `AvatarEvents`.
            callback: A function that receives the record of the event, or has no parameter. The
                function must not be async.

        Returns:
            The callback, or a decorator if no callback was passed.

        Raises:
            ValueError: The event does not exist, or the callback is async.
        """
        _check(event)
        return super().on(event, callback)

    @_typed
    def once(  # type: ignore[override]
        self, event: EventName, callback: Callback | None = None
    ) -> Any:
        """Call `callback` at the next event only; without a callback, return a decorator.

        Args:
            event: One of the names in the table of `AvatarEvents`.
            callback: A function that receives the record of the event. The function must not be
                async.

        Returns:
            The function that `off` takes to remove the callback, or a decorator if no callback was
            passed.

        Raises:
            ValueError: The event does not exist.
        """
        _check(event)
        return super().once(event, callback)

    def off(self, event: EventName, callback: Callback) -> None:
        """Stop calling `callback` for an event; do nothing if `callback` is not registered.

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
