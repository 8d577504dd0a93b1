"""The avatar worker: a participant that publishes audio and video on behalf of one agent."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.errors import WorkerError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RemoteParticipant, RoomEvent
from avatar_core.contracts.playback import TakeState
from avatar_core.contracts.renderer import Renderer
from avatar_core.contracts.wire import PUBLISH_ON_BEHALF
from avatar_core.worker.executors import Executor, ThreadExecutor
from avatar_core.worker.incoming_take import IncomingTake
from avatar_core.worker.pacer import Pacer
from avatar_core.worker.receiver import Receiver
from avatar_core.worker.reporter import Reporter
from avatar_core.worker.video_scheduler import VideoScheduler

log = logging.getLogger("avatar_core.worker")

AGENT_NEVER_CAME_S = 30.0
AGENT_LEFT_S = 5.0
RESTART_S = 0.1


class AvatarWorker:
    """Serves the agent that its token names in `lk.publish_on_behalf`, with or without avatar-core.

    Args:
        link: The worker's connection to a room that it has joined.
        renderer: Draws the video frames; `run` closes it.
        clock: Returns monotonic seconds.
        executor: Runs the calls of the renderer; by default a new `ThreadExecutor`.
        ready: An event that `run` sets once both tracks are published; by default a new event.

    Attributes:
        ready: An event that `run` sets once both tracks are published.

    Raises:
        WorkerError: The worker's token does not name an agent.
    """

    def __init__(
        self,
        link: RoomLink,
        renderer: Renderer,
        clock: Clock = loop_time,
        *,
        executor: Executor | None = None,
        ready: asyncio.Event | None = None,
    ) -> None:
        agent = link.attributes.get(PUBLISH_ON_BEHALF, "")
        if not agent:
            raise WorkerError(
                f"the room token of {link.identity} does not name the agent of the avatar.",
                hint=f"Set the attribute {PUBLISH_ON_BEHALF} of the token to the agent's identity.",
            )
        self._link = link
        self._agent = agent
        self._renderer = renderer
        self._clock = clock
        self._executor = executor
        self._takes: deque[IncomingTake] = deque()
        self._reporter = Reporter(link, agent, clock)
        self._pacer: Pacer | None = None
        self._over = asyncio.Event()
        self._leaving: asyncio.TimerHandle | None = None
        self.ready = ready or asyncio.Event()

    async def run(self) -> None:
        """Publish both tracks and serve the agent, until the agent has left or the room is closed.

        The worker waits `AGENT_NEVER_CAME_S` for an agent that is not in the room at the start, and
        `AGENT_LEFT_S` for the return of an agent that leaves.

        Raises:
            RoomError: The room is disconnected, or did not accept a track.
            ValueError: The link already has a handler for audio streams.
        """
        renderer, link = self._renderer, self._link
        async with AsyncExitStack() as leaving:
            scheduler = VideoScheduler(renderer, self._executor or ThreadExecutor(), self._clock)
            leaving.push_async_callback(scheduler.aclose)
            leaving.push_async_callback(self._reporter.aclose)
            # Handlers first: whoever sees our tracks may send audio at once.
            on_audio = asyncio.Event()
            receiver = Receiver(
                link, self._agent, renderer.audio, self._takes.append, self._cut, on_audio.set
            )
            leaving.push_async_callback(receiver.aclose)
            leaving.callback(
                link.watch(lambda event, participant: self._presence(event, participant, receiver))
            )
            leaving.callback(self._expect, None)
            self._expect(
                AGENT_NEVER_CAME_S if self._agent not in link.remote_participants() else None
            )
            audio = await link.publish_audio(renderer.audio, name="avatar_audio")
            leaving.push_async_callback(audio.unpublish)
            video = await link.publish_video(
                renderer.width, renderer.height, renderer.fps, name="avatar_video"
            )
            leaving.push_async_callback(video.unpublish)
            self._pacer = Pacer(
                scheduler,
                audio,
                self._reporter,
                self._takes,
                on_audio,
                1 / renderer.fps,
                self._clock,
            )
            for name, work in (
                ("avatar-scheduler", partial(scheduler.run, video)),
                ("avatar-pacer", self._pacer.run),
            ):
                playing = asyncio.create_task(_keep(work), name=name)
                leaving.push_async_callback(asyncio.wait, (playing,))
                leaving.callback(playing.cancel)
            self.ready.set()
            await self._over.wait()

    def stop(self) -> None:
        """Make `run` unpublish both tracks and return."""
        self._over.set()

    def _cut(self, take: IncomingTake) -> None:
        if take.has_ended():
            return
        if self._pacer is not None:
            self._pacer.silence(take)
        take.state = TakeState.CUT
        self._reporter.report_state(take)

    def _presence(
        self, event: RoomEvent, participant: RemoteParticipant | None, receiver: Receiver
    ) -> None:
        if event is RoomEvent.DISCONNECTED:
            self._over.set()
        elif participant is not None and participant.identity == self._agent:
            if event is RoomEvent.LEFT:
                receiver.cut_all()
                self._expect(AGENT_LEFT_S)
            elif event is RoomEvent.JOINED:
                self._expect(None)

    def _expect(self, within_s: float | None) -> None:
        """Make `run` return unless the agent joins within `within_s` seconds; None has no limit."""
        if self._leaving is not None:
            self._leaving.cancel()
        loop = asyncio.get_running_loop()
        self._leaving = loop.call_later(within_s, self._over.set) if within_s else None


async def _keep(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine function again whenever it raises, so that a bug does not end the worker."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("A loop of the worker raised an error and starts again.")
            await asyncio.sleep(RESTART_S)
