"""The reaper: ends the paid sessions that dead processes left behind in the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger_entry import MAY_STILL_JOIN_S, LedgerEntry
from avatar_core.provisioning.release import RemoveParticipant, end_session
from avatar_core.tasks import RELEASE_S

MAX_PARALLEL = 8
"""The number of sessions that the reaper ends at the same time."""
REASON = "its process was killed"
MAY_JOIN = (
    f"The avatar has not joined, but may join within {MAY_STILL_JOIN_S:g} s of the request. "
    "Run `avatar reap` again after that time."
)
FOREIGN_HINT = "Run `avatar reap` with the environment of the agent that created the session."

ReapStatus = Literal["ended", "would_end", "waiting", "failed", "expired", "alive"]
ProviderFactory = Callable[[str], AvatarProvider[Any]]
"""A function that takes the name of a provider and creates the provider. The function raises
`AvatarError` if it cannot create the provider."""


@dataclass(frozen=True, slots=True)
class ReapResult:
    """The result of the reaper for one ledger entry.

    Attributes:
        ledger_entry: The entry as the reaper read it.
        status: `ended` means that the reaper ended the session. `would_end` means that the reaper
            would end the session without `dry_run`. `waiting` means that no session was found, but
            the avatar may still join. `failed` means that the session could not be ended, and that
            the entry stays in the ledger. `expired` means that the vendor created no session or has
            ended the session. `alive` means that the owner process is running.
        why: The reason of the status `waiting` or `failed`, or the error of an expired session;
            empty for other results.
    """

    ledger_entry: LedgerEntry
    status: ReapStatus
    why: str = ""


async def reap(
    ledger: AsyncLedger,
    provider_of: ProviderFactory,
    remove: RemoveParticipant,
    *,
    livekit_url: str = "",
    only: Collection[str] | None = None,
    dry_run: bool = False,
) -> list[ReapResult]:
    """End the sessions of dead processes. Sessions of living processes continue.

    The function does not raise the errors of a session; it returns a result with the status
    `failed`. The end of each session may take at most `RELEASE_S` seconds.

    Args:
        ledger: The ledger to read.
        provider_of: Creates the provider of a given name.
        remove: Removes a participant from a room.
        livekit_url: URL of the LiveKit server that `remove` uses; empty if unknown.
        only: The names of the providers whose sessions the reaper ends; None means all providers.
        dry_run: Whether to end nothing, and only return what would happen.

    Returns:
        A result for each entry, the oldest request first.
    """
    gate = asyncio.Semaphore(MAX_PARALLEL)

    async def reap_one(ledger_entry: LedgerEntry) -> ReapResult:
        """End the session of one entry, unless its owner process is running.

        Args:
            ledger_entry: The entry.

        Returns:
            The result.
        """
        if not await ledger.is_orphan(ledger_entry):
            return ReapResult(ledger_entry, "alive")
        if dry_run:
            return ReapResult(ledger_entry, "expired" if ledger_entry.is_expired() else "would_end")
        try:
            provider = provider_of(ledger_entry.provider)
            _ensure_ours(ledger_entry, provider, livekit_url)
            async with gate, asyncio.timeout(RELEASE_S):
                ended = await end_session(provider, ledger_entry, REASON, remove)
            if not ended and ledger_entry.may_still_join():
                result = ReapResult(ledger_entry, "waiting", MAY_JOIN)
            else:
                result = ReapResult(ledger_entry, "ended" if ended else "expired")
        except Exception as error:
            why = str(error) if isinstance(error, AvatarError) else type(error).__name__
            result = ReapResult(
                ledger_entry, "expired" if ledger_entry.is_expired() else "failed", why
            )
        if result.status not in ("failed", "waiting"):
            await ledger.remove(ledger_entry)
        return result

    wanted = [one for one in await ledger.read_all() if only is None or one.provider in only]
    results = await asyncio.gather(*map(reap_one, wanted))
    if not dry_run:
        await ledger.tidy()
    return results


def _ensure_ours(
    ledger_entry: LedgerEntry, provider: AvatarProvider[Any], livekit_url: str
) -> None:
    """Check that the current settings can end a session.

    With another account, a vendor would report the session as unknown, which counts as ended.

    Raises:
        ConfigError: The session belongs to another account, or its room is at another server.
    """
    if ledger_entry.account and ledger_entry.account != provider.account:
        raise ConfigError(
            "The session was created with another API key, or at another URL of the vendor.",
            hint=FOREIGN_HINT,
            code=ErrorCode.NOT_RELEASED,
        )
    vendor_ends = ledger_entry.session_id and provider.capabilities.ends_session
    url = ledger_entry.livekit_url
    if not vendor_ends and url and livekit_url not in ("", url):
        raise ConfigError(
            f"The room of the session is on another LiveKit server, {url}.",
            hint=FOREIGN_HINT,
            code=ErrorCode.NOT_RELEASED,
        )
