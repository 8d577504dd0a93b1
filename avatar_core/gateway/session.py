"""One avatar that the gateway provisioned into a room, from the request to the end."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from avatar_core.contracts.errors import ConfigError, RoomError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import StartWorker
from avatar_core.gateway.auth import terminate_token
from avatar_core.gateway.polled_room import PolledRoom, ReadRoster
from avatar_core.gateway.refusals import RefusalError
from avatar_core.gateway.schemas import CreateRequest, CreateResponse
from avatar_core.provisioning.context import ProvisioningContext
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.provision import Provisioning
from avatar_core.provisioning.release import Releaser, RemoveParticipant
from avatar_core.provisioning.tokens import TokenMint
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import RELEASE_S, call_provider, close_quietly

log = logging.getLogger("avatar_core")

POLL_S = 2.0
"""Seconds between two looks at the room of a session."""
AWAY_POLLS = 3
"""Looks in a row that must miss the agent, or an avatar that has joined, before the session ends.
Both may reconnect."""
RATE_HZ = 24_000
"""The sample rate for an avatar that accepts any rate."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """The LiveKit server of the gateway, and what the gateway needs from it.

    Attributes:
        livekit: The URL of the server, and its API key and secret.
        settings: The settings of avatar-core.
        ledger: The ledger of the sessions.
        read_roster: Reads who is in a room.
        remove: Removes a participant from a room.
        start_worker: Starts a worker of avatar-core.
        poll_s: Seconds between two looks at the room of a session.
    """

    livekit: LiveKitSettings
    settings: AvatarSettings
    ledger: Ledger
    read_roster: ReadRoster
    remove: RemoveParticipant
    start_worker: StartWorker = field(repr=False)
    poll_s: float = POLL_S


class GatewaySession:
    """A session for one create request.

    Args:
        server: The LiveKit server.
        provider: The provider, which the session closes at its end.
        request: The create request.

    Attributes:
        session_id: The id of the session at the vendor; empty before `start` has returned.
    """

    def __init__(
        self, server: Server, provider: AvatarProvider[Any], request: CreateRequest
    ) -> None:
        self._server = server
        self._provider = provider
        self._request = request
        self._room = PolledRoom(request.room_name, request.agent_identity, server.read_roster)
        self._releaser = Releaser(self._room, server.ledger, server.remove)
        self._ledger_entry: LedgerEntry | None = None
        self._is_over = False
        self.session_id = ""

    @property
    def place(self) -> tuple[str, str]:
        """The room and the identity of the avatar, which only one session may use at a time."""
        return self._request.room_name, self._request.avatar_identity

    async def start(self) -> CreateResponse:
        """Create the session at the vendor.

        Returns:
            The response for the client.

        Raises:
            RefusalError: The agent is not in the room, or the identity is in use.
            AvatarError: The session could not be created.
        """
        self._ensure_usable()
        await self._room.refresh()
        if not self._room.has_agent:
            raise RefusalError(
                409,
                f"The agent {self._request.agent_identity!r:.80} is not in the room "
                f"{self._request.room_name!r:.80}. Connect the room before the avatar starts.",
            )
        if self._request.avatar_identity in self._room.remote_participants():
            raise RefusalError(
                409,
                f"A participant {self._request.avatar_identity!r:.80} is in the room already. "
                "Choose another identity for the avatar.",
            )
        self._ledger_entry = ledger_entry = await Provisioning(
            self._provider, self._context()
        ).run()
        self.session_id = ledger_entry.session_id or ledger_entry.key
        return CreateResponse(
            session_id=ledger_entry.key,
            provider_session_id=self.session_id,
            terminate_token=terminate_token(
                self._server.livekit, self._provider.name, self.session_id
            ),
            sample_rate=self._sample_rate_hz(ledger_entry),
        )

    def _ensure_usable(self) -> None:
        if type(self._provider).create_sink is not AvatarProvider.create_sink:
            raise ConfigError(
                "the provider sends the speech from the process of the agent, so it cannot be used "
                "through the gateway.",
                provider=self._provider.name,
                hint="Use avatar-core in the agent.",
            )

    def _sample_rate_hz(self, ledger_entry: LedgerEntry) -> int:
        audio = ledger_entry.audio or self._provider.capabilities.audio
        return audio.rate_hz if audio is not None else RATE_HZ

    def _context(self) -> ProvisioningContext:
        server = self._server
        return ProvisioningContext(
            link=self._room,
            livekit_url=server.livekit.ws_url,
            mint=lambda spec: TokenMint(server.livekit, self._request.room_name).mint(spec),
            start_worker=server.start_worker,
            releaser=self._releaser,
            provision_timeout_s=server.settings.provision_timeout_s,
            join_timeout_s=server.settings.join_timeout_s,
            avatar_identity=self._request.avatar_identity,
            avatar_name=self._request.avatar_name,
        )

    async def wait_until_over(self) -> str:
        """Wait until nobody needs the session any more.

        Returns:
            The reason, for the vendor and for the log.
        """
        assert self._ledger_entry is not None
        ended = asyncio.create_task(self._wait_for_vendor(self._ledger_entry))
        looks = _Looks(self._ledger_entry.identity, self._join_polls())
        try:
            while True:
                await asyncio.wait((ended,), timeout=self._server.poll_s)
                if ended.done():
                    return f"the vendor ended the session ({ended.result()})"
                try:
                    await self._room.refresh()
                except RoomError as error:
                    log.warning("%s", error)
                    continue
                if reason := looks.judge(self._room):
                    return reason
        finally:
            ended.cancel()
            await asyncio.gather(ended, return_exceptions=True)

    def _join_polls(self) -> int:
        limit_s = self._context().join_limit_s(self._provider.capabilities.expected_join_s)
        return round(limit_s / self._server.poll_s)

    async def _wait_for_vendor(self, ledger_entry: LedgerEntry) -> str:
        try:
            return await call_provider(self._provider.watch, ledger_entry.avatar)
        except Exception:
            log.exception("The provider %s cannot watch its session.", self._provider.name)
            return await AvatarProvider.watch(self._provider, ledger_entry.avatar)

    async def end(self, reason: str) -> None:
        """End the session at the vendor within 4 s, and close the provider. Idempotent.

        A session that cannot be ended stays in the ledger, without an owner, for the reaper.

        Args:
            reason: The reason, for the vendor.
        """
        if self._is_over:
            return
        self._is_over = True
        if self._ledger_entry is not None:
            self._releaser.keep_out(self._ledger_entry)
            await self._releaser.end(self._provider, self._ledger_entry, reason)
            log.info("The gateway ended %s: %s.", self._ledger_entry.label, reason)
        await self._releaser.tasks.finish((), RELEASE_S)
        await self._releaser.aclose()
        await close_quietly(self._provider)


class _Looks:
    """Judges a session by what the gateway sees in its room.

    Args:
        avatar: Identity of the avatar.
        join_polls: Looks after which an avatar that has never joined counts as failed.
    """

    def __init__(self, avatar: str, join_polls: int) -> None:
        self._avatar = avatar
        self._join_polls = join_polls
        self._agent_away = self._avatar_away = 0
        self._has_joined = False

    def judge(self, room: PolledRoom) -> str:
        """Return the reason to end the session, or an empty string."""
        is_here = self._avatar in room.remote_participants()
        self._has_joined |= is_here
        self._agent_away = 0 if room.has_agent else self._agent_away + 1
        self._avatar_away = 0 if is_here else self._avatar_away + 1
        if self._agent_away >= AWAY_POLLS:
            return "the agent left the room"
        if self._has_joined and self._avatar_away >= AWAY_POLLS:
            return "the avatar left the room"
        if not self._has_joined and self._avatar_away > self._join_polls:
            return "the avatar did not join"
        return ""
