"""Join tokens at a livekit-server: what expiry and removal mean for a participant."""

from __future__ import annotations

import asyncio
import secrets
from functools import partial

import pytest
from livekit import rtc

from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.release import Releaser
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.rtc.admin import remove_participant
from avatar_core.rtc.join import join
from avatar_core.testing.server import DevServer
from avatar_core.testing.server.tokens import create_token, livekit_settings

pytestmark = [pytest.mark.livekit, pytest.mark.timeout(90)]

SERVER_LEEWAY_S = 60.0
"""livekit-server 1.13.5 accepts a token for this long after it has expired."""
PATIENCE_S = 60.0


async def test_participant_reconnects_after_its_join_token_has_expired(server: DevServer) -> None:
    room_name = f"tokens-{secrets.token_hex(4)}"
    minted = TokenMint(livekit_settings(server), room_name)
    ttl_s = 4.0 - SERVER_LEEWAY_S
    token = minted.mint(TokenSpec(identity="worker", ttl_s=ttl_s))
    late = minted.mint(TokenSpec(identity="late", ttl_s=ttl_s))
    room, reconnected = rtc.Room(), asyncio.Event()
    await room.connect(server.url, token)
    room.on("reconnected", reconnected.set)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await until_refused(server.url, late)
            await room.simulate_scenario(rtc.SimulateScenarioKind.SIMULATE_FULL_RECONNECT)
            await reconnected.wait()
        assert room.isconnected()
    finally:
        await room.disconnect()


async def until_refused(url: str, token: str) -> None:
    """Join with a token again and again, until the server refuses it."""
    while True:
        try:
            link = await join(url, token)
        except RoomError:
            return
        await link.aclose()


@pytest.mark.slow
async def test_removed_avatar_that_joins_again_is_removed_again(server: DevServer) -> None:
    suffix = secrets.token_hex(4)
    settings, room_name = livekit_settings(server), f"tokens-{suffix}"
    session = LedgerEntry.pending("acme", f"{room_name}-{suffix}", room_name, f"avatar-{suffix}")
    remove = partial(remove_participant, settings)
    token = TokenMint(settings, room_name).mint(TokenSpec(identity=session.identity, ttl_s=60.0))
    agent = await join(server.url, create_token(server, room_name, "agent", "agent"))
    releaser = Releaser(agent, Ledger(None), remove)
    try:
        async with asyncio.timeout(PATIENCE_S):
            first = await disconnection(server.url, token)
            releaser.keep_out(session)
            assert await remove(room_name, session.identity)
            await first.wait()
            again = await disconnection(server.url, token)
            await again.wait()
    finally:
        await releaser.aclose()
        await agent.aclose()


async def disconnection(url: str, token: str) -> asyncio.Event:
    """Join a room, and return an event that is set when the server ends the connection."""
    room, ended = rtc.Room(), asyncio.Event()
    room.on("disconnected", lambda _: ended.set())
    await room.connect(url, token)
    return ended
