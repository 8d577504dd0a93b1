"""An event emitter that logs the exceptions of its handlers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from livekit import rtc

from avatar_core.tasks import notify

Callback = Callable[..., Any]
Name = TypeVar("Name")


@dataclass(frozen=True)
class _Guarded:
    """A wrapper that calls a handler and logs the exception that it raises.

    Two wrappers of the same handler are equal, so that `off` finds the wrapper that `on` stored.

    Attributes:
        __wrapped__: The handler, in the attribute from which `inspect.signature` reads the
            parameters.
    """

    __wrapped__: Callback

    def __call__(self, *args: Any) -> None:
        notify(self.__wrapped__, *args)


class SafeEventEmitter(rtc.EventEmitter[Name], Generic[Name]):
    """An event emitter that logs each exception of a handler, with the handler's name.

    The base class (livekit 1.1.21, `rtc/event_emitter.py`) does not catch a `TypeError` of a
    handler, and the error would end the task that emits the event.
    """

    def on(self, event: Name, callback: Callback | None = None) -> Callback:
        """Call `callback` at every later event; without a callback, return a decorator.

        Args:
            event: The name of the event.
            callback: A function that receives the arguments of the event. The function must not be
                async.

        Returns:
            The callback, or a decorator if no callback was passed.

        Raises:
            ValueError: The callback is async.
        """
        if callback is None:
            return super().on(event)
        super().on(event, callback)  # raises for an async callback
        super().off(event, callback)
        super().on(event, _Guarded(callback))
        return callback

    def once(self, event: Name, callback: Callback | None = None) -> Callback:
        """Call `callback` at the next event only; without a callback, return a decorator.

        Args:
            event: The name of the event.
            callback: A function that receives the arguments of the event. The function must not be
                async.

        Returns:
            The function that `off` takes to remove the callback, or a decorator if no callback was
            passed.
        """
        return super().once(event, callback and _Guarded(callback))

    def off(self, event: Name, callback: Callback) -> None:
        """Stop calling `callback` for an event; do nothing if `callback` is not registered.

        Args:
            event: The name of the event.
            callback: The function that was passed to `on`, or that `once` returned.
        """
        super().off(event, _Guarded(callback))
