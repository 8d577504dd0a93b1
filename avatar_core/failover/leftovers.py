"""Ends the paid sessions that killed processes left behind at the providers of a chain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.reaper import reap

log = logging.getLogger("avatar_core")

REAP_AGAIN_S = 15.0
"""Time between two reaps, while an avatar of a dead process may still join."""


async def end_leftovers(context: SessionContext, providers: Sequence[AvatarProvider[Any]]) -> None:
    """End the sessions of dead processes; repeat while an avatar of a dead process may still join.

    Args:
        context: The room, and the ledger of its sessions.
        providers: The providers whose sessions are ended.
    """
    own = {provider.name: provider for provider in providers}
    ledger, remove = context.releaser.ledger, context.releaser.remove
    logged: set[tuple[str, str]] = set()
    while True:
        results = await reap(
            ledger, own.__getitem__, remove, livekit_url=context.livekit_url, only=own
        )
        for result in results:
            label, status = result.ledger_entry.label, result.status
            if status in ("ended", "failed") and (label, status) not in logged:
                logged.add((label, status))
                if status == "ended":
                    log.warning("avatar-core ended a paid session of a killed process: %s", label)
                else:
                    log.warning(
                        "avatar-core could not end a paid session of a killed process: %s: %s",
                        label,
                        result.why,
                    )
        if not any(result.status == "waiting" for result in results):
            return
        await asyncio.sleep(REAP_AGAIN_S)
