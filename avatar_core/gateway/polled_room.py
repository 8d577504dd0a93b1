"""The view on a room that the gateway has: it asks the LiveKit server who is in the room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from avatar_core.contracts.participants import (
    RemoteParticipant,
    RoomEvent,
    RoomEventHandler,
    RoomPresence,
)
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.rtc.roster import Roster

ReadRoster = Callable[[str], Awaitable[Roster]]
"""A function that reads who is in a room of a given name."""


class PolledRoom(RoomPresence):
    """The room of an agent, as the server describes it at each `refresh`.

    Args:
        room_name: Name of the room.
        identity: Identity of the agent.
        read: Reads who is in the room.

    Attributes:
        has_agent: Whether the agent was in the room at the last `refresh`.
    """

    def __init__(self, room_name: str, identity: str, read: ReadRoster) -> None:
        self._room_name = room_name
        self._identity = identity
        self._read = read
        self._roster = Roster()
        self._handlers: list[RoomEventHandler] = []
        self.has_agent = False

    @property
    def identity(self) -> str:
        """The identity of the agent."""
        return self._identity

    @property
    def room_name(self) -> str:
        """The name of the room."""
        return self._room_name

    @property
    def is_hidden(self) -> bool:
        """Whether the agent is hidden."""
        return self._identity in self._roster.hidden

    @property
    def can_publish_data(self) -> bool:
        """Whether the agent may publish data."""
        return self._identity not in self._roster.without_data

    def remote_participants(self) -> Mapping[str, RemoteParticipant]:
        """Return the participants other than the agent, as of the last `refresh`.

        Returns:
            The participants by identity.
        """
        everyone = self._roster.participants
        return {identity: one for identity, one in everyone.items() if identity != self._identity}

    def watch(self, handler: RoomEventHandler) -> Unsubscribe:
        """Call a handler at each join and leave that a later `refresh` finds.

        Args:
            handler: Receives the event and the participant.

        Returns:
            A function that removes the handler.
        """
        self._handlers.append(handler)

        def remove() -> None:
            """Remove the handler."""
            if handler in self._handlers:
                self._handlers.remove(handler)

        return remove

    async def refresh(self) -> None:
        """Read who is in the room now, and report the differences as events.

        Raises:
            RoomError: The server did not respond.
        """
        before = self.remote_participants()
        self._roster = await self._read(self._room_name)
        self.has_agent = self._identity in self._roster.participants
        now = self.remote_participants()
        for identity in before.keys() - now.keys():
            self._report(RoomEvent.LEFT, replace(before[identity], left_for_good=True))
        for identity in now.keys() - before.keys():
            self._report(RoomEvent.JOINED, now[identity])

    def _report(self, event: RoomEvent, participant: RemoteParticipant) -> None:
        for handler in tuple(self._handlers):
            handler(event, participant)
