"""The class `AvatarSession`: the object that applications use, with the API of a LiveKit avatar."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext, get_job_context
from livekit.agents.metrics.base import AvatarMetrics
from livekit.agents.voice import avatar as upstream
from livekit.agents.voice import events

from avatar_core.agents import output_chain
from avatar_core.agents.audio_tail import AudioTail, TailOwner
from avatar_core.agents.avatar_events import EVENT_NAMES, AvatarEventName, AvatarEvents
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
    """The avatar of one agent session. Without an avatar, the agent's own voice speaks.

    `create_avatar` makes it. `AvatarEvents` lists its events.

    Args:
        chain: The providers in the order in which they are tried; the last item is the voice.
        settings: The settings of avatar-core.
        livekit: The LiveKit server and its key; None if the chain has no provider.
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
        self._owner = TailOwner(self._tell, self._on_tail_replaced, self._yield_tail)
        self._predecessor: TailOwner | None = None
        self._tasks = BackgroundTasks()
        self._controller: FailoverController | None = None
        self._begin: asyncio.Task[None] | None = None
        self._dismissing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # For applications.

    @property
    def avatar_identity(self) -> str:
        """Identity of the avatar's participant; empty while the agent's own voice speaks."""
        avatar = self.avatar
        return avatar.identity if avatar is not None else ""

    @property
    def provider(self) -> str:
        """Name of the provider whose avatar speaks, or `voice`."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.provider.name if lease is not None else VOICE

    @property
    def avatar(self) -> ProvisionedAvatar | None:
        """The provisioned avatar that is in use; None while the agent's own voice speaks."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.avatar if lease is not None else None

    @property
    def state(self) -> AvatarState:
        """The current state; `NEW` before `start`."""
        return self._controller.state if self._controller is not None else AvatarState.NEW

    @property
    def last_error(self) -> AvatarError | None:
        """The last error that made the session use the next provider of its chain, or None."""
        return self._controller.last_error if self._controller is not None else None

    async def start(self, agent_session: AgentSession[Any], room: AnyRoom | None) -> None:
        """Provision an avatar and bring it into the room.

        Returns when the first attempt has ended or its deadline has passed. If the room is not
        connected yet, it returns at once, and the avatar starts after the connection.

        If a provider fails, the next of the chain is tried, and `avatar_error` reports the error.
        The agent speaks with its own voice meanwhile.

        Args:
            agent_session: The session whose audio the avatar speaks.
            room: The room to join. With None (console, text only) nothing happens.

        Raises:
            AvatarError: All providers failed, and `AVATAR_REQUIRED` is set; or the avatar was
                started or closed before.
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
                "This avatar session was closed before.",
                hint="Call create_avatar again for a new avatar session.",
            )
        self._session = agent_session
        if job is not None:
            job.add_shutdown_callback(self.aclose)
        agent_session.on("close", self._session_closed)
        agent_session.on("conversation_item_added", self._item_added)
        earlier = AudioTail.find(agent_session)
        if earlier is not None:
            self._tail, self._predecessor = earlier, earlier.owner
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

        Returns also when all providers have failed, and `avatar` is None.

        Args:
            timeout: Seconds to wait; None waits without a limit.

        Raises:
            JoinTimeoutError: The avatar did not join within `timeout` seconds.
            AvatarError: All providers failed, and `AVATAR_REQUIRED` is set.
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

    async def control(self, name: str, **arguments: Any) -> None:
        """Send a command of the vendor to the live avatar, such as an emotion. Provisional.

        Args:
            name: One of the provider's `Capabilities.commands`.
            arguments: The arguments that the provider documents.

        Raises:
            UnsupportedCommandError: No avatar is live, or its provider does not know the command.
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
        """Release the avatar, paid sessions first; idempotent, never raises.

        The release takes at most 4 s, and the rest 1 s more. An agent session that is still running
        continues with its own voice.
        """
        running = self._session is not None and output_chain.is_running(self._session)
        if running and self._closing is None and self._predecessor is None:
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
            return  # closed as it started: nothing is bought any more
        context = session_context(room, self._settings, self._livekit)
        player = self._tail.player
        self._controller = FailoverController(context, self._chain, player, self._tell)
        if self._predecessor is None:
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
        """Speak from the next segment on, and let the avatar before this one be released."""
        lease = await controller.wait_until_settled()
        if self._predecessor is None or (lease is None and self._settings.required):
            return
        predecessor, self._predecessor = self._predecessor, None
        tail.owner = self._owner
        tail.player.use(controller)
        await tail.player.wait_for_segment_end()
        await predecessor.yield_tail()

    async def _yield_tail(self) -> None:
        self._tail = None
        self._close_soon()
        assert self._closing is not None
        await self._closing

    async def _dismiss(self) -> None:
        self._chain = ()  # where the engine has not begun yet, it buys nothing
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
        if tail is not None and tail.owner is self._owner:
            tail.placement.close()
            parts.append(tail.player.aclose())
        self._predecessor = None
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
        # The room is still connected now; at the job's shutdown callbacks it is not.
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
