"""Provisioning: the attempts to create one paid session at one provider.

avatar-core makes another attempt only if that attempt cannot create a second session: if the
earlier request was not sent or was rejected, if the vendor accepts an idempotency key, or if a
lookup shows that the earlier attempt created nothing. In all other cases avatar-core waits for the
avatar to join the room, because a join proves that a session was created.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import replace
from typing import Any

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_random_exponential

from avatar_core.contracts.capabilities import SafeRetry
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import (
    AvatarError,
    Outcome,
    ProvisionError,
    UnavailableError,
)
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.provisioning.agent_check import ensure_usable
from avatar_core.provisioning.context import ProvisioningContext
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.tokens import mint_once_per_spec, token_lifetime_s
from avatar_core.provisioning.wait import wait_for_participant
from avatar_core.tasks import RELEASE_S, as_avatar_error, call_provider, provider_bug

log = logging.getLogger("avatar_core")

ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 8.0
"""Limits of the wait between two attempts, in seconds. The wait after attempt n is random, between
0 and `FIRST_WAIT_S` times 2 to the power of n - 1, but at most `LONGEST_WAIT_S`."""
LIST_LAG_S = 0.2
"""Seconds to wait before a lookup, because the vendor's list may not contain a new session yet."""
LOOKUP_S = 5.0
"""Seconds that a lookup may take."""

_jitter_s = wait_random_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)


