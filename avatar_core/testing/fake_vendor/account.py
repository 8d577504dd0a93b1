"""A customer's account at a fake vendor: sessions, limits, timers and billing by the second."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.errors import AvatarError
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.testing.room.members import Hub
from avatar_core.worker.process import stop_worker, worker_exited

CLOSED = "the vendor was closed"
"""The end reason of a session that nobody ended before the test was over."""
LaunchWorker = Callable[["VendorSession", Scenario], Awaitable[Mapping[str, Any]]]
"""Starts a session's worker in its room, and returns the worker's record for `stop_worker`."""


@dataclass(eq=False, kw_only=True)
class VendorSession:
    """A session at the fake vendor.

    `VendorAccount.create_session` creates the sessions.

    Attributes:
        id: The vendor's id of the session.
        name: The name that the customer gave the session.
        key: The idempotency key of the create request; empty if it had none.
        token: The room token with which the worker of the session joins.
        livekit_url: The URL of the LiveKit server that the worker joins.
        absent_timeout_s: Seconds after which the session ends if its worker does not join.
        left_timeout_s: Seconds after which the session ends if its worker has left.
        max_session_s: The longest duration of the session in seconds.
        started_at: The clock time in seconds at which billing started.
        ended_at: The clock time in seconds at which the session ended; None while it is active.
        end_reason: The reason for the end of the session; empty while it is active.
        worker_joined: Whether the worker has joined the room.
    """

    id: str
    name: str
    key: str
    token: str = field(repr=False)
    livekit_url: str
    absent_timeout_s: float
    left_timeout_s: float
    max_session_s: float
    started_at: float
    ended_at: float | None = None
    end_reason: str = ""
    worker_joined: bool = False


class CapacityReachedError(Exception):
    """The account has reached its limit of active sessions."""


class OutOfCreditError(Exception):
    """The account has no credit left."""


class VendorAccount:
    """The account of one customer at the fake vendor.

    Args:
        launch_worker: Starts the worker of a session, and returns its record for `stop_worker`. The
            scenario that it receives has no `join_delay_s`, because the account waits for it.
        slots: The number of sessions that may be active at once.
        credits_s: The seconds of sessions that the customer has paid for; by default without a
            limit.
        max_session_s: The longest duration of a session in seconds.
        absent_timeout_s: Seconds after which a session ends if its worker does not join.
        left_timeout_s: Seconds after which a session ends if its worker has left.
        join_s: Seconds from the creation of a session to the launch of its worker.
        clock: Returns seconds, for billing.
        prefix: The prefix of session ids.
        room: The room in memory that the workers join, for vendors such as `SocketVendor` that
            launch the workers themselves; None if only `launch_worker` knows the room.

    Attributes:
        slots: The number of sessions that may be active at once.
        max_session_s: The longest duration of a session in seconds.
        absent_timeout_s: Seconds after which a session ends if its worker does not join.
        left_timeout_s: Seconds after which a session ends if its worker has left.
        join_s: Seconds from the creation of a session to the launch of its worker.
        sessions: All sessions of the account, oldest first.
        peak_active: The highest number of sessions that were active at once.
        on_end: Called with each session that ends.
        make_id: Returns the id of a new session; by default the prefix and 16 hexadecimal digits.
        room: The room in memory that the workers join; None if only the launcher knows the room.
        launch_worker: Starts the worker of a session, and returns its record for `stop_worker`.
    """

    def __init__(
        self,
        launch_worker: LaunchWorker,
        *,
        slots: int = 1000,
        credits_s: float = math.inf,
        max_session_s: float = 3600.0,
        absent_timeout_s: float = 300.0,
        left_timeout_s: float = 0.0,
        join_s: float = 0.0,
        clock: Clock = loop_time,
        prefix: str = "s",
        room: Hub | None = None,
    ) -> None:
        self.launch_worker = launch_worker
        self.room = room
        self._credits_s = credits_s
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.slots = slots
        self.max_session_s = max_session_s
        self.absent_timeout_s, self.left_timeout_s = absent_timeout_s, left_timeout_s
        self.join_s = join_s
        self.sessions: list[VendorSession] = []
        self.peak_active = 0
        self.on_end: Callable[[VendorSession], None] = lambda _: None
        self.make_id: Callable[[], str] = lambda: f"{prefix}{secrets.token_hex(8)}"

    @property
    def active(self) -> list[VendorSession]:
        """The sessions that have not ended, oldest first."""
        return [session for session in self.sessions if session.ended_at is None]

    def billed_s(self, session: VendorSession) -> float:
        """Return the seconds of a session that the vendor has billed so far.

        Args:
            session: A session of this account.

        Returns:
            Seconds from the start of the session to its end, or to now while it is active.
        """
        until = self._clock() if session.ended_at is None else session.ended_at
        return until - session.started_at

    @property
    def credits_s(self) -> float:
        """The seconds of credit that are left; negative if the account is overdrawn."""
        return self._credits_s - sum(map(self.billed_s, self.sessions))

    def find(self, id: str) -> VendorSession | None:
        """Find a session by its id.

        Args:
            id: The vendor's id of the session.

        Returns:
            The session, or None if the account has no session with this id.
        """
        return next((session for session in self.sessions if session.id == id), None)

    def create_session(
        self,
        *,
        name: str,
        token: str,
        livekit_url: str,
        key: str = "",
        scenario: Scenario = QUIET,
        absent_timeout_s: float | None = None,
        left_timeout_s: float | None = None,
        max_session_s: float | None = None,
    ) -> VendorSession:
        """Start a session and its billing, and launch its worker in the background.

        Args:
            name: The name that the customer gives the session.
            token: The room token with which the worker joins.
            livekit_url: The URL of the LiveKit server that the worker joins.
            key: The idempotency key of the create request; empty for none.
            scenario: The faults of the worker; by default none.
            absent_timeout_s: Seconds after which the session ends if its worker does not join; None
                uses the value of the account.
            left_timeout_s: Seconds after which the session ends if its worker has left; None uses
                the value of the account.
            max_session_s: The longest duration of the session in seconds; None uses the value of
                the account.

        Returns:
            The new session.

        Raises:
            CapacityReachedError: The account has `slots` active sessions.
            OutOfCreditError: The account has no credit left.
        """
        if len(self.active) >= self.slots:
            raise CapacityReachedError
        if self.credits_s <= 0:
            raise OutOfCreditError
        session = VendorSession(
            id=self.make_id(),
            name=name,
            key=key,
            token=token,
            livekit_url=livekit_url,
            absent_timeout_s=_or_default(absent_timeout_s, self.absent_timeout_s),
            left_timeout_s=_or_default(left_timeout_s, self.left_timeout_s),
            max_session_s=_or_default(max_session_s, self.max_session_s),
            started_at=self._clock(),
        )
        self.sessions.append(session)
        self.peak_active = max(self.peak_active, len(self.active))
        task = asyncio.create_task(self._run(session, scenario), name=f"worker of {session.id}")
        self._tasks[session.id] = task
        return session

    def end(self, session: VendorSession, reason: str) -> None:
        """End a session and stop its worker; idempotent.

        Args:
            session: A session of this account.
            reason: The reason for the end.
        """
        if session.ended_at is None:
            session.ended_at, session.end_reason = self._clock(), reason
            self.on_end(session)
            task = self._tasks.get(session.id)
            if task is not None and task is not asyncio.current_task():
                task.cancel()

    async def settle(self, within_s: float) -> None:
        """Wait until all sessions have ended, for example because their workers leave the room.

        Args:
            within_s: The most seconds to wait.
        """
        if tasks := list(self._tasks.values()):
            await asyncio.wait(tasks, timeout=within_s)

    async def aclose(self) -> None:
        """End all sessions, and wait until their workers have stopped."""
        for session in self.active:
            self.end(session, CLOSED)
        tasks = list(self._tasks.values())
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()

    async def _run(self, session: VendorSession, scenario: Scenario) -> None:
        reason, worker = "max duration", {}
        try:
            async with asyncio.timeout(session.max_session_s):
                await asyncio.sleep(self.join_s + scenario.join_delay_s)
                if scenario.never_joins:
                    await asyncio.sleep(session.absent_timeout_s - self.join_s)
                    reason = "its worker did not join"
                else:
                    present = replace(scenario, join_delay_s=0.0)  # the delay is over
                    worker = dict(await self.launch_worker(session, present))
                    session.worker_joined = True
                    await worker_exited(worker)
                    await asyncio.sleep(session.left_timeout_s)
                    reason = "its worker left"
        except TimeoutError:
            reason = "max duration"
        except AvatarError as error:
            reason = f"its worker failed: {error}"
        finally:
            self.end(session, reason)
            with suppress(AvatarError):
                await stop_worker(worker)
            self._tasks.pop(session.id, None)


def _or_default(value: float | None, default: float) -> float:
    return default if value is None else value
