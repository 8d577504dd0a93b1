"""The audience: the wait of speech until a listener can hear its transport."""

from __future__ import annotations

import asyncio
import logging
import weakref
from functools import partial

from avatar_core.contracts.errors import AvatarError, RoomError
from avatar_core.contracts.link import RoomLink
from avatar_core.playback.transport import Transport
from avatar_core.tasks import BackgroundTasks

log = logging.getLogger("avatar_core")

SETTLE_S = 0.5
"""Seconds to wait after a listener became visible, if the agent cannot know when the listener
subscribes. On the loopback interface, a participant subscribes within 0.15 s of its join (measured
with livekit-server 1.13.5)."""
DECRYPTS_S = 0.5
"""Seconds to wait in a room with end-to-end encryption, because a subscriber cannot decrypt a track
at once: without the wait, 1 of 10 listeners missed the first 0.3 s (livekit 1.1.21)."""


class Audience:
    """A wait until a listener can hear a transport, once for each transport.

    The failover controller creates the audience. LiveKit reports the first subscriber of a track
    only to the publisher of the track. The agent publishes the track of its own voice. For the
    track of an avatar, the agent publishes a silent track during the wait, because a user who
    subscribes to the avatar's track also subscribes to the silent track. If the subscriber may be
    an agent, such as a vendor's worker, the wait continues until a user is visible in the room. If
    a user has heard an earlier transport and has not left, any subscription ends the wait.

    Args:
        link: The agent's connection to the room.
        timeout_s: Seconds to wait for each transport; None means no limit.
        tasks: Runs a wait that starts before the speech.
    """

    def __init__(self, link: RoomLink, timeout_s: float | None, tasks: BackgroundTasks) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._tasks = tasks
        self._has_heard_us = False
        self._was_visible = False
        self._heard: weakref.WeakSet[Transport] = weakref.WeakSet()
        self._early: weakref.WeakKeyDictionary[Transport, asyncio.Task[None]] = (
            weakref.WeakKeyDictionary()
        )

    def prepare(self, transport: Transport) -> None:
        """Start the wait for a transport in the background, before there is speech.

        The loss of the transport ends the wait.

        Args:
            transport: The transport of an avatar that has joined.
        """
        task = self._tasks.start(self._wait_until_heard(transport), "audience")
        self._early[transport] = task
        transport.on_lost(partial(_cancel, task))

    def note_room_event(self) -> None:
        """Forget the listener who heard an earlier transport once the last listener has left.

        LiveKit shows a participant that publishes nothing only some seconds after its join.
        """
        is_visible = self._link.has_listener
        if self._was_visible and not is_visible:
            self._has_heard_us = False
        self._was_visible = is_visible

    async def wait(self, transport: Transport, changed: asyncio.Event) -> bool:
        """Wait until a listener can hear a transport, or the time limit has passed.

        Args:
            transport: The transport, whose tracks are published.
            changed: An event that the caller sets when another transport may be better. The method
                clears the event at its start.

        Returns:
            True if the caller can use the transport; False if `changed` was set first.
        """
        if transport in self._heard:
            return True
        changed.clear()
        early = self._early.get(transport)
        heard = early or asyncio.create_task(self._wait_until_heard(transport), name="audience")
        better = asyncio.create_task(changed.wait(), name="audience-change")
        try:
            await asyncio.wait(
                (heard, better), timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not heard.done() and better.done():
                return False
            if not heard.done():
                log.info(
                    "No participant can hear the agent after %g s; the agent speaks anyway.",
                    self._timeout_s,
                )
                heard.cancel()
            self._heard.add(transport)
            return True
        finally:
            better.cancel()
            if early is None:
                heard.cancel()

    async def _wait_until_heard(self, transport: Transport) -> None:
        wait_until_subscribed = transport.wait_until_subscribed or self._link.wait_for_subscriber
        try:
            await wait_until_subscribed()
        except RoomError as error:
            log.debug("The agent cannot detect when a participant subscribes: %s", error)
        has_listener = self._has_heard_us or self._link.has_listener
        if not has_listener and self._agent_may_have_subscribed(transport):
            await self._wait_for_visible_listener()
            await asyncio.sleep(SETTLE_S)
        elif self._link.is_encrypted:
            await asyncio.sleep(DECRYPTS_S)
        self._has_heard_us = True

    def _agent_may_have_subscribed(self, transport: Transport) -> bool:
        """Return whether the subscriber may be an agent.

        The worker of avatar-core subscribes to no track, so it cannot be the subscriber.
        """
        is_own = transport.tracker.alive_at is not None
        return any(
            other.is_agent and not (is_own and identity in transport.identities)
            for identity, other in self._link.remote_participants().items()
        )

    async def _wait_for_visible_listener(self) -> None:
        visible = asyncio.Event()

        def look(*_: object) -> None:
            """Set `visible` if a listener is in the room.

            Args:
                _: The arguments of a room event, which are not used.
            """
            if self._link.has_listener:
                visible.set()

        unwatch = self._link.watch(look)
        try:
            look()
            await visible.wait()
        finally:
            unwatch()


def _cancel(task: asyncio.Task[None], _: AvatarError) -> None:
    task.cancel()
