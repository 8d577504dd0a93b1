"""The failures of providers: reports each one, unless it was a part of the end of the room."""

from __future__ import annotations

import logging
from collections.abc import Callable

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarEvent, AvatarFailed
from avatar_core.contracts.link import RoomLink
from avatar_core.failover.room_end import is_room_closing

log = logging.getLogger("avatar_core")


class Failures:
    """The errors after which the controller used the next provider, or the agent's own voice.

    Args:
        link: The agent's connection to the room.
        emit: Receives the event of each reported failure.

    Attributes:
        last_error: The last error, or None. The loss of an avatar counts before it is reported.
    """

    def __init__(self, link: RoomLink, emit: Callable[[AvatarEvent], None]) -> None:
        self._link = link
        self._emit = emit
        self._unreported = False
        """Whether the last loss of an avatar may be a part of the end of the room."""
        self._error_before: AvatarError | None = None
        self.last_error: AvatarError | None = None

    def report(self, provider: str, error: AvatarError) -> None:
        """Log a failure and emit its event.

        Args:
            provider: The name of the provider.
            error: The error.
        """
        self.last_error = error
        log.warning("%s", error)
        self._emit(AvatarFailed(provider=provider, error=error))

    def note_loss(self, error: AvatarError) -> None:
        """Note the loss of a live avatar; `report_loss` reports the loss later.

        Args:
            error: The error.
        """
        self._unreported = True
        self._error_before, self.last_error = self.last_error, error

    async def report_loss(self, provider: str, error: AvatarError) -> None:
        """Report the noted loss of an avatar, unless `forget_loss` was called meanwhile.

        Args:
            provider: The name of the provider.
            error: The error.
        """
        try:
            await is_room_closing(self._link)
        finally:  # also if the session closes meanwhile
            if self._unreported:
                self._unreported = False
                self.report(provider, error)

    def forget_loss(self) -> None:
        """Forget a loss that was not reported, because the room has closed."""
        if self._unreported:  # the avatar left some milliseconds earlier
            self._unreported, self.last_error = False, self._error_before
