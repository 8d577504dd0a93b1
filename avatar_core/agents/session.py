"""AvatarSession: the object an application holds, with the call every LiveKit avatar has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext, get_job_context
from livekit.agents.metrics.base import AvatarMetrics
from livekit.agents.voice import avatar as upstream
from livekit.agents.voice.events import (
    CloseEvent,
    ConversationItemAddedEvent,
    MetricsCollectedEvent,
)

from avatar_core.agents import previous_output as former
from avatar_core.agents.audio_tail import AudioTail
from avatar_core.agents.avatar_events import AvatarEventName, AvatarEvents
from avatar_core.agents.metrics import of_item, of_join
from avatar_core.agents.rooms import AnyRoom, session_context
from avatar_core.contracts.errors import AvatarError, JoinTimeoutError, UnsupportedCommandError
from avatar_core.contracts.events import (
    AvatarEvent,
    AvatarFailed,
    AvatarJoined,
    AvatarState,
    StateChanged,
    TakeFinished,
)
from avatar_core.contracts.provisioning import ProvisionedAvatar
from avatar_core.failover.controller import FailoverController
from avatar_core.registry.discovery import VOICE
from avatar_core.registry.selection import Candidate
from avatar_core.settings import AvatarSettings, LiveKitSettings
from avatar_core.tasks import RELEASE_S, notify

log = logging.getLogger("avatar_core")

_EVENT_NAMES: dict[type[AvatarEvent], AvatarEventName] = {
    StateChanged: "state_changed",
    AvatarJoined: "avatar_joined",
    AvatarFailed: "avatar_error",
    TakeFinished: "take_finished",
}


class AvatarSession(AvatarEvents, upstream.AvatarSession[AvatarEventName]):
    """A face for an agent session, and its voice whatever becomes of the face.

    `AvatarEvents` lists its events.
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
        self._output: AudioTail | None = None
        self._controller: FailoverController | None = None
        self._begin: asyncio.Task[None] | None = None
        self._dismissing: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    # What an application asks.

    @property
    def avatar_identity(self) -> str:
        """The avatar's participant, empty while the agent speaks for itself."""
        avatar = self.avatar
        return avatar.identity if avatar is not None else ""

    @property
    def provider(self) -> str:
        """Who speaks: a provider's name, or `voice`."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.provider.name if lease is not None else VOICE

    @property
    def avatar(self) -> ProvisionedAvatar | None:
        """What was bought and is in use."""
        lease = self._controller.lease if self._controller is not None else None
        return lease.avatar if lease is not None else None

    @property
    def state(self) -> AvatarState:
        """Where the session stands."""
        return self._controller.state if self._controller is not None else AvatarState.NEW

    @property
    def last_error(self) -> AvatarError | None:
        """The last fault that moved the session down its chain."""
        return self._controller.last_error if self._controller is not None else None

    async def start(self, agent_session: AgentSession[Any], room: AnyRoom | None) -> None:
        """Bring the avatar into the room; return when its provisioning has ended.

        A fault at run time moves down the chain and is told as an event; the agent speaks
        on. Without a room (console, text only) this does nothing and buys nothing.

        Raises:
            AvatarError: No avatar could be had, and `AVATAR_REQUIRED` is set.
        """
        job = get_job_context(required=False)
        if room is None or (job is not None and job.is_fake_job()):
            log.info("There is no room for an avatar; the agent's output stays as it is.")
            return
        if self._session is not None:
            raise AvatarError("this avatar was started before.", hint="Create another one.")
        if self._closing is not None:
            raise AvatarError("this avatar was closed before.", hint="Create another one.")
        self._session = agent_session
        if job is not None:
            job.add_shutdown_callback(self.aclose)
        agent_session.on("close", self._session_closed)
        agent_session.on("conversation_item_added", self._item_added)
        self._output = AudioTail(agent_session, self._tell, self._close_soon)
        replaced = former.tail(agent_session)
        agent_session.output.replace_audio_tail(self._output)
        if isinstance(room, rtc.Room):
            if not room.isconnected():
                log.debug("The avatar starts once the room is connected.")
                self._begin = asyncio.create_task(self._when_connected(room, job))
                return
            await former.unpublish(room, replaced)
        await self._start_engine(room)

    async def wait_for_join(self, *, timeout: float | None = 30.0) -> None:
        """Wait until the avatar would be heard and seen.

        Returns at the end of the chain too, where the agent speaks by voice: see `avatar`
        and `last_error`.

        Raises:
            JoinTimeoutError: `timeout` seconds have passed first.
        """
        try:
            async with asyncio.timeout(timeout):
                if self._begin is not None:
                    await asyncio.shield(self._begin)
                if self._controller is not None:
                    await self._controller.settled()
        except AvatarError:
            raise
        except TimeoutError:
            raise JoinTimeoutError(
                f"the avatar did not join within {timeout:g} s.",
                provider=self._chain[0].name if self._chain else VOICE,
                hint="The agent goes on by voice; the avatar takes over once it has joined.",
            ) from None

    async def control(self, name: str, **arguments: Any) -> None:
        """Let the avatar in use do something that its vendor offers: an emotion, a pose.

        Args:
            name: One of its provider's `Capabilities.commands`.
            arguments: As its provider wants them.

        Raises:
            UnsupportedCommandError: There is no avatar now, or it has no such command.
            RoomError: The room did not take it.
        """
        lease = self._controller.lease if self._controller is not None else None
        if lease is None:
            raise UnsupportedCommandError(
                f"there is no avatar now that could do {name!r}.",
                provider=VOICE,
                hint="Ask `avatar.avatar` whether there is one.",
            )
        await lease.provider.control(lease.ctx, {"name": name, **arguments})

    async def aclose(self) -> None:
        """End everything, paid sessions first, within 4 s; idempotent, never raises.

        An agent session that goes on speaks on by voice, and the rest is ended as it closes.
        """
        if self._closing is None and self._session is not None and former.runs(self._session):
            self._dismissing = self._dismissing or asyncio.create_task(self._dismiss())
            await asyncio.shield(self._dismissing)
        else:
            self._close_soon()
            assert self._closing is not None
            await asyncio.shield(self._closing)

    # The engine.

    async def _when_connected(self, room: rtc.Room, job: JobContext | None) -> None:
        connected = asyncio.Event()
        if job is not None:
            await job.connect()
        room.on("connection_state_changed", lambda _: connected.set())
        while not room.isconnected():
            await connected.wait()
            connected.clear()
        await self._start_engine(room)

    async def _start_engine(self, room: AnyRoom) -> None:
        assert self._output is not None
        if self._closing is not None:
            return  # closed as it started: nothing is bought any more
        context = session_context(room, self._settings, self._livekit)
        self._controller = FailoverController(context, self._chain, self._output.player, self._tell)
        await self._controller.start()
        if self._settings.required and await self._controller.settled() is None:
            error = self._controller.last_error
            if error is not None:
                raise error

    async def _dismiss(self) -> None:
        self._chain = ()  # where the engine has not begun yet, it buys nothing
        if self._controller is not None:
            await self._controller.aclose("it was dismissed", speaks_on=True)

    async def _close(self) -> None:
        session, parts = self._session, []
        if self._begin is not None:
            self._begin.cancel()
        if self._controller is not None:
            parts.append(self._controller.aclose("the session closed"))
        if self._output is not None:
            parts.append(self._output.player.aclose())
        try:
            async with asyncio.timeout(RELEASE_S + 1.0):
                await asyncio.gather(*parts)
        except Exception:
            log.exception("The avatar did not close cleanly.")
        if session is not None:
            session.off("close", self._session_closed)
            session.off("conversation_item_added", self._item_added)

    def _close_soon(self) -> None:
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="avatar-close")

    # Events.

    def _session_closed(self, _: CloseEvent) -> None:
        # The room is still connected now; at the job's shutdown callbacks it is not.
        self._close_soon()

    def _tell(self, event: AvatarEvent) -> None:
        self.emit(_EVENT_NAMES[type(event)], event)
        if isinstance(event, AvatarJoined):
            self._measured(of_join(event))

    def _item_added(self, event: ConversationItemAddedEvent) -> None:
        self._measured(of_item(event, self.provider))

    def _measured(self, metrics: AvatarMetrics | None) -> None:
        if metrics is None:
            return
        self.emit("metrics_collected", metrics)
        if self._session is not None:
            collected = MetricsCollectedEvent(metrics=metrics)
            notify(self._session.emit, "metrics_collected", collected)
