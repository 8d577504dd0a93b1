"""The releaser: ends what was bought, and says once what it could not end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError, ProvisionError
from avatar_core.contracts.link import RemoteParticipant, RoomEvent, RoomLink, Unsubscribe
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.tasks import RELEASE_S, BackgroundTasks, call_provider

log = logging.getLogger("avatar_core")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 1.0
MOST_STRAYS = 4
"""So many purchases of one key are looked for and ended."""

Remove = Callable[[str, str], Coroutine[Any, Any, bool]]
"""Puts a participant out of a room: (room, identity); False where it was not there."""


class Releaser:
    """Ends the paid sessions of one room, and retries those that could not be ended.

    Args:
        link: The agent's connection to the room.
        ledger: Where the sessions are recorded.
        remove: Removes a participant from a room.

    Attributes:
        tasks: Runs releases, and other work that must go on after its caller was cancelled.
    """

    def __init__(self, link: RoomLink, ledger: Ledger, remove: Remove) -> None:
        self.ledger = ledger
        self.remove = remove
        self._link = link
        self.tasks = BackgroundTasks()
        self._left: dict[str, tuple[LedgerEntry, Unsubscribe]] = {}
        """What could not be ended yet, by its name in the ledger, and what it is guarded with."""
        self._closed = False

    async def end(
        self,
        provider: AvatarProvider[Any],
        entry: LedgerEntry,
        reason: str,
        *,
        shared: bool = False,
    ) -> bool:
        """End a purchase within `RELEASE_S`; True where nothing is left of it or can still come.

        Where that cannot be had of the vendor, its worker is put out of the room, now or as
        soon as it joins; what is not over when this room is closed is the reaper's.

        Args:
            provider: Of whom it was bought.
            entry: What.
            reason: Why it is not wanted.
            shared: Its identity is in use by another purchase, and must stay in the room.
        """
        remove = _stays if shared else self.remove
        done = await self._ended(provider, entry, reason, remove)
        if done:
            _, unguard = self._left.pop(entry.name, (entry, _nothing))
            unguard()
            self.ledger.remove(entry)
        elif self._closed:
            self.ledger.write(entry.disown())
        else:
            self._keep(provider, entry, shared)
        return done

    def close(self) -> None:
        """Guard no longer: what is not ended is for any reaper from now on."""
        self._closed = True
        while self._left:
            entry, unguard = self._left.popitem()[1]
            unguard()
            self.ledger.write(entry.disown())

    def _keep(self, provider: AvatarProvider[Any], entry: LedgerEntry, shared: bool) -> None:
        if entry.name not in self._left:
            self._left[entry.name] = entry, _nothing if shared else self._guard(provider, entry)
        if not shared and entry.identity in self._link.remote_participants():
            self.tasks.start(self.remove(entry.room, entry.identity), f"{entry.identity}-out")

    def _guard(self, provider: AvatarProvider[Any], entry: LedgerEntry) -> Unsubscribe:
        """Try again to end it whenever its worker joins."""

        def again() -> None:
            log.info("%s came after all, and is put out.", entry.identity)
            self.tasks.start(self.end(provider, entry, "it came late"), f"{entry.identity}-end")

        def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
            if (
                event is RoomEvent.JOINED
                and participant is not None
                and participant.identity == entry.identity
            ):
                again()

        return self._link.watch(look)

    async def _ended(
        self, provider: AvatarProvider[Any], entry: LedgerEntry, reason: str, remove: Remove
    ) -> bool:
        said: list[BaseException] = []

        def may_pass(error: BaseException) -> bool:
            said.append(error)
            return _may_pass(error)

        attempts = AsyncRetrying(
            retry=retry_if_exception(may_pass),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            sleep=asyncio.sleep,
        )
        try:
            async with asyncio.timeout(RELEASE_S):
                ended: bool = await attempts(end, provider, entry, reason, remove)
                return ended or not entry.may_still_join()
        except Exception as error:
            last = said[-1] if said else error
            log.warning(
                "%s could not be ended (%s). `avatar reap` ends it once this session is over.",
                entry.label,
                last if isinstance(last, AvatarError) else type(last).__name__,
            )
            return False


async def _stays(room: str, identity: str) -> bool:
    return True


def _nothing() -> None:
    return


def _may_pass(error: BaseException) -> bool:
    """To end is idempotent: what may have been a moment's fault is tried again."""
    return isinstance(error, ProvisionError) and error.retryable


async def end(
    provider: AvatarProvider[Any], entry: LedgerEntry, reason: str, remove: Remove
) -> bool:
    """End a purchase at its vendor, with what else it holds of the same key.

    Returns:
        Whether there was something to end; where not, it may still come.

    Raises:
        AvatarError: The vendor or the room could not be told.
    """
    ends, ended = provider.capabilities.ends_session, False
    if entry.session_id:
        await call_provider(provider.release(entry.avatar, reason))
        ended = ends
    if provider.capabilities.safe_retry is SafeRetry.LOOKUP:
        for _ in range(MOST_STRAYS):
            stray = await call_provider(provider.lookup(entry.key))
            if stray is None or stray.session_id == entry.session_id:
                break  # a vendor's list may lag behind its end
            await call_provider(provider.release(stray, reason))
            ended = ends
    if not (entry.session_id and ends):
        ended |= await remove(entry.room, entry.identity)
    return ended
