"""The start and the end of an avatar in an agent session, behind the methods for applications."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext
from livekit.agents.metrics.base import AvatarMetrics
from livekit.agents.voice import avatar as upstream
from livekit.agents.voice import events

from avatar_core.agents.audio_tail import AudioTail, TailOwner
from avatar_core.agents.avatar_events import EVENT_NAMES, AvatarEventName, AvatarEvents
from avatar_core.agents.bridge.binding import bind_plugins
from avatar_core.agents.metrics import of_item, of_join
from avatar_core.agents.rooms import AnyRoom, session_context, wait_until_connected
from avatar_core.contracts.events import AvatarEvent, AvatarJoined
from avatar_core.failover.controller import FailoverController
from avatar_core.registry.selection import Candidate
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import RELEASE_S, BackgroundTasks, notify

log = logging.getLogger("avatar_core")


class AvatarInSession(AvatarEvents, upstream.AvatarSession[AvatarEventName]):
    """An avatar that uses the audio tail of an agent session, from its start to its end.

    `AvatarSession` adds the methods for applications.

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
        chain = self._chain
        if self._session is not None:
            chain = bind_plugins(chain, self._session, room, context, self._livekit)
        self._controller = FailoverController(context, chain, player, self._tell)
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
