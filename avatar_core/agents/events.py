"""Events whose listeners cannot hurt: what one raises is logged with its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from livekit import rtc

from avatar_core.tasks import notify

Callback = Callable[..., Any]
Name = TypeVar("Name")


@dataclass(frozen=True)
class _Contained:
    """A listener in its shell; equal to another of the same, so that `off` finds it.

    Attributes:
        __wrapped__: Under this name `inspect.signature` sees how many arguments it takes.
    """

    __wrapped__: Callback

    def __call__(self, *args: Any) -> None:
        notify(self.__wrapped__, *args)


class ContainedEvents(rtc.EventEmitter[Name], Generic[Name]):
    """Upstream's emitter lets a TypeError of a listener through, into whoever emits.

    (livekit 1.1.21, `rtc/event_emitter.py`.) There it would end a player or a controller.
    """

    def on(self, event: Name, callback: Callback | None = None) -> Callback:
        """Call `callback` at each event.

        Raises:
            ValueError: It is async.
        """
        if callback is None:
            return super().on(event)
        super().on(event, callback)  # refuses what is async
        super().off(event, callback)
        super().on(event, _Contained(callback))
        return callback

    def once(self, event: Name, callback: Callback | None = None) -> Callback:
        """Call `callback` at the next event."""
        return super().once(event, callback and _Contained(callback))

    def off(self, event: Name, callback: Callback) -> None:
        """Call it no more."""
        super().off(event, _Contained(callback))
