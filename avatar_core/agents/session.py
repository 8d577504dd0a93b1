"""The class `AvatarSession`, with which an application controls its avatar."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, AgentSession, JobContext, NotGivenOr, get_job_context
from livekit.agents.metrics.base import AvatarMetrics
from livekit.agents.voice import avatar as upstream
from livekit.agents.voice import events

from avatar_core.agents import output_chain
from avatar_core.agents.audio_tail import AudioTail, TailOwner
from avatar_core.agents.avatar_events import EVENT_NAMES, AvatarEventName, AvatarEvents
from avatar_core.agents.livekit_server import with_arguments
from avatar_core.agents.metrics import of_item, of_join
from avatar_core.agents.rooms import AnyRoom, session_context, wait_until_connected
from avatar_core.contracts.errors import AvatarError, JoinTimeoutError, UnsupportedCommandError
from avatar_core.contracts.events import AvatarEvent, AvatarJoined, AvatarState
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.controller import FailoverController
from avatar_core.registry.discovery import VOICE
from avatar_core.registry.selection import Candidate
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import RELEASE_S, BackgroundTasks, notify

log = logging.getLogger("avatar_core")


class AvatarSession(AvatarEvents, upstream.AvatarSession[AvatarEventName]):
    """The avatar of one agent session. While there is no avatar, the agent's own voice speaks.

    `create_avatar` creates the object. `AvatarEvents` lists the events that it emits.

    Args:
        chain: The providers in the order in which avatar-core tries them. The last item is the
            agent's own voice.
        settings: The settings of avatar-core.
        livekit: The LiveKit server and its API key; None if the chain has no provider, or if
            `start` receives the URL, the key and the secret.
    """

    def __init__(
        self,
        chain: Sequence[Candidate],
        settings: AvatarSettings,
        livekit: LiveKitSettings | None,
    ) -> None:
        super().__init__()
        self._chain = chain
        self._settings = settings
        self._livekit = livekit
        self._session: AgentSession[Any] | None = None
        self._tail: AudioTail | None = None
        self._owner = TailOwner(
            self._tell, self._on_tail_replaced, self._use_tail, self._yield_tail
        )
        self._tasks = BackgroundTasks()
        self._controller: FailoverController | None = None
        self._begin: asyncio.Task[None] | None = None
        self._dismissing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # For applications.

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
            )
        if self._closing is not None:
            raise AvatarError(
                "This avatar session is already closed.",
                hint="Call create_avatar again for a new avatar session.",
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

    async def _when_connected(self, room: rtc.Room, job: JobContext | None) -> None:
        if job is not None:
            await job.connect()
        await wait_until_connected(room)
        await self._start_engine(room)

    async def _start_engine(self, room: AnyRoom) -> None:
        assert self._tail is not None
        if self._closing is not None:
            return  # the avatar was closed before it started, so no session is created
        context = session_context(room, self._settings, self._livekit)
        player = self._tail.player
        self._controller = FailoverController(context, self._chain, player, self._tell)
        if self._tail.owner is self._owner:
            player.use(self._controller)
        else:
            self._tasks.start(
                self._replace_predecessor(self._tail, self._controller), "replace-predecessor"
            )
        await self._controller.start()
        if self._settings.required and await self._controller.wait_until_settled() is None:
            error = self._controller.last_error
            if error is not None:
                await self.aclose()
                raise error

    async def _replace_predecessor(self, tail: AudioTail, controller: FailoverController) -> None:
        """Use this avatar from the next segment on, and then release the earlier avatar."""
        lease = await controller.wait_until_settled()
        if self._owner not in tail.successors or (lease is None and self._settings.required):
            return
        predecessor = tail.move_to(self._owner)
        tail.player.use(controller)
        await tail.player.wait_for_segment_end()
        await predecessor.yield_tail()

    def _use_tail(self) -> None:
        if self._tail is not None and self._controller is not None:
            self._tail.player.use(self._controller)

    async def _yield_tail(self) -> None:
        self._tail = None
        self._close_soon()
        assert self._closing is not None
        await self._closing

    async def _dismiss(self) -> None:
        self._chain = ()  # if provisioning has not begun yet, no session is created
        if self._controller is not None:
            await self._controller.aclose("the agent closed its avatar session", keep_voice=True)

    async def _dismiss_when_idle(self, tail: AudioTail) -> None:
        await tail.player.wait_for_segment_end()
        await self._dismiss()

    async def _close(self) -> None:
        session, parts = self._session, []
        if self._begin is not None:
            self._begin.cancel()
        if self._controller is not None:
            parts.append(self._controller.aclose("the agent session closed"))
        tail = self._tail
        if tail is not None and tail.leave(self._owner):
            tail.placement.close()
            parts.append(tail.player.aclose())
        try:
            async with asyncio.timeout(RELEASE_S + 1.0):
                await asyncio.gather(*parts)
        except Exception:
            log.exception("The avatar session raised an unexpected error while it closed.")
        if session is not None:
            session.off("close", self._session_closed)
            session.off("conversation_item_added", self._item_added)

    def _close_soon(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar-close")

    # Events.

    def _on_tail_replaced(self) -> None:
        if self._tail is not None and self._closing is None:
            self._tasks.start(self._dismiss_when_idle(self._tail), "avatar-dismiss")

    def _session_closed(self, _: events.CloseEvent) -> None:
        # The room is still connected now, but not in the shutdown callbacks of the job.
        self._close_soon()

    def _tell(self, event: AvatarEvent) -> None:
        self.emit(EVENT_NAMES[type(event)], event)
        if isinstance(event, AvatarJoined):
            self._measured(of_join(event))

    def _item_added(self, event: events.ConversationItemAddedEvent) -> None:
        self._measured(of_item(event, self.provider))

    def _measured(self, metrics: AvatarMetrics | None) -> None:
        if metrics is None:
            return
        self.emit("metrics_collected", metrics)
        if self._session is not None:
            collected = events.MetricsCollectedEvent(metrics=metrics)
            notify(self._session.emit, "metrics_collected", collected)


def _log_error(begin: asyncio.Task[None]) -> None:
    if not begin.cancelled() and (error := begin.exception()) is not None:
        log.error("The avatar did not start: %s", error)
