"""Whether a vendor's servers can reach the room at all, asked before anything is bought."""

from __future__ import annotations

from urllib.parse import urlsplit

from avatar_core.contracts.errors import Outcome, UnavailableError
from avatar_core.net import is_loopback, is_public


def ensure_reachable(vendor_url: str, livekit_url: str, provider: str) -> None:
    """A vendor elsewhere reaches public servers alone; one on this machine all that we do.

    Raises:
        UnavailableError: It cannot reach the room; nothing was sent.
    """
    vendor, server = (urlsplit(url).hostname or "" for url in (vendor_url, livekit_url))
    if is_loopback(vendor) or is_public(server):
        return
    raise UnavailableError(
        f"its servers cannot reach {server or 'a room in memory'}.",
        provider=provider,
        hint="Set LIVEKIT_URL to a public address, like LiveKit Cloud's.",
        outcome=Outcome.NOT_SENT,
    )
