"""The session context of a LiveKit room or of a room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from livekit import rtc

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.provisioning.context import RoomLike, SessionContext
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.provisioning.release import Releaser
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.rtc import admin
from avatar_core.rtc.join import link_for
from avatar_core.rtc.room_workers import RoomWorkers
from avatar_core.settings import AvatarSettings, LiveKitSettings

AnyRoom = rtc.Room | RoomLike
"""A room of LiveKit, or an object that creates its own session context, such as `MemoryRoom`."""


def session_context(
    room: AnyRoom, settings: AvatarSettings, livekit: LiveKitSettings | None
) -> SessionContext:
    """Return the context with which avatar-core provisions avatars into a room.

    Args:
        room: A connected LiveKit room, or an object that creates its own session context.
        settings: The settings of avatar-core.
        livekit: The LiveKit server and its API key. With None, the context cannot create room
            tokens.

    Returns:
        The context: the room link, the ledger, the deadlines, and functions for tokens and workers.
    """
    if isinstance(room, RoomLike):
        return room.session_context(settings)
    link = link_for(room)
    link.allow_public_streams = settings.allow_public_audio
    ledger = Ledger(settings.ledger or default_folder())
    url, remove_participant = "", _nothing_to_remove
    mint: Callable[[TokenSpec], str] = _no_token
    if livekit is not None:
        url, mint = livekit.ws_url, mint_for(livekit, link)
        remove_participant = partial(admin.remove_participant, livekit)

    return SessionContext(
        link=link,
        livekit_url=url,
        mint=mint,
        start_worker=RoomWorkers(room, url, settings.room_key()),
        releaser=Releaser(link, ledger, remove_participant),
        provision_timeout_s=settings.provision_timeout_s,
        join_timeout_s=settings.join_timeout_s,
        retries=settings.retries,
        listener_timeout_s=settings.listener_timeout_s,
        monitor=settings.monitor == "auto",
        first_sound_s=settings.first_sound_s,
        avatar_name=settings.name,
        avatar_attributes=settings.attributes,
    )


async def wait_until_connected(room: rtc.Room) -> None:
    """Wait until a room is connected. The wait has no time limit.

    Args:
        room: The LiveKit room.
    """
    changed = asyncio.Event()

    def notice(_: object) -> None:
        """Wake the loop below, which checks the connection.

        Args:
            _: The new connection state, which is not used.
        """
        changed.set()

    room.on("connection_state_changed", notice)
    try:
        while not room.isconnected():
            await changed.wait()
            changed.clear()
    finally:
        room.off("connection_state_changed", notice)


def mint_for(livekit: LiveKitSettings, link: RoomLink) -> Callable[[TokenSpec], str]:
    """Return a function that creates room tokens for the current room of the agent.

    The returned function reads the name of the room at each call, because the server may move the
    agent to another room.

    Args:
        livekit: The LiveKit server, and the API key and secret that sign the tokens.
        link: The link of the agent to its room.

    Returns:
        A function that takes a `TokenSpec` and returns a token, or raises `ConfigError` if the room
        has no name or the `TokenSpec` has no identity.
    """
    return lambda spec: TokenMint(livekit, link.room_name).mint(spec)


async def _nothing_to_remove(room: str, identity: str) -> bool:
    """Return True: without an API key, no avatar was provisioned, so none has to be removed."""
    return True


def _no_token(spec: TokenSpec) -> str:
    raise RoomError(
        f"avatar-core cannot create a room token for {spec.identity} without LiveKit's API key.",
        hint="Set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
        code=ErrorCode.MISSING_SETTING,
    )
