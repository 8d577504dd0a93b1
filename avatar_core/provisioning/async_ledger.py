"""The ledger on a thread, so that a file system that hangs does not block the event loop.

Each operation runs on a thread, and starts after all earlier operations. The order of the
operations on the disk is therefore the order of the calls.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any, TypeVar

from avatar_core.provisioning.ledger import Ledger
from avatar_core.provisioning.ledger_entry import LedgerEntry

T = TypeVar("T")

RESPONSE_S = 2.0
"""Longest wait for one operation; a disk under load needs some tenths of a second."""


class AsyncLedger:
    """Runs the operations of a ledger, each within `RESPONSE_S`.

    An operation begins when its method is called; the caller may ignore the result. After the
    deadline, the caller gets the same result as after a disk error, and the operation continues.
    Until the late operation ends, later calls return at once: the thread performs writes
    afterwards, and drops reads.

    Args:
        ledger: The ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = _OrderedThread()
        self._running: set[asyncio.Future[Any]] = set()
        self._late: asyncio.Future[Any] | None = None

    def write(self, ledger_entry: LedgerEntry) -> asyncio.Future[bool]:
        """Begin to write an entry, as `Ledger.write` does.

        Args:
            ledger_entry: The entry.

        Returns:
            Whether the entry was written in time.
        """
        return self._begin(False, self._ledger.write, ledger_entry)

    def remove(self, ledger_entry: LedgerEntry) -> asyncio.Future[None]:
        """Begin to remove an entry, as `Ledger.remove` does.

        Args:
            ledger_entry: The entry.

        Returns:
            None, when the entry was removed or the deadline has passed.
        """
        return self._begin(None, self._ledger.remove, ledger_entry)

    def supersede(self, pending: LedgerEntry, provisioned: LedgerEntry) -> asyncio.Future[None]:
        """Begin to remove the entry of a request, as `Ledger.supersede` does.

        Args:
            pending: The entry of the request.
            provisioned: The entry of the session that the request created.

        Returns:
            None, when the entry was removed or the deadline has passed.
        """
        return self._begin(None, self._ledger.supersede, pending, provisioned)

    def read_all(self) -> asyncio.Future[list[LedgerEntry]]:
        """Begin to read all entries, as `Ledger.read_all` does.

        Returns:
            The entries, the oldest request first; empty if the thread did not read them in time.
        """
        return self.run([], self._ledger.read_all)

    def is_orphan(self, ledger_entry: LedgerEntry) -> asyncio.Future[bool]:
        """Begin to find out whether no process owns a session, as `Ledger.is_orphan` does.

        Args:
            ledger_entry: The entry of the session.

        Returns:
            Whether the session has no owner; False after the deadline.
        """
        return self.run(False, self._ledger.is_orphan, ledger_entry)

    def tidy(self) -> asyncio.Future[None]:
        """Begin to remove incomplete files, as `Ledger.tidy` does.

        Returns:
            None, when the files were removed or the deadline has passed.
        """
        return self.run(None, self._ledger.tidy)

    async def flush(self) -> None:
        """Wait at most `RESPONSE_S` for all operations; do not wait for a late operation."""
        if self._running and not self._is_late:
            await asyncio.wait(self._running, timeout=RESPONSE_S)

    def run(self, default: T, call: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        """Begin any work that reads the folder of the ledger.

        Args:
            default: The result after the deadline.
            call: The function that does the work, on a thread.
            args: Its arguments.

        Returns:
            The result of the function, or its exception.
        """
        if self._is_late:
            result: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            result.set_result(default)
            return result
        return self._begin(default, call, *args)

    @property
    def _is_late(self) -> bool:
        """Whether an operation has passed its deadline and still runs."""
        return self._late is not None and not self._late.done()

    def _begin(self, default: T, call: Callable[..., T], *args: Any) -> asyncio.Future[T]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()
        if self._ledger.folder is None:
            result.set_result(call(*args))
            return result
        running = loop.run_in_executor(self._thread, call, *args)
        limit_s = 0.0 if self._is_late else RESPONSE_S

        def give_up() -> None:
            """Use the default as the result of the operation."""
            self._late = self._late if self._is_late else running
            self._ledger.report_hang(RESPONSE_S)
            if not result.done():
                result.set_result(default)

        def finish(_: object) -> None:
            """Use the result of the work, if the default is not the result already.

            Args:
                _: The future of the work.
            """
            deadline.cancel()
            self._running.discard(running)
            error = running.exception()
            if result.done():
                return
            if error is not None:
                result.set_exception(error)
            else:
                result.set_result(running.result())

        deadline = loop.call_later(limit_s, give_up)
        self._running.add(running)
        running.add_done_callback(finish)
        return result


class _OrderedThread(Executor):
    """Runs calls one after the other, on a thread that ends with the last of them.

    The thread is a daemon thread, so that the process can exit even if the file system hangs.
    """

    def __init__(self) -> None:
        self._calls: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._lock = threading.Lock()
        self._is_running = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Start a call when all earlier calls have ended.

        Args:
            fn: The function to call.
            args: Its arguments.
            kwargs: Its keyword arguments.

        Returns:
            The future of the function's result.
        """
        future: Future[T] = Future()
        with self._lock:
            self._calls.append((future, partial(fn, *args, **kwargs)))
            is_first, self._is_running = not self._is_running, True
        if is_first:
            threading.Thread(target=self._run, name="avatar-ledger", daemon=True).start()
        return future

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._is_running = False
                    return
                future, call = self._calls.popleft()
            try:
                future.set_result(call())
            except BaseException as error:
                future.set_exception(error)
