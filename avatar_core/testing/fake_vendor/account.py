"""A vendor's books: keys, sessions, slots, credits, timers, and a meter that runs by the second."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.errors import AvatarError
from avatar_core.testing.faults.scenario import QUIET, Scenario
from avatar_core.worker.process import stop_worker, worker_exited

Bring = Callable[["VendorSession", Scenario], Awaitable[Mapping[str, Any]]]
"""Brings a session's worker into its room; its record is for `stop_worker`."""


@dataclass(eq=False, kw_only=True)
class VendorSession:
    """What was sold.

    Attributes:
        id: The vendor's name for it.
        name: The buyer's.
        key: Its idempotency key, if it came with one.
        token: What its worker joins with.
        livekit_url: Where.
        absent_s, left_s, max_session_s: Its timers, as `VendorAccount` has them.
        began: When billing began.
        ended: When it ended, None while the meter runs.
        why: Of its end.
        seen: Its worker has been in the room.
    """

    id: str
    name: str
    key: str
    token: str = field(repr=False)
    livekit_url: str
    absent_s: float
    left_s: float
    max_session_s: float
    began: float
    ended: float | None = None
    why: str = ""
    seen: bool = False


class CapacityReachedError(Exception):
    """No slot is free."""


class OutOfCreditError(Exception):
    """No credit is left."""


class VendorAccount:
    """One customer at the vendor.

    Args:
        bring: Brings workers into their rooms.
        slots: Sessions at once.
        credits_s: Seconds that are paid for.
        max_session_s: No session lives longer.
        absent_s: One whose worker nobody sees ends after this.
        left_s: One whose worker has left its room ends after this.
        join_s: From a create to its worker's joining.
        clock: Seconds.
        prefix: Of the ids of its sessions.

    Attributes:
        sessions: All that were ever sold, oldest first.
        most_alive: At once.
        on_end: Told of each end.
    """

    def __init__(
        self,
        bring: Bring,
        *,
        slots: int = 1000,
        credits_s: float = math.inf,
        max_session_s: float = 3600.0,
        absent_s: float = 300.0,
        left_s: float = 0.0,
        join_s: float = 0.0,
        clock: Clock = loop_time,
        prefix: str = "s",
    ) -> None:
        self._bring = bring
        self._prefix = prefix
        self._credits_s = credits_s
        self._clock = clock
        self._lives: dict[str, asyncio.Task[None]] = {}
        self.slots = slots
        self.max_session_s = max_session_s
        self.absent_s, self.left_s, self.join_s = absent_s, left_s, join_s
        self.sessions: list[VendorSession] = []
        self.most_alive = 0
        self.on_end: Callable[[VendorSession], None] = lambda _: None

    @property
    def alive(self) -> list[VendorSession]:
        """Those whose meter runs."""
        return [session for session in self.sessions if session.ended is None]

    def billed_s(self, session: VendorSession) -> float:
        """What a session cost so far."""
        return (self._clock() if session.ended is None else session.ended) - session.began

    @property
    def credits_s(self) -> float:
        """What is left of what was paid for."""
        return self._credits_s - sum(map(self.billed_s, self.sessions))

    def find(self, id: str) -> VendorSession | None:
        """A session by the vendor's name."""
        return next((session for session in self.sessions if session.id == id), None)

    def sell(
        self,
        *,
        name: str,
        token: str,
        livekit_url: str,
        key: str = "",
        scenario: Scenario = QUIET,
        absent_s: float | None = None,
        left_s: float | None = None,
        max_session_s: float | None = None,
    ) -> VendorSession:
        """Begin a session, and its meter; timers that are not given are the account's.

        Raises:
            CapacityReachedError: As many are alive as may be.
            OutOfCreditError: Nothing is left of the credit.
        """
        if len(self.alive) >= self.slots:
            raise CapacityReachedError
        if self.credits_s <= 0:
            raise OutOfCreditError
        session = VendorSession(
            id=f"{self._prefix}{secrets.token_hex(8)}",
            name=name,
            key=key,
            token=token,
            livekit_url=livekit_url,
            absent_s=self.absent_s if absent_s is None else absent_s,
            left_s=self.left_s if left_s is None else left_s,
            max_session_s=self.max_session_s if max_session_s is None else max_session_s,
            began=self._clock(),
        )
        self.sessions.append(session)
        self.most_alive = max(self.most_alive, len(self.alive))
        life = asyncio.create_task(self._live(session, scenario), name=f"worker of {session.id}")
        self._lives[session.id] = life
        return session

    def end(self, session: VendorSession, why: str) -> None:
        """Stop the meter, and let the worker leave; idempotent."""
        if session.ended is None:
            session.ended, session.why = self._clock(), why
            self.on_end(session)
            life = self._lives.get(session.id)
            if life is not None and life is not asyncio.current_task():
                life.cancel()

    async def aclose(self) -> None:
        """Close down: everything ends."""
        for session in self.alive:
            self.end(session, "the vendor closed down")
        lives = list(self._lives.values())
        await asyncio.gather(*lives, return_exceptions=True)
        self._lives.clear()

    async def _live(self, session: VendorSession, scenario: Scenario) -> None:
        why, worker = "max duration", {}
        try:
            async with asyncio.timeout(session.max_session_s):
                await asyncio.sleep(self.join_s + scenario.join_delay_s)
                if scenario.never_joins:
                    await asyncio.sleep(session.absent_s - self.join_s)
                    why = "its worker never came"
                else:
                    worker = dict(await self._bring(session, scenario))
                    session.seen = True
                    await worker_exited(worker)
                    await asyncio.sleep(session.left_s)
                    why = "its worker left"
        except TimeoutError:
            pass
        except AvatarError as error:
            why = f"its worker failed: {error}"
        finally:
            self.end(session, why)
            with suppress(AvatarError):
                await stop_worker(worker)
            self._lives.pop(session.id, None)
