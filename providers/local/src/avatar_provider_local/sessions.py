"""The sessions of a server: each a worker process, none of which outlives it."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from avatar_core import AvatarError, stop_worker, worker_exited

log = logging.getLogger("avatar_provider_local")

START_S = 30.0
"""A worker that is not in its room by then is ended."""
REMEMBERED = 1000
"""So many ended sessions are still known by their id."""

Start = Callable[[], Awaitable[Mapping[str, Any]]]
"""Starts a worker, and returns its record once it is in its room."""


class State(StrEnum):
    """Of a session; it moves down this list and never up."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class FullError(Exception):
    """As many sessions are alive as may be."""


class StoppingError(Exception):
    """The server takes no more sessions."""


class Session:
    """One avatar in one room.

    Attributes:
        id: Cannot be guessed.
        state: Where it is.
        reason: Why it ended.
    """

    def __init__(self, start: Start, key: str = "") -> None:
        self.id = f"s_{secrets.token_urlsafe(18)}"
        self.key = key
        self.state = State.STARTING
        self.reason = ""
        self._start = start
        self._waiting = 0
        self._handed_over = False
        self._settled = asyncio.Event()
        self._life = asyncio.create_task(self._live(), name=f"session {self.id}")
        self._life.add_done_callback(self._over)

    @property
    def ending(self) -> bool:
        """Its end has begun, or is over."""
        return bool(self.reason) or self.state is State.ENDED

    def end(self, reason: str) -> None:
        """Begin its end; idempotent."""
        if not self.ending:
            self.reason = reason
            self._life.cancel()

    async def ready(self) -> None:
        """Wait until it runs or has ended; where all who wait go away first, it ends."""
        self._waiting += 1
        try:
            await self._settled.wait()
            self._handed_over = True
        finally:
            self._waiting -= 1
            if not (self._waiting or self._handed_over):
                self.end("who asked for it went away before it ran")

    async def ended(self) -> None:
        """Wait until its worker is gone."""
        await asyncio.wait([self._life])

    async def _live(self) -> None:
        """From the start of its worker to the end of it, whatever ends it."""
        worker: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(START_S):
                worker = await self._start()
            self.state = State.RUNNING
            self._settled.set()
            self.reason = await worker_exited(worker)
        except TimeoutError:
            self.reason = f"its worker was not in the room within {START_S:g} s"
        except AvatarError as error:
            log.warning("The session %s failed to start: %s", self.id, error.message.rstrip())
            self.reason = _shortly(error.message)
        except Exception as error:
            log.exception("The session %s broke.", self.id)
            self.reason = f"it broke with {type(error).__name__}"
        finally:
            await stop_worker(worker)

    def _over(self, _: asyncio.Task[None]) -> None:
        self.state = State.ENDED
        self._settled.set()


def _shortly(message: str) -> str:
    """A worker's last lines are many; its error has a code, its libraries' have none."""
    what, *lines = [line.strip() for line in message.strip().splitlines()]
    last = next((line for line in lines if line.startswith("[AV")), lines[-1] if lines else "")
    return f"{what.removesuffix(' It said:').rstrip('.')}: {last}" if last else what


class Sessions:
    """All sessions of a server.

    Args:
        limit: At once.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: dict[str, Session] = {}
        self._stopping = False

    @property
    def alive(self) -> int:
        """Sessions whose worker may still be there."""
        return sum(session.state is not State.ENDED for session in self._known.values())

    def get(self, id: str) -> Session | None:
        """A session that is, or was lately."""
        return self._known.get(id)

    async def create(self, start: Start, key: str = "") -> Session:
        """Begin a session, or find the one that was begun with the same key.

        Args:
            start: Starts its worker.
            key: The same for every attempt to create the same session; empty for none.

        Raises:
            FullError: The limit is reached.
            StoppingError: The server is about to end.
        """
        while key and (known := self._begun_with(key)) is not None:
            if not known.ending:
                return known
            await known.ended()  # never two avatars for one key
        if self._stopping:
            raise StoppingError
        if self.alive >= self.limit:
            raise FullError
        session = Session(start, key)
        self._known[session.id] = session
        self._forget()
        return session

    async def aclose(self) -> None:
        """End them all, and begin no more."""
        self._stopping = True
        for session in self._known.values():
            session.end("the server stopped")
        await asyncio.gather(*(session.ended() for session in self._known.values()))

    def _begun_with(self, key: str) -> Session | None:
        alive = (known for known in self._known.values() if known.state is not State.ENDED)
        return next((known for known in alive if known.key == key), None)

    def _forget(self) -> None:
        ended = [id for id, known in self._known.items() if known.state is State.ENDED]
        for id in ended[: max(0, len(ended) - REMEMBERED)]:
            del self._known[id]
