"""Where a secret would show: all that a careless logger would write of an error."""

from __future__ import annotations

import traceback
from collections.abc import Iterator


def places(error: BaseException) -> Iterator[str]:
    """All that a careless logger would write of an error and whatever it is chained to."""
    seen: set[int] = set()
    open_ends: list[BaseException | None] = [error]
    while open_ends:
        error_here = open_ends.pop()
        if error_here is None or id(error_here) in seen:
            continue
        seen.add(id(error_here))
        yield f"{error_here} {error_here!r} {vars(error_here)}"
        told = traceback.TracebackException.from_exception(error_here, capture_locals=True)
        yield "".join(told.format())
        open_ends += [error_here.__cause__, error_here.__context__]