class Provisioning:
    """All attempts to create one paid session at one provider.

    `Lease.provision` creates the object, and calls `run` once.

    Args:
        provider: The provider.
        context: The means to provision avatars into the room.
    """

    def __init__(self, provider: AvatarProvider[Any], context: ProvisioningContext) -> None:
        suffix, room = secrets.token_hex(4), context.link.room_name
        self._provider = provider
        self._context = context
        self._releaser = context.releaser
        self._safe_retry = provider.capabilities.safe_retry
        self._deadline = context.clock() + context.provision_timeout_s
        self._pending = LedgerEntry.pending(
            provider.name,
            f"{room}-{suffix}",
            room,
            context.avatar_identity or f"{provider.name.replace(':', '-')}-avatar-{suffix}",
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
            token_ttl_s=token_lifetime_s(
                context.provision_timeout_s,
                context.join_limit_s(provider.capabilities.expected_join_s),
            ),
            mint=mint_once_per_spec(context.mint_for(self._pending.identity)),
            claim=self._claim,
            start_worker=context.start_worker,
        )
        self._claimed: dict[str, LedgerEntry] = {}
        self._claim_written: asyncio.Future[bool]
        self._last_error: AvatarError | None = None
        self._in_doubt = False
        """Whether the last attempt may have created a session whose id is unknown."""
        self._was_in_doubt = False
        """Whether any attempt may have created a session whose id is unknown."""
        self._has_unended = False
        """Whether a session of a failed attempt could not be ended."""
        self._is_abandoned = False
        """Whether a call of `provision` is still running although the caller was cancelled."""

    async def run(self) -> LedgerEntry:
        """Create one session, with several attempts if necessary.

        After an error or a cancellation, background tasks end every session that may exist.

        Returns:
            The entry of the session, which is in the ledger.

        Raises:
            AvatarError: No attempt created a session within `provision_timeout_s`, or the agent
                cannot use an avatar.
        """
        ensure_usable(self._context.link, self._provider)
        try:
            await self._releaser.ledger.write(self._pending)
            return await self._provision()
        except BaseException:
            self._releaser.keep_out(self._pending)
            self._end_pending()
            raise

    async def _provision(self) -> LedgerEntry:
        attempts = AsyncRetrying(
            retry=retry_if_exception(self._may_try_again),
            wait=self._wait_s,
            stop=self._must_stop,
            sleep=asyncio.sleep,
            reraise=True,
        )
        try:
            used: LedgerEntry = await attempts(self._attempt)
        except AvatarError as error:
            error.provider = error.provider or self._provider.name
            link, identity = self._context.link, self._pending.identity
            if not (
                self._in_doubt and await wait_for_participant(link, identity, self._remaining_s())
            ):
                raise
            log.warning(
                "The avatar joined the room although the provider reported an error: %s", error
            )
            return self._pending
        self._releaser.ledger.supersede(self._pending, used)
        for other in self._claimed.values():
            if other != used:
                shared = other.identity == used.identity
                work = self._releaser.end(
                    self._provider, other, "another session is used", shared=shared
                )
                self._releaser.tasks.start(work, f"{other.identity}-end")
        return used

    async def _attempt(self) -> LedgerEntry:
        if self._in_doubt and self._safe_retry is SafeRetry.LOOKUP:
            found = await self._look_up()
            if found is not None:
                identity = found.identity or self._pending.identity
                return self._claim(replace(found, identity=identity))
            self._in_doubt = False
            if not _is_retryable(self._last_error):
                raise self._last_error or AssertionError
        creating = asyncio.ensure_future(self._create())
        try:
            return await asyncio.shield(creating)
        except asyncio.CancelledError:
            self._is_abandoned = True
            self._releaser.tasks.start(self._abandon(creating), f"{self._pending.identity}-abandon")
            raise
        except AvatarError as error:
            self._last_error = error
            await self._clean_up(error, "provisioning failed")
            raise

    async def _create(self) -> LedgerEntry:
        """Call `provision` of the provider once, and convert every error into an `AvatarError`."""
        limit_s = self._remaining_s()
        if self._safe_retry is not SafeRetry.NEVER:
            limit_s /= 2  # the other half is for the lookup or the next attempt
        failure: AvatarError
        try:
            async with asyncio.timeout(limit_s):
                request = replace(self._request, deadline_s=limit_s)
                avatar = await call_provider(self._provider.provision, request)
            if isinstance(avatar, ProvisionedAvatar) and avatar.session_id:
                claimed = self._claim(avatar)
                await self._claim_written
                return claimed
            failure = provider_bug("the method provision returned no avatar")
        except AvatarError:
            raise
        except TimeoutError:
            failure = UnavailableError(
                f"the provider did not bring an avatar into the room within {limit_s:g} s.",
                hint="Try again, or increase AVATAR_PROVISION_TIMEOUT_S.",
                retryable=True,
                code=ErrorCode.PROVISION_TIMEOUT,
            )
        except Exception as error:
            failure = as_avatar_error(error, self._provider.name)
        raise failure

    def _claim(self, avatar: ProvisionedAvatar) -> LedgerEntry:
        """Begin to record a session in the ledger as soon as the session exists."""
        claimed = self._pending.with_session(avatar)
        if self._claimed.get(avatar.session_id) != claimed:
            self._claimed[avatar.session_id] = claimed
            self._claim_written = self._releaser.ledger.write(claimed)
        return claimed

    # After an attempt that failed.

    async def _clean_up(self, error: BaseException | None, reason: str) -> None:
        """End the sessions that were claimed; if there are none, note whether one may exist."""
        claimed, self._claimed = list(self._claimed.values()), {}
        if not claimed and _may_have_created(error):
            self._in_doubt = self._was_in_doubt = True
        for one in claimed:
            work = self._releaser.end(self._provider, one, reason)
            ending = self._releaser.tasks.start(work, f"{one.identity}-end")
            self._has_unended |= not await asyncio.shield(ending)

    async def _abandon(self, creating: asyncio.Future[LedgerEntry]) -> None:
        """Wait briefly for the vendor's response, which contains the id of the session."""
        await asyncio.wait((creating,), timeout=RELEASE_S / 2)
        creating.cancel()
        (result,) = await asyncio.gather(creating, return_exceptions=True)
        error = result if isinstance(result, BaseException) else None
        await self._clean_up(error, "the caller was cancelled")
        self._is_abandoned = False
        self._end_pending()

    def _end_pending(self) -> None:
        if self._is_abandoned:
            return
        if self._was_in_doubt:  # even if a lookup found nothing, because lists may be out of date
            work = self._releaser.end(self._provider, self._pending, "it may have been created")
            self._releaser.tasks.start(work, f"{self._pending.identity}-end")
        else:
            self._releaser.ledger.remove(self._pending)

    # When to try again.

    def _may_try_again(self, error: BaseException) -> bool:
        if not isinstance(error, ProvisionError) or self._has_unended:
            return False
        if self._in_doubt and self._safe_retry is SafeRetry.NEVER:
            return False
        return _is_retryable(error) or (self._in_doubt and error.outcome is Outcome.UNKNOWN)

    def _wait_s(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        vendor_s = error.retry_after_s if isinstance(error, ProvisionError) else None
        return max(_jitter_s(state), vendor_s or 0.0, LIST_LAG_S if self._in_doubt else 0.0)

    def _must_stop(self, state: RetryCallState) -> bool:
        return state.attempt_number >= ATTEMPTS or state.upcoming_sleep >= self._remaining_s()

    def _remaining_s(self) -> float:
        return max(0.0, self._deadline - self._context.clock())

    # The session that a failed attempt may have created.

    async def _look_up(self) -> ProvisionedAvatar | None:
        """Return the session that the vendor created for the key of the request, or None.

        Raises:
            ProvisionError: The lookup failed.
        """
        try:
            async with asyncio.timeout(min(LOOKUP_S, self._remaining_s())):
                return await call_provider(self._provider.lookup, self._pending.key)
        except ProvisionError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"the provider could not look up a session that the vendor may have created "
                f"({type(error).__name__}).",
                retryable=True,
            ) from error


def _is_retryable(error: BaseException | None) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, ProvisionError) and error.retryable


def _may_have_created(error: BaseException | None) -> bool:
    """Return whether an attempt that ended with `error` may have created a session."""
    return isinstance(error, asyncio.CancelledError) or (
        isinstance(error, ProvisionError) and error.outcome is Outcome.UNKNOWN
    )
