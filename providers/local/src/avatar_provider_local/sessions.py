"""The sessions of a local avatar server: each session runs one worker process in one room."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from avatar_core import AvatarError, stop_worker, worker_exited

log = logging.getLogger("avatar_provider_local")

START_S = 30.0
"""Seconds that a worker has to join its room; after that its session ends."""
REMEMBERED = 1000
"""Number of ended sessions that the server keeps; older ones become unknown."""

CODE = re.compile(r"\[AV\d{3}\] ")
"""The code in the text of an error of avatar-core."""

Start = Callable[[], Awaitable[Mapping[str, Any]]]
"""A function that starts a worker, and returns its record once it is in its room."""


class State(StrEnum):
    """The states of a session, in the order in which a session passes through them."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


class FullError(Exception):
    """The error for a server that has reached its limit of sessions."""


class StoppingError(Exception):
    """The error for a server that is stopping, and accepts no more sessions."""


class Session:
    """An avatar in a room, whose worker process the server runs; `Sessions` creates it.

    Args:
        start: The function that starts the worker of the session.
        key: Idempotency key of the create request; empty for none.

    Attributes:
        id: Random id that clients cannot guess.
        key: Idempotency key of the create request; empty for none.
        state: Current state.
        reason: Why the session ended or is ending; empty while the session runs.
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
        """Whether the session is ending or has ended."""
        return bool(self.reason) or self.state is State.ENDED

    def end(self, reason: str) -> None:
        """Start to end the session; do nothing if the session is ending already.

        Args:
            reason: Why the session ends.
        """
        if not self.ending:
            self.reason = reason
            self._life.cancel()

    async def ready(self) -> None:
        """Wait until the session runs or has ended.

        If all tasks that wait in this method are cancelled before the session runs, the session
        ends.
        """
        self._waiting += 1
        try:
            await self._settled.wait()
            self._handed_over = True
        finally:
            self._waiting -= 1
            if not (self._waiting or self._handed_over):
                self.end("the client disconnected before the session ran")

    async def ended(self) -> None:
        """Wait until the worker has exited."""
        await asyncio.wait([self._life])

    async def _live(self) -> None:
        """Start the worker, wait until it exits, and stop it after an error or a cancellation."""
        worker: Mapping[str, Any] = {}
        try:
            async with asyncio.timeout(START_S):
                worker = await self._start()
            self.state = State.RUNNING
            self._settled.set()
            self.reason = await worker_exited(worker)
        except TimeoutError:
            self.reason = f"the worker did not join the room within {START_S:g} s"
        except AvatarError as error:
            log.warning("The session %s failed to start: %s", self.id, error.message.rstrip())
            self.reason = _shortly(error.message)
        except Exception as error:
            log.exception("The session %s ended with an unexpected error.", self.id)
            self.reason = f"the session raised {type(error).__name__}"
        finally:
            await stop_worker(worker)

    def _over(self, _: asyncio.Task[None]) -> None:
        self.state = State.ENDED
        self._settled.set()


def _shortly(message: str) -> str:
    """Shorten the error of a worker to its first line and its most useful other line.

    The most useful line is the first one with an error code of avatar-core (`[AV501]`). Without
    such a line, the most useful line is the last line.

    Args:
        message: The error message, with one or more lines.
    """
    what, *lines = [line.strip() for line in message.strip().splitlines()]
    last = next(filter(CODE.search, lines), lines[-1] if lines else "")
    return f"{what.removesuffix(' Its last output:').rstrip('.')}: {last}" if last else what


class Sessions:
    """All sessions of a local avatar server, up to a limit.

    Args:
        limit: Maximum number of sessions at the same time.

    Attributes:
        limit: Maximum number of sessions at the same time.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: dict[str, Session] = {}
        self._stopping = False

    @property
    def alive(self) -> int:
        """The number of sessions that have not ended, including those that are ending."""
        return sum(session.state is not State.ENDED for session in self._known.values())

    def get(self, id: str) -> Session | None:
        """Return a session by its id.

        Args:
            id: Id of the session.

        Returns:
            The session, running or ended; None if the id is unknown or the session was forgotten.
        """
        return self._known.get(id)

    async def create(self, start: Start, key: str = "") -> Session:
        """Create a session, or return the current session with the same idempotency key.

        If a session with the same key is ending, this method first waits for its end.

        Args:
            start: The function that starts the worker of a new session.
            key: Idempotency key, the same for repeated attempts to create a session; empty for
                none.

        Returns:
            The session, whose worker may still be starting.

        Raises:
            FullError: The server has reached its limit of sessions.
            StoppingError: The server is stopping.
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
        """End all sessions, wait until their workers have exited, and refuse new ones."""
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
