"""The command `avatar reap`: ends the paid sessions that killed processes left behind."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from functools import cache

from rich.markup import escape
from rich.table import Table

from avatar_core.cli.output import MISUSED, make_console
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, RoomError, SettingsError
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.reaper import ReapResult, reap
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings, LiveKitSettings


def run(*, dry_run: bool, as_json: bool) -> int:
    """End the sessions of dead processes, and print the results.

    Args:
        dry_run: Whether to only print the sessions, and end nothing.
        as_json: Whether to print JSON.

    Returns:
        The exit code: 1 if a session of a dead process may remain, 2 if the ledger cannot be read,
        or else 0.
    """
    try:
        ledger = Ledger(AvatarSettings.load().ledger or default_folder())
        registry = ProviderRegistry()
        work = reap(
            AsyncLedger(ledger),
            cache(lambda name: registry.create(name.partition(":")[0])),  # any plugin of LiveKit
            _remove_participant,
            livekit_url=_server(),
            dry_run=dry_run,
        )
        results = asyncio.run(work)
    except AvatarError as error:
        return _refused(str(error))
    if ledger.folder is None or (ledger.problem and not results):
        return _refused(ledger.problem or "There is no ledger. Set AVATAR_LEDGER to a folder.")
    if as_json:
        print(json.dumps([_as_json(result) for result in results], indent=2))
    else:
        _show(results)
    return int(any(result.status in ("failed", "waiting", "would_end") for result in results))


def _refused(why: str) -> int:
    make_console(stderr=True).print(f"[red]{escape(why)}[/]", soft_wrap=True)
    return MISUSED


def _server() -> str:
    try:
        return LiveKitSettings.load().ws_url
    except SettingsError:
        return ""


async def _remove_participant(room: str, identity: str) -> bool:
    """Remove a worker from the room of a dead agent.

    Raises:
        RoomError: The settings `LIVEKIT_*` are missing, or the server refused the request.
    """
    from avatar_core.rtc.admin import remove_participant

    try:
        livekit = LiveKitSettings.load()
    except SettingsError as error:
        raise RoomError(
            f"The vendor cannot end the session of {identity}, so `avatar reap` must remove this "
            "participant from the room.",
            hint=f"Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET: {error.message}",
            code=ErrorCode.MISSING_SETTING,
        ) from None
    return await remove_participant(livekit, room, identity)


def _as_json(result: ReapResult) -> dict[str, object]:
    ledger_entry = result.ledger_entry
    return {
        "provider": ledger_entry.provider,
        "session": ledger_entry.session_id or None,
        "room": ledger_entry.room,
        "identity": ledger_entry.identity,
        "requested_at": ledger_entry.at,
        "pid": ledger_entry.pid,
        "status": result.status,
        "why": result.why,
    }


def _show(results: Sequence[ReapResult]) -> None:
    console = make_console()
    if not results:
        console.print("The ledger is empty: no session is open.")
        return
    table = Table("provider", "session", "room", "age", "status")
    for result in results:
        ledger_entry = result.ledger_entry
        age = f"{max(0.0, time.time() - ledger_entry.at) / 60:.0f} min"
        session = ledger_entry.session_id or "(not known)"
        row = (ledger_entry.provider, session, ledger_entry.room, age, result.status)
        table.add_row(*map(escape, row))
    console.print(table)
    for result in results:
        if result.why:
            line = f"{result.ledger_entry.label}: {result.why}"
            console.print(f"[red]{escape(line)}[/]", soft_wrap=True)
