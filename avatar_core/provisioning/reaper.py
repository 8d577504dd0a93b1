"""The reaper: ends what dead processes left behind, from the ledger alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import MAY_STILL_JOIN_S, LedgerEntry
from avatar_core.provisioning.release import Remove, end
from avatar_core.tasks import RELEASE_S

AT_ONCE = 8
REASON = "its process was killed"
COMES = f"nothing of it is there yet; it may still join within {MAY_STILL_JOIN_S:g} s. Reap again"

THEIRS = "Run `avatar reap` with the environment of the agent that bought it."

Verdict = Literal["ended", "to end", "waiting", "kept", "over", "alive"]
ProviderOf = Callable[[str], AvatarProvider[Any]]
"""The provider of a name, from its settings; raises `AvatarError` where there is none."""


@dataclass(frozen=True, slots=True)
class ReapResult:
    """What became of an entry.

    Attributes:
        entry: As it was in the ledger.
        status: `ended` now; `to end`, were this no dry run; `waiting`, as nothing of it is
            there yet, and may still come; `kept`, because it could not be ended; `over`, as
            nothing came of it, or its vendor has ended it long ago; `alive`, as its process is.
        why: It waits, or was kept.
    """

    entry: LedgerEntry
    status: Verdict
    why: str = ""


async def reap(
    ledger: Ledger,
    provider_of: ProviderOf,
    remove: Remove,
    *,
    livekit_url: str = "",
    only: Collection[str] | None = None,
    dry_run: bool = False,
) -> list[ReapResult]:
    """End what dead processes left; what a living one holds is not touched.

    Args:
        ledger: Where it is written.
        provider_of: Builds the providers.
        remove: Puts a participant out of a room.
        livekit_url: Of the server that it does so at, as far as it is known.
        only: Providers by name; None for all.
        dry_run: Tell only.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def fate_of(entry: LedgerEntry) -> ReapResult:
        if not entry.is_orphan():
            return ReapResult(entry, "alive")
        if dry_run:
            return ReapResult(entry, "over" if entry.is_expired() else "to end")
        try:
            provider = provider_of(entry.provider)
            _must_be_ours(entry, provider, livekit_url)
            async with gate, asyncio.timeout(RELEASE_S):
                ended = await end(provider, entry, REASON, remove)
            if not ended and entry.may_still_join():
                result = ReapResult(entry, "waiting", COMES)
            else:
                result = ReapResult(entry, "ended" if ended else "over")
        except Exception as error:
            why = str(error) if isinstance(error, AvatarError) else type(error).__name__
            result = ReapResult(entry, "over" if entry.is_expired() else "kept", why)
        if result.status not in ("kept", "waiting"):
            ledger.remove(entry)
        return result

    wanted = [entry for entry in ledger.entries() if only is None or entry.provider in only]
    results = await asyncio.gather(*map(fate_of, wanted))
    if not dry_run:
        ledger.tidy()
    return results


def _must_be_ours(entry: LedgerEntry, provider: AvatarProvider[Any], livekit_url: str) -> None:
    """Whoever does not know of a purchase would take it for ended.

    Raises:
        ConfigError: It belongs to another account, or into a room of another server.
    """
    if entry.account and entry.account != provider.account:
        raise ConfigError("it was bought with another key, or at another address.", hint=THEIRS)
    ends = entry.session_id and provider.capabilities.ends_session
    if not ends and entry.livekit_url and livekit_url not in ("", entry.livekit_url):
        raise ConfigError(f"its room is at {entry.livekit_url}.", hint=THEIRS)
