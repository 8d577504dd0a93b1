"""A test harness for `FailoverController`: a controller and its player in a room in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.events import AvatarEvent
from avatar_core.contracts.playback import Take
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.contracts.provisioning import TokenSpec
from avatar_core.failover.controller import FailoverController
from avatar_core.playback.player import Player
from avatar_core.playback.segment import Segment
from avatar_core.playback.transport import Transport
from avatar_core.provisioning.context import SessionContext
from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry
from avatar_core.provisioning.release import Releaser
from avatar_core.registry.selection import Candidate
from avatar_core.testing.clock import now
from avatar_core.testing.fake_transport import speech
from avatar_core.testing.room import workers
from avatar_core.testing.room.room import MemoryRoom
from avatar_core.testing.scripted_provider import AGENT, FORMAT


class FailoverHarness:
    """A failover controller with its player in a room in memory, and records of their events.

    The harness is the observer of the player.

    Args:
        room: The room in memory; the agent joins it.
        providers: The providers of the chain, in order of preference. The harness appends the
            voice.
        join_timeout_s: Seconds from the end of provisioning until the avatar must have joined.
        provision_timeout_s: Seconds for all attempts of one provisioning.
        ledger: The folder of the ledger; None for no ledger.
        retries: How often a provider whose avatar was lost is provisioned again in 10 minutes.
        mint: Returns a room token for a specification.
        more: Further fields of the session context.

    Attributes:
        room: The room in memory.
        agent: The agent's connection to the room.
        player: The player.
        controller: The failover controller.
        context: The context of the session.
        events: The events that the controller emitted.
        started: The ids of the segments that started.
        finished: For each segment, by id, a future of its position in seconds and whether it was
            interrupted.
        takes: The name of the provider and the final state of each take.
        unplayable_errors: The errors of segments that could not be played.
    """

    def __init__(
        self,
        room: MemoryRoom,
        *providers: AvatarProvider[Any],
        join_timeout_s: float = 30.0,
        provision_timeout_s: float = 20.0,
        ledger: Path | None = None,
        retries: int = 0,
        mint: Callable[[TokenSpec], str] = workers.mint,
        **more: Any,
    ) -> None:
        self.room = room
        self.events: list[AvatarEvent] = []
        self.finished: dict[int, asyncio.Future[tuple[float, bool]]] = {}
        self.started: list[int] = []
        self.takes: list[tuple[str, str]] = []
        self.unplayable_errors: list[AvatarError] = []
        self.agent = room.join(AGENT, is_agent=True)
        self.player = Player(self)
        self.context = SessionContext(
            link=self.agent,
            livekit_url="wss://memory.example",
            mint=mint,
            start_worker=self._refuse_worker,
            releaser=Releaser(self.agent, Ledger(ledger), self._remove_participant),
            provision_timeout_s=provision_timeout_s,
            join_timeout_s=join_timeout_s,
            retries=retries,
            **more,
        )
        chain = [Candidate(provider.name, "", provider) for provider in providers]
        self.controller = FailoverController(
            self.context, [*chain, Candidate("voice", "", None)], self.player, self.events.append
        )
        self.player.use(self.controller)

    async def say(self, duration_s: float) -> tuple[float, bool]:
        """Push a segment of speech, and wait until the segment has finished.

        Args:
            duration_s: Seconds of speech.

        Returns:
            The position at which the segment finished, in seconds, and whether it was interrupted.
        """
        return await self.push_speech(duration_s)

    def push_speech(self, duration_s: float) -> asyncio.Future[tuple[float, bool]]:
        """Push a segment of speech, and do not wait.

        Args:
            duration_s: Seconds of speech.

        Returns:
            A future of the position at which the segment finished, in seconds, and of whether it
            was interrupted.
        """
        segment_id = len(self.finished) + 1
        over = self.finished[segment_id] = asyncio.get_running_loop().create_future()
        self.player.push(speech(duration_s), FORMAT)
        self.player.end()
        return over

    async def read_ledger(self) -> list[LedgerEntry]:
        """Read the ledger, after all operations that have begun.

        Returns:
            The entries of the ledger.
        """
        return await self.context.releaser.ledger.read_all()

    async def close(self) -> None:
        """Close the failover controller, which ends all sessions, and then the player."""
        await self.controller.aclose("the test is over")
        await self.player.aclose()

    def events_of(self, kind: type[Any]) -> list[Any]:
        """Return the events of one class, in the order in which the controller emitted them.

        Args:
            kind: The event class.

        Returns:
            The events.
        """
        return [event for event in self.events if isinstance(event, kind)]

    async def wait_until(self, condition: Callable[[], bool], within_s: float) -> float:
        """Wait until a condition is true, and check the condition every 5 ms.

        Args:
            condition: Returns whether the condition is true.
            within_s: The most seconds to wait.

        Returns:
            The loop time in seconds at which the condition was true.

        Raises:
            TimeoutError: The condition was not true in time.
        """
        async with asyncio.timeout(within_s):
            while not condition():  # noqa: ASYNC110 - virtual time costs nothing
                await asyncio.sleep(0.005)
        return now()

    async def _remove_participant(self, _: str, identity: str) -> bool:
        present = identity in self.room.members
        self.room.remove(identity)
        return present

    async def _refuse_worker(self, *_: object, **__: object) -> Any:
        raise AssertionError(
            "The provider of this test must start its workers itself, without start_worker."
        )

    # The `PlayerObserver` of the player.

    def on_segment_started(self, segment: Segment, ago_s: float) -> None:
        """Record the id of a segment that started.

        Args:
            segment: The segment.
            ago_s: Seconds since the first sound of the segment was heard.
        """
        self.started.append(segment.id)

    def on_segment_progressed(
        self, segment: Segment, ago_s: float, offset_s: float, played_s: float
    ) -> None:
        """Ignore the progress of a segment.

        Args:
            segment: The segment.
            ago_s: Seconds since a listener heard the start of the part that was played.
            offset_s: Seconds from the start of the segment to the part that was played.
            played_s: Duration of the part that was played, in seconds.
        """

    def on_segment_finished(self, segment: Segment, interrupted: bool) -> None:
        """Set the result of the segment's future in `finished`.

        Args:
            segment: The segment.
            interrupted: Whether the segment ended before all of it was heard.
        """
        self.finished[segment.id].set_result((segment.position_s, interrupted))

    def on_unplayable(self, segment: Segment, error: AvatarError) -> None:
        """Record the error of a segment that could not be played.

        Args:
            segment: The segment.
            error: The reason why no transport can play the segment.
        """
        self.unplayable_errors.append(error)

    def on_take_finished(self, segment: Segment, take: Take, transport: Transport) -> None:
        """Record the provider and the final state of a take.

        Args:
            segment: The segment that the take played.
            take: The take.
            transport: The transport that played the take.
        """
        self.takes.append((transport.provider, take.state.value))


def agent_tracks(room: MemoryRoom) -> set[str]:
    """Return the kinds of tracks that the agent itself publishes now.

    Args:
        room: The room in memory. A participant `watcher` joins the room to see the tracks.

    Returns:
        The kinds: "audio", "video".

    Raises:
        KeyError: The agent is not in the room.
    """
    watcher = room.join("watcher")
    return set(watcher.remote_participants()[AGENT].tracks)
