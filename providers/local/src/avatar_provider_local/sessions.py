"""The sessions of a server: each a worker process, none of which outlives it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from avatar_core import AvatarError, start_worker, stop_worker, worker_exited

REMEMBERED = 1000
"""So many ended sessions are still known by their id."""


class State(StrEnum):
    """Of a session; it moves down this list and never up."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class TooManySessionsError(Exception):
    """The server is full."""


@dataclass(eq=False)
class Session:
    """One avatar in one room.

    Attributes:
        id: Cannot be guessed.
        state: Where it is.
        reason: Why it ended.
    """

    id: str = field(default_factory=lambda: f"s_{secrets.token_urlsafe(18)}")
    state: State = State.STARTING
    reason: str = ""
    _ending: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    _life: asyncio.Task[None] | None = field(default=None, repr=False)

    def end(self, reason: str) -> None:
        """Begin its end; idempotent."""
        self.reason = self.reason or reason
        self._ending.set()

    async def settled(self) -> None:
        """Wait until it runs or has ended."""
        while self.state is State.STARTING:
            await self._changed.wait()

    async def over(self) -> None:
        """Wait until its worker is gone."""
        if self._life is not None:
            await asyncio.wait([self._life])


class Sessions:
    """Starts and watches workers.

    Args:
        limit: At once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: dict[str, Session] = {}

    @property
    def alive(self) -> int:
        """Sessions that have not ended."""
        return sum(session.state is not State.ENDED for session in self._known.values())

    def get(self, id: str) -> Session | None:
        """A session that is, or was lately."""
        return self._known.get(id)

    def create(
        self, renderer: str, *, livekit_url: str, token: str, options: Mapping[str, Any]
    ) -> Session:
        """Begin a session.

        Raises:
            TooManySessionsError: The limit is reached.
        """
        if self.alive >= self.limit:
            raise TooManySessionsError
        session = Session()
        self._known[session.id] = session
        work = start_worker(renderer, livekit_url=livekit_url, token=token, options=options)
        session._life = asyncio.create_task(_live(session, work), name=session.id)
        ended = [id for id, known in self._known.items() if known.state is State.ENDED]
        for id in ended[: max(0, len(ended) - REMEMBERED)]:
            del self._known[id]
        return session

    async def aclose(self) -> None:
        """End them all."""
        for session in self._known.values():
            session.end("the server stopped")
        await asyncio.gather(*(session.over() for session in self._known.values()))


async def _live(session: Session, start: Any) -> None:
    """From the start of a worker to its end, whatever ends it."""
    starting = asyncio.ensure_future(start)
    ending = asyncio.ensure_future(session._ending.wait())
    watching: asyncio.Future[str] | None = None
    state: Mapping[str, Any] | None = None
    try:
        await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        state = starting.result()
        session.state = State.RUNNING
        session._changed.set()
        watching = asyncio.ensure_future(worker_exited(state))
        await asyncio.wait((watching, ending), return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            session.reason = session.reason or watching.result()
    except AvatarError as error:
        session.reason = error.message
    finally:
        for task in (starting, ending, watching):
            if task is not None:
                task.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        if state is not None:
            await stop_worker(state)
        session.state = State.ENDED
        session._changed.set()
