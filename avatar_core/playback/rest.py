"""The rest of a take that a worker may still play although the take is done."""

from __future__ import annotations

import asyncio
import logging

from avatar_core.contracts.playback import Take, TakeState
from avatar_core.playback.send_loop import CUT_DEADLINE_S
from avatar_core.playback.transport import Transport
from avatar_core.tasks import call_provider

log = logging.getLogger("avatar_core.player")


class Rest:
    """The audio of the last take that its worker may not have played yet.

    A take of a worker without reports is DONE by an estimate, and the worker may be behind.
    """

    def __init__(self) -> None:
        self._last: tuple[Transport, Take] | None = None
        self._unwanted: tuple[Transport, Take] | None = None

    def note_end(self, transport: Transport, take: Take) -> None:
        """Note a take that has ended.

        Args:
            transport: The transport of the take.
            take: The take, in a final state.
        """
        self._last = (transport, take) if take.state is TakeState.DONE else None

    def reject(self) -> bool:
        """Let the next `cut` stop the last take, if the take may still sound.

        Returns:
            Whether there is something to cut.
        """
        if self._last is None or not self._last[0].tracker.may_sound:
            return False
        self._unwanted, self._last = self._last, None
        return True

    async def cut(self) -> None:
        """Cut the rejected take, if there is one and its transport is not lost."""
        unwanted, self._unwanted = self._unwanted, None
        if unwanted is None or unwanted[0].lost is not None:
            return
        transport, take = unwanted
        try:
            async with asyncio.timeout(CUT_DEADLINE_S):
                await call_provider(transport.sink.cut, take)
        except Exception as error:
            log.debug("The sink could not cut the remaining audio of %r: %s", take, error)
