"""The reaper: ends the sessions that dead processes left behind, from the ledger alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger_entry import MAY_STILL_JOIN_S, LedgerEntry
from avatar_core.provisioning.release import RemoveParticipant, end_session
from avatar_core.tasks import RELEASE_S

MAX_PARALLEL = 8
"""The most sessions that are ended at the same time."""
REASON = "its process was killed"
MAY_JOIN = (
    f"its avatar has not joined, but may join within {MAY_STILL_JOIN_S:g} s of the request. "
    "Run `avatar reap` again then."
)
FOREIGN_HINT = "Run `avatar reap` with the environment of the agent that created it."

ReapStatus = Literal["ended", "would_end", "waiting", "failed", "expired", "alive"]
ProviderFactory = Callable[[str], AvatarProvider[Any]]
"""Returns the provider of a name, built from its settings; raises `AvatarError` without one."""


@dataclass(frozen=True, slots=True)
class ReapResult:
    """The result of the reaper for one ledger entry.

    Attributes:
        ledger_entry: The entry as it was in the ledger.
        status: `ended`: the session was ended. `would_end`: it would be, without `dry_run`.
            `waiting`: there was nothing to end, but its avatar may still join. `failed`: it could
            not be ended, and the entry is kept. `expired`: it created nothing, or its vendor has
            ended it. `alive`: its process runs.
        why: The reason for `waiting` and `failed`, and the error if there was one.
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
    """End the sessions of dead processes; leave those of living processes alone.

    Errors do not raise: they become results with the status `failed`. Each session gets at most
    `RELEASE_S` seconds.

    Args:
        ledger: The ledger to read.
        provider_of: Returns the provider of a name.
        remove: Removes a participant from a room.
        livekit_url: The server at which `remove` works; empty if it is not known.
        only: The names of the providers whose sessions to end; None for all.
        dry_run: Do not end anything; only return what would be done.

    Returns:
        A result for each entry, the oldest request first.
    """
    gate = asyncio.Semaphore(MAX_PARALLEL)

    async def reap_one(ledger_entry: LedgerEntry) -> ReapResult:
        """Return the result for one entry, after its session was ended."""
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
    """Check that this environment can end a session; another account would report it as ended.

    Raises:
        ConfigError: It belongs to another account, or its room is at another server.
    """
    if ledger_entry.account and ledger_entry.account != provider.account:
        raise ConfigError(
            "it was created with another key, or at another URL of the vendor.", hint=FOREIGN_HINT
        )
    vendor_ends = ledger_entry.session_id and provider.capabilities.ends_session
    url = ledger_entry.livekit_url
    if not vendor_ends and url and livekit_url not in ("", url):
        raise ConfigError(f"its room is at {url}.", hint=FOREIGN_HINT)
