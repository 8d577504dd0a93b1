"""A purchase: as many attempts as are safe, one avatar at most, and nothing left behind.

Whether to create again is a question of what may exist by then. Nothing was sent, or it was
refused: again. Nobody knows: again where the vendor takes a key, and where it can be asked what
it created and says nothing; else the room is watched, for a join is evidence.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.errors import (
    AvatarError,
    Outcome,
    ProvisionError,
    UnavailableError,
)
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.tokens import lifetime_s, same_again
from avatar_core.provisioning.wait import wait_for_participant
from avatar_core.tasks import RELEASE_S, as_avatar_error, call_provider, provider_bug

log = logging.getLogger("avatar_core")

ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
"""The wait after attempt n is anything up to `FIRST_WAIT_S` times 2 to the n - 1: full jitter."""
LIST_LAG_S = 0.2
"""Before a vendor is asked what it created: its list may lag behind."""
LOOKUP_S = 5.0

_jitter_s = wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)


class Provisioning:
    """One start of one provider.

    Args:
        provider: The vendor.
        context: The room.
    """

    def __init__(self, provider: AvatarProvider[Any], context: SessionContext) -> None:
        suffix, room = secrets.token_hex(4), context.link.room_name
        self._provider = provider
        self._context = context
        self._releaser = context.releaser
        self._again = provider.capabilities.safe_retry
        self._until = context.clock() + context.provision_timeout_s
        self._pending = LedgerEntry.pending(
            provider.name,
            f"{room}-{suffix}",
            room,
            f"{provider.name}-avatar-{suffix}",
            account=provider.account,
            livekit_url=context.livekit_url,
        )
        self._request = ProvisionRequest(
            key=self._pending.key,
            livekit_url=context.livekit_url,
            room_name=room,
            agent_identity=context.link.identity,
            identity=self._pending.identity,
            deadline_s=context.provision_timeout_s,
            token_ttl_s=lifetime_s(provider.capabilities.max_session_s),
            mint=same_again(context.mint),
            claim=self._claim,
            start_worker=context.start_worker,
        )
        self._claimed: dict[str, LedgerEntry] = {}
        self._written = False
        self._fault: AvatarError | None = None
        self._in_doubt = self._doubted = self._unended = self._abandoned = False

    async def make(self) -> LedgerEntry:
        """Buy.

        Raises:
            AvatarError: No avatar was had. Nothing else escapes but cancellation; after both,
                what may exist is ended beside whoever called.
        """
        self._releaser.ledger.write(self._pending)
        try:
            return await self._bought()
        except BaseException:
            self._give_up()
            raise

    async def _bought(self) -> LedgerEntry:
        attempts = AsyncRetrying(
            retry=retry_if_exception(self._may_try_again),
            wait=self._wait_s,
            stop=self._must_stop,
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            entry: LedgerEntry = await attempts(self._attempt)
        except AvatarError as error:
            error.provider = error.provider or self._provider.name
            link, identity = self._context.link, self._pending.identity
            if not (self._in_doubt and await wait_for_participant(link, identity, self._rest_s())):
                raise
            log.warning("%s Its avatar joined all the same, and is used.", error)
            return self._pending
        if self._written:
            self._releaser.ledger.remove(self._pending)
        for other in self._claimed.values():
            if other != entry:
                shared = other.identity == entry.identity
                work = self._releaser.end(self._provider, other, "another is used", shared=shared)
                self._releaser.tasks.start(work, f"{other.identity}-end")
        return entry

    async def _attempt(self) -> LedgerEntry:
        if self._in_doubt and self._again is SafeRetry.LOOKUP:
            found = await self._looked_up()
            if found is not None:
                identity = found.identity or self._pending.identity
                return self._claim(replace(found, identity=identity))
            self._in_doubt = False
            if not _may_pass(self._fault):
                raise self._fault or AssertionError
        creating = asyncio.ensure_future(self._create())
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            self._abandoned = True
            self._releaser.tasks.start(self._abandon(creating), f"{self._pending.identity}-abandon")
            raise
        except AvatarError as error:
            self._fault = error
            await self._clean_up(error, "provisioning failed")
            raise

    async def _create(self) -> LedgerEntry:
        """Ask for an avatar, once; whatever goes wrong is an error of ours."""
        limit_s = self._rest_s()
        if self._again is not SafeRetry.NEVER:
            limit_s /= 2  # there must be time to find out what came of it
        fault: AvatarError
        try:
            async with asyncio.timeout(limit_s):
                request = replace(self._request, deadline_s=limit_s)
                avatar = await call_provider(self._provider.provision(request))
            if isinstance(avatar, ProvisionedAvatar) and avatar.session_id:
                return self._claim(avatar)
            fault = provider_bug("provisioning returned no avatar")
        except AvatarError:
            raise
        except TimeoutError:
            fault = UnavailableError(
                f"gave no avatar within {limit_s:g} s.",
                hint="Try again, or raise AVATAR_PROVISION_TIMEOUT_S.",
                retryable=True,
            )
        except Exception as error:
            fault = as_avatar_error(error, self._provider.name)
        raise fault

    def _claim(self, avatar: ProvisionedAvatar) -> LedgerEntry:
        """It exists: write it down, before anything else can happen."""
        entry = self._claimed[avatar.session_id] = self._pending.with_session(avatar)
        self._written = self._releaser.ledger.write(entry)
        return entry

    # What is left of a purchase that failed.

    async def _clean_up(self, error: BaseException | None, reason: str) -> None:
        """End what is known to have been made; else note whether something may have been."""
        known, self._claimed = list(self._claimed.values()), {}
        if not known and _may_have_bought(error):
            self._in_doubt = self._doubted = True
        for entry in known:
            work = self._releaser.end(self._provider, entry, reason)
            ending = self._releaser.tasks.start(work, f"{entry.identity}-end")
            self._unended |= not await asyncio.shield(ending)

    async def _abandon(self, creating: asyncio.Future[LedgerEntry]) -> None:
        """Nobody wants it any more: let the vendor answer if it is quick, and end what it made."""
        await asyncio.wait((creating,), timeout=RELEASE_S / 2)
        creating.cancel()
        (result,) = await asyncio.gather(creating, return_exceptions=True)
        error = result if isinstance(result, BaseException) else None
        await self._clean_up(error, "nobody waits for it any more")
        self._abandoned = False
        self._give_up()

    def _give_up(self) -> None:
        if self._abandoned:
            return
        if self._doubted:  # also where the vendor named nothing: its list may lag behind
            work = self._releaser.end(self._provider, self._pending, "it may have been bought")
            self._releaser.tasks.start(work, f"{self._pending.identity}-end")
        else:
            self._releaser.ledger.remove(self._pending)

    # When to try again.

    def _may_try_again(self, error: BaseException) -> bool:
        if not isinstance(error, ProvisionError) or self._unended:
            return False
        if self._in_doubt and self._again is SafeRetry.NEVER:
            return False
        return _may_pass(error) or (self._in_doubt and error.outcome is Outcome.UNKNOWN)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked_s = error.retry_after_s if isinstance(error, ProvisionError) else None
        return max(_jitter_s(state), asked_s or 0.0, LIST_LAG_S if self._in_doubt else 0.0)

    def _must_stop(self, state: RetryCallState) -> bool:
        return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= self._rest_s()

    def _rest_s(self) -> float:
        return max(0.0, self._until - self._context.clock())

    # What may exist.

    async def _looked_up(self) -> ProvisionedAvatar | None:
        """Ask the vendor what it created.

        Raises:
            ProvisionError: It does not say.
        """
        try:
            async with asyncio.timeout(min(LOOKUP_S, self._rest_s())):
                return await call_provider(self._provider.lookup(self._pending.key))
        except ProvisionError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"it could not be asked what it created ({type(error).__name__}).", retryable=True
            ) from error


def _may_pass(error: BaseException | None) -> bool:
    """Whether the same request may succeed later."""
    return isinstance(error, ProvisionError) and error.retryable


def _may_have_bought(error: BaseException | None) -> bool:
    """Whether a create that ended so may have created something."""
    return isinstance(error, asyncio.CancelledError) or (
        isinstance(error, ProvisionError) and error.outcome is Outcome.UNKNOWN
    )
