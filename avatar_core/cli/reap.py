"""`avatar reap`: ends the paid sessions that killed processes left behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from functools import cache

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from avatar_core.contracts.errors import AvatarError, RoomError, SettingsError
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.reaper import Fate, reap
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings, LiveKitSettings


def run(*, dry_run: bool, as_json: bool) -> int:
    """Reap and print; the exit code is 1 if something is left to end."""
    try:
        ledger = Ledger(AvatarSettings.load().ledger or default_folder())
        provider_of = cache(ProviderRegistry().create)
        work = reap(ledger, provider_of, _put_out, livekit_url=_server(), dry_run=dry_run)
        fates = asyncio.run(work)
    except AvatarError as error:
        return _refused(str(error))
    if ledger.folder is None or (ledger.fault and not fates):
        return _refused(ledger.fault or "There is no ledger.")
    if as_json:
        print(json.dumps([_told(fate) for fate in fates], indent=2))
    else:
        _show(fates)
    return int(any(fate.verdict in ("kept", "waiting", "to end") for fate in fates))


def _refused(why: str) -> int:
    Console(stderr=True, highlight=False).print(f"[red]{escape(why)}[/]")
    return 2


def _server() -> str:
    try:
        return LiveKitSettings.load().url
    except SettingsError:
        return ""


async def _put_out(room: str, identity: str) -> bool:
    """Put a worker out of a room whose agent is dead."""
    from avatar_core.rtc.admin import remove

    try:
        livekit = LiveKitSettings.load()
    except SettingsError as error:
        raise RoomError(
            f"{identity} can only be put out of its room: its vendor has no end, or what was "
            "bought is not known.",
            hint=f"For that: {error.message}",
        ) from None
    return await remove(livekit, room, identity)


def _told(fate: Fate) -> dict[str, object]:
    entry = fate.entry
    return {
        "provider": entry.provider,
        "session": entry.session_id or None,
        "room": entry.room,
        "identity": entry.identity,
        "asked_at": entry.at,
        "pid": entry.pid,
        "verdict": fate.verdict,
        "why": fate.why,
    }


def _show(fates: Sequence[Fate]) -> None:
    console = Console(highlight=False)
    if not fates:
        console.print("Nothing is open: the ledger is empty.")
        return
    table = Table("provider", "session", "room", "age", "verdict")
    for fate in fates:
        entry = fate.entry
        age = f"{(time.time() - entry.at) / 60:.0f} min"
        session = entry.session_id or "(not known)"
        row = (entry.provider, session, entry.room, age, fate.verdict)
        table.add_row(*map(escape, row))
    console.print(table)
    for fate in fates:
        if fate.why:
            console.print(f"[red]{escape(fate.entry.told)}: {escape(fate.why)}[/]")
