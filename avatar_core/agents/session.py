"""The class `AvatarSession`, with which an application controls its avatar."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, NotGivenOr, get_job_context

from avatar_core.agents import output_chain
from avatar_core.agents.audio_tail import AudioTail
from avatar_core.agents.avatar_in_session import AvatarInSession
from avatar_core.agents.livekit_server import with_arguments
from avatar_core.agents.rooms import AnyRoom
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, JoinTimeoutError, UnsupportedCommandError
from avatar_core.contracts.events import AvatarState
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.registry.discovery import VOICE

log = logging.getLogger("avatar_core")


class AvatarSession(AvatarInSession):
    """The avatar of one agent session. While there is no avatar, the agent's own voice speaks.

    `create_avatar` creates the object. `AvatarEvents` lists the events that it emits.

    Args:
        chain: The providers in the order in which avatar-core tries them. The last item is the
            agent's own voice.
        settings: The settings of avatar-core.
        livekit: The LiveKit server and its API key; None if the chain has no provider, or if
            `start` receives the URL, the key and the secret.
    """

    @property
    def avatar_identity(self) -> str:
        """The identity of the avatar's participant; empty while the agent's own voice speaks."""
        avatar = self.avatar
        return avatar.identity if avatar is not None else ""

    @property
    def provider(self) -> str:
        """The name of the provider whose avatar speaks; `voice` while no avatar speaks."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.provider.name if lease is not None else VOICE

    @property
    def avatar(self) -> ProvisionedAvatar | None:
        """The record of the avatar that is in use; None while the agent's own voice speaks."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.avatar if lease is not None else None

    @property
    def state(self) -> AvatarState:
        """The current state of the avatar session; `NEW` before `start`."""
        return self._controller.state if self._controller is not None else AvatarState.NEW

    @property
    def last_error(self) -> AvatarError | None:
        """The last error that made the session use the next provider of its chain, or None."""
        return self._controller.last_error if self._controller is not None else None

    async def start(
        self,
        agent_session: AgentSession[Any],
        room: AnyRoom | None,
        *,
        livekit_url: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_key: NotGivenOr[str] = NOT_GIVEN,
        livekit_api_secret: NotGivenOr[str] = NOT_GIVEN,
    ) -> None:
        """Start the avatar: create a session at the first provider of the chain that works.

        `start` returns when a provider has created a session, or when all providers have failed.
        The avatar may join the room later; `wait_for_join` waits for the join. If the setting
        `required` (`AVATAR_REQUIRED`) is set, `start` also waits for the join. If the room is not
        connected yet, `start` returns at once, and the avatar starts when the room is connected.
        In a job with the setting `required`, `start` waits even if the room is not connected yet.

        If a provider fails, avatar-core emits the event `avatar_error` and tries the next provider.
        Until an avatar has joined, the agent speaks with its own voice, or with the avatar of an
        earlier avatar session.

        Args:
            agent_session: The agent session whose speech the avatar speaks.
            room: The room that the avatar joins. With None, as in console mode, `start` does
                nothing.
            livekit_url: URL of the LiveKit server; by default the value of `create_avatar` or of
                `LIVEKIT_URL`.
            livekit_api_key: API key of the server; by default the value of `create_avatar` or of
                `LIVEKIT_API_KEY`.
            livekit_api_secret: Secret of the API key; by default the value of `create_avatar` or of
                `LIVEKIT_API_SECRET`.

        Raises:
            ConfigError: The chain has a provider, and the URL, the key or the secret is missing or
                invalid.
            AvatarError: `start` or `aclose` was called before, or all providers failed and the
                setting `required` is set.
        """
        job = get_job_context(required=False)
        if room is None or (job is not None and job.is_fake_job()):
            log.info("The agent has no LiveKit room, so no avatar starts.")
            return
        if self._session is not None:
            raise AvatarError(
                "This avatar session was started before.",
                hint="Call create_avatar again for a new avatar session.",
                code=ErrorCode.SESSION_STATE,
            )
        if self._closing is not None:
            raise AvatarError(
                "This avatar session is already closed.",
                hint="Call create_avatar again for a new avatar session.",
                code=ErrorCode.SESSION_STATE,
            )
        if isinstance(room, rtc.Room) and any(candidate.provider for candidate in self._chain):
            self._livekit = with_arguments(
                self._livekit, livekit_url, livekit_api_key, livekit_api_secret
            )
        self._session = agent_session
        if job is not None:
            job.add_shutdown_callback(self.aclose)
        agent_session.on("close", self._session_closed)
        agent_session.on("conversation_item_added", self._item_added)
        self._tail = AudioTail.find(agent_session)
        if self._tail is not None:
            self._tail.successors.append(self._owner)
        else:
            self._tail = AudioTail(agent_session, room, self._owner)
            await self._tail.placement.attach()
        if isinstance(room, rtc.Room) and not room.isconnected():
            log.debug("The avatar starts once the room is connected.")
            self._begin = asyncio.create_task(self._when_connected(room, job))
            self._begin.add_done_callback(_log_error)
            if job is not None and self._settings.required:
                await asyncio.shield(self._begin)
            return
        await self._start_engine(room)

    async def wait_for_join(self, *, timeout: float | None = 30.0) -> None:
        """Wait until the avatar can be heard and seen.

        The method also returns when all providers have failed and `avatar` is None.

        Args:
            timeout: Seconds to wait; None waits without a limit.

        Raises:
            JoinTimeoutError: The avatar did not join within `timeout` seconds.
            AvatarError: All providers failed, the setting `required` (`AVATAR_REQUIRED`) is set,
                and the room was not connected when `start` was called.
        """
        try:
            async with asyncio.timeout(timeout):
                if self._begin is not None:
                    await asyncio.shield(self._begin)
                if self._controller is not None:
                    await self._controller.wait_until_settled()
        except AvatarError:
            raise
        except TimeoutError:
            raise JoinTimeoutError(
                f"the avatar did not join within {timeout:g} s.",
                provider=self._chain[0].name if self._chain else VOICE,
                hint="The agent speaks with its own voice until the avatar has joined.",
            ) from None

    async def retry(self) -> None:
        """Try the providers of the chain again, from the first, while the agent's voice speaks.

        The method returns when an avatar is live or all providers have failed; the attribute
        `avatar` distinguishes the two results. While an avatar is live or about to join, the method
        waits and does not try the chain again.

        Raises:
            AvatarError: The avatar session has not started, or is closed.
        """
        if self._controller is None or self._closing is not None:
            raise AvatarError(
                "the avatar session cannot retry, because the session is not started or is closed.",
                hint="Call `start` first, or call create_avatar for a new avatar session.",
                code=ErrorCode.SESSION_STATE,
            )
        await self._controller.retry()

    async def control(self, name: str, **arguments: Any) -> None:
        """Send a command of the vendor, such as an emotion, to the live avatar. Provisional.

        Args:
            name: The name of the command, one of the provider's `Capabilities.commands`.
            arguments: The arguments of the command, as the provider documents them.

        Raises:
            UnsupportedCommandError: No avatar is live, or the provider does not support the
                command.
            RoomError: The command could not be sent.
            ProvisionError: A call to the vendor's API failed.
        """
        lease = self._controller.lease if self._controller is not None else None
        if lease is None:
            raise UnsupportedCommandError(
                f"no live avatar can receive the command {name!r}.",
                provider=VOICE,
                hint="Wait until `avatar.state` is LIVE.",
            )
        await lease.provider.control(lease.ctx, {"name": name, **arguments})

    async def aclose(self) -> None:
        """End the paid session and remove the avatar from the room.

        The method does not raise, and may be called more than once. The release of the session
        takes at most 4 s, and the method returns at most 1 s later. If the agent session is still
        running, the agent continues with its own voice.
        """
        tail, session = self._tail, self._session
        running = session is not None and output_chain.is_running(session)
        if running and self._closing is None and tail is not None and tail.owner is self._owner:
            self._dismissing = self._dismissing or asyncio.create_task(self._dismiss())
            await asyncio.shield(self._dismissing)
        else:
            self._close_soon()
            assert self._closing is not None
            await asyncio.shield(self._closing)


def _log_error(begin: asyncio.Task[None]) -> None:
    if not begin.cancelled() and (error := begin.exception()) is not None:
        log.error("The avatar did not start: %s", error)
