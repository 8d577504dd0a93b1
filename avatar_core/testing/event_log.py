"""A log of the events of an avatar, as records with times and in words."""

from __future__ import annotations

import asyncio
from typing import get_args

from avatar_core.agents.avatar_events import AvatarEventName
from avatar_core.agents.session import AvatarSession
from avatar_core.contracts.errors import AvatarLostError
from avatar_core.contracts.events import (
    AvatarEvent,
    AvatarFailed,
    AvatarJoined,
    AvatarState,
    StateChanged,
)
from avatar_core.registry.discovery import VOICE
from avatar_core.testing.clock import now

__tracebackhide__ = True  # pytest shows the line of the test, not the frames of this module
EVENTS: tuple[AvatarEventName, ...] = get_args(AvatarEventName)
Record = tuple[float, AvatarEvent]
"""The loop time of an event in seconds, and the event."""


class EventLog:
    """The events of an avatar since the creation of the log.

    Args:
        avatar: The avatar.

    Attributes:
        records: The events, each with its loop time in seconds.
    """

    def __init__(self, avatar: AvatarSession) -> None:
        self.records: list[Record] = []
        self._seen = 0
        self._noted = asyncio.Event()
        for name in EVENTS:
            avatar.on(name, self._note)

    @property
    def sentences(self) -> list[tuple[float, str]]:
        """The important events in words, each with its loop time in seconds.

        The sentences are `<provider> joined`, `<provider> was lost`, `<provider> failed: <class of
        the error>` and `voice speaks`.
        """
        described = [(at_s, _describe(event)) for at_s, event in self.records]
        return [(at_s, sentence) for at_s, sentence in described if sentence]

    async def wait_for(self, sentence: str) -> None:
        """Wait for an event after the last event for which this method has waited.

        Args:
            sentence: The event in words, as in `sentences`.
        """
        while sentence not in (new := [event for _, event in self.sentences][self._seen :]):
            self._noted.clear()
            await self._noted.wait()
        self._seen += new.index(sentence) + 1

    def _note(self, event: AvatarEvent) -> None:
        self.records.append((now(), event))
        self._noted.set()


def _describe(event: AvatarEvent) -> str:
    match event:
        case AvatarJoined(provider=provider):
            return f"{provider} joined"
        case AvatarFailed(provider=provider, error=AvatarLostError()):
            return f"{provider} was lost"
        case AvatarFailed(provider=provider, error=error):
            return f"{provider} failed: {type(error).__name__}"
        case StateChanged(state=AvatarState.VOICE):
            return f"{VOICE} speaks"
    return ""
