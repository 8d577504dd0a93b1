"""Collects the texts of an exception in which a secret could appear."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def error_texts(error: BaseException, *, with_locals: bool = True) -> Iterator[str]:
    """Yield all texts that a logger could write about an error and its chained errors.

    The texts of an error are its message, its `repr`, its attributes, and its traceback.

    Args:
        error: The error.
        with_locals: Whether the traceback contains the local variables, as some loggers show them.

    Yields:
        The texts.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield f"{current} {current!r} {vars(current)}"
        report = traceback.TracebackException.from_exception(current, capture_locals=with_locals)
        yield "".join(report.format())
        pending += [current.__cause__, current.__context__]
