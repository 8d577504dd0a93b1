"""An event emitter whose handlers may raise."""

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
    """Calls a handler and logs what it raises.

    Two of the same handler are equal, so that `off` finds the one that `on` stored.

    Attributes:
        __wrapped__: The handler. `inspect.signature` looks here for the number of arguments.
    """

    __wrapped__: Callback

    def __call__(self, *args: Any) -> None:
        notify(self.__wrapped__, *args)


class SafeEventEmitter(rtc.EventEmitter[Name], Generic[Name]):
    """An emitter that logs whatever a handler raises, under the handler's name.

    Upstream's emitter (livekit 1.1.21, `rtc/event_emitter.py`) lets a `TypeError` of a handler
    through to the code that emits, where it would end a player or a controller.
    """

    def on(self, event: Name, callback: Callback | None = None) -> Callback:
        """Call `callback` at each event.

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
        """Call `callback` at the next event."""
        return super().once(event, callback and _Guarded(callback))

    def off(self, event: Name, callback: Callback) -> None:
        """Do not call `callback` any more."""
        super().off(event, _Guarded(callback))
