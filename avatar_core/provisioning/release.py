"""The releaser: ends paid sessions, and tries again to end the sessions that remain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tenacity import AsyncRetrying, retry_if_exception, wait_random_exponential

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import AvatarError, ProvisionError
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent, RoomPresence
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.routing import Unsubscribe
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.tasks import RELEASE_S, BackgroundTasks, call_provider

log = logging.getLogger("avatar_core")

FIRST_WAIT_S, LONGEST_WAIT_S = 0.2, 1.0
"""Limits of the wait between two attempts, in seconds. The wait after attempt n is random, between
0 and `FIRST_WAIT_S` times 2 to the power of n - 1, but at most `LONGEST_WAIT_S`."""
MAX_STRAYS = 4
"""The number of sessions with the same key that `end_session` looks up and ends at most."""

RemoveParticipant = Callable[[str, str], Coroutine[Any, Any, bool]]
"""A function that removes a participant from a room: (room name, identity) -> whether the
participant was in the room."""


class Releaser:
    """The object that ends the paid sessions of one room.

    The session context creates the releaser. The releaser watches the room for the avatars of
    sessions that could not be ended, and tries again when such an avatar joins.

    Args:
        link: The view of the agent on its room.
        ledger: The ledger that records the sessions.
        remove: Removes a participant from a room.

    Attributes:
        ledger: The ledger that records the sessions.
        remove: Removes a participant from a room.
        tasks: Runs the work that must continue after its caller was cancelled.
    """

    def __init__(self, link: RoomPresence, ledger: Ledger, remove: RemoveParticipant) -> None:
        self.ledger = AsyncLedger(ledger)
        self.remove = remove
        self._link = link
        self.tasks = BackgroundTasks()
        self._unended: dict[str, tuple[LedgerEntry, Unsubscribe]] = {}
        """The sessions that could not be ended yet, by the file name of the ledger entry. Each
        value contains the function that stops the watch for the avatar."""
        self._kept_out: set[str] = set()
        self._unwatch: Unsubscribe = _do_nothing
        self._closed = False

    def keep_out(self, ledger_entry: LedgerEntry) -> None:
        """Remove the participant of an abandoned session after each join, until `aclose`.

        A worker that was removed can join again while its token is valid: until 10 minutes after
        the server sent the last token (livekit-server 1.13.5).

        Args:
            ledger_entry: The session. If the vendor chooses the identity, a later session may use
                the same identity, so the method does nothing.
        """
        if ledger_entry.has_own_identity and not self._closed:
            if not self._kept_out:
                self._unwatch = self._link.watch(self._remove_kept_out)
            self._kept_out.add(ledger_entry.identity)

    def _remove_kept_out(self, event: RoomEvent, participant: RemoteParticipant | None) -> None:
        if event is not RoomEvent.JOINED or participant is None:
            return
        identity = participant.identity
        retried = {ledger_entry.identity for ledger_entry, _ in self._unended.values()}
        if identity in self._kept_out - retried:
            log.info(
                "The avatar %s joined again after its session ended. avatar-core removes "
                "the avatar.",
                identity,
            )
            self.tasks.start(self.remove(self._link.room_name, identity), f"{identity}-out")

    async def end(
        self,
        provider: AvatarProvider[Any],
        ledger_entry: LedgerEntry,
        reason: str,
        *,
        shared: bool = False,
    ) -> bool:
        """End a session within `RELEASE_S` seconds, and remove its entry from the ledger.

        If the session cannot be ended, the releaser removes the avatar's participant from the room,
        now or when the participant joins. When the releaser closes, it gives up the ownership of
        the remaining sessions, so that any reaper may end them.

        Args:
            provider: The provider that created the session.
            ledger_entry: The ledger entry of the session.
            reason: The reason of the end, for the vendor.
            shared: Whether another session uses the same identity, so that the participant must
                stay in the room.

        Returns:
            True if the session has ended and its avatar cannot join any more.
        """
        remove = _keep_participant if shared else self.remove
        ended = await self._try_to_end(provider, ledger_entry, reason, remove)
        if ended:
            _, unwatch = self._unended.pop(ledger_entry.file_name, (ledger_entry, _do_nothing))
            unwatch()
            await self.ledger.remove(ledger_entry)
        elif self._closed:
            await self.ledger.write(ledger_entry.disown())
        else:
            self._retry_on_join(provider, ledger_entry, shared)
        return ended

    async def aclose(self) -> None:
        """Stop trying to end sessions, and give up the ownership of the remaining sessions.

        Any reaper may end these sessions from now on. A second call of this method has no effect.
        The method returns when the ledger has written all entries, or after a time limit.
        """
        self._closed = True
        self._unwatch()
        while self._unended:
            ledger_entry, unwatch = self._unended.popitem()[1]
            unwatch()
            self.ledger.write(ledger_entry.disown())
        await self.ledger.flush()

    def _retry_on_join(
        self, provider: AvatarProvider[Any], ledger_entry: LedgerEntry, shared: bool
    ) -> None:
        identity = ledger_entry.identity
        if ledger_entry.file_name not in self._unended:
            unwatch = _do_nothing if shared else self._watch_for_join(provider, ledger_entry)
            self._unended[ledger_entry.file_name] = ledger_entry, unwatch
        if not shared and identity in self._link.remote_participants():
            self.tasks.start(self.remove(ledger_entry.room, identity), f"{identity}-out")

    def _watch_for_join(
        self, provider: AvatarProvider[Any], ledger_entry: LedgerEntry
    ) -> Unsubscribe:
        """Try to end a session again whenever its participant joins the room.

        Returns:
            A function that stops the watch.
        """
        identity = ledger_entry.identity

        def look(event: RoomEvent, participant: RemoteParticipant | None) -> None:
            """Start to end the session again if its participant has joined.

            Args:
                event: The room event.
                participant: The remote participant that the event concerns, or None.
            """
            if (
                event is RoomEvent.JOINED
                and participant is not None
                and participant.identity == identity
            ):
                log.info(
                    "The avatar %s joined after its session was abandoned, so avatar-core "
                    "removes it from the room.",
                    identity,
                )
                self.tasks.start(
                    self.end(provider, ledger_entry, "it joined too late"), f"{identity}-end"
                )

        return self._link.watch(look)

    async def _try_to_end(
        self,
        provider: AvatarProvider[Any],
        ledger_entry: LedgerEntry,
        reason: str,
        remove: RemoveParticipant,
    ) -> bool:
        errors: list[BaseException] = []

        def may_try_again(error: BaseException) -> bool:
            """Store the error, and return whether another attempt may succeed.

            Args:
                error: The error of the attempt.

            Returns:
                True if the same call may succeed later.
            """
            errors.append(error)
            return _is_retryable(error)

        attempts = AsyncRetrying(
            retry=retry_if_exception(may_try_again),
            wait=wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
            sleep=asyncio.sleep,
        )
        try:
            async with asyncio.timeout(RELEASE_S):
                ended: bool = await attempts(end_session, provider, ledger_entry, reason, remove)
                return ended or not ledger_entry.may_still_join()
        except Exception as error:
            last = errors[-1] if errors else error
            log.warning(
                "avatar-core could not end a paid session: %s (%s). Run `avatar reap` after this "
                "job has ended.",
                ledger_entry.label,
                last if isinstance(last, AvatarError) else type(last).__name__,
            )
            return False


async def _keep_participant(room: str, identity: str) -> bool:
    return True


def _do_nothing() -> None:
    return


def _is_retryable(error: BaseException) -> bool:
    """Return whether the same call may succeed later. A session may be ended more than once."""
    return isinstance(error, ProvisionError) and error.retryable


async def end_session(
    provider: AvatarProvider[Any],
    ledger_entry: LedgerEntry,
    reason: str,
    remove: RemoveParticipant,
) -> bool:
    """End a session and other sessions with the same key at the vendor, in one attempt.

    If the vendor cannot end sessions, or the id of the session is unknown, the function removes the
    avatar's participant from the room instead.

    Args:
        provider: The provider that created the session.
        ledger_entry: The ledger entry of the session.
        reason: The reason of the end, for the vendor.
        remove: Removes a participant from a room.

    Returns:
        True if the function ended a session or removed a participant. False means that the avatar
        may still join.

    Raises:
        AvatarError: The vendor or the LiveKit server could not be reached, or refused the request.
        RuntimeError: The provider raised `CancelledError`.
        Exception: The code of the provider raised any other exception.
    """
    can_end, ended = provider.capabilities.ends_session, False
    if ledger_entry.session_id:
        await call_provider(provider.release, ledger_entry.avatar, reason)
        ended = can_end
    if provider.capabilities.safe_retry is SafeRetry.LOOKUP:
        for _ in range(MAX_STRAYS):
            stray = await call_provider(provider.lookup, ledger_entry.key)
            if stray is None or stray.session_id == ledger_entry.session_id:
                break  # the vendor's list may still contain a session that has ended
            await call_provider(provider.release, stray, reason)
            ended = can_end
    if not (ledger_entry.session_id and can_end):
        ended |= await remove(ledger_entry.room, ledger_entry.identity)
    return ended
