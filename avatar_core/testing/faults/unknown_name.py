"""The error for a fault that does not exist, with the similar name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import ConfigError

ALIKE = 0.7
"""The ratio of `difflib` from which a name is probably meant."""


def unknown_fault(what: str, name: object, known: Iterable[str], *, example: str) -> ConfigError:
    """Create the error for a fault that does not exist.

    Args:
        what: The kind of fault, such as `fault of a socket`.
        name: The name that a test passed; it may have a wrong type.
        known: The names of all faults of this kind.
        example: A name for the hint if `name` is not a text.

    Returns:
        The error.
    """
    names = list(known)
    if not isinstance(name, str):
        return ConfigError(
            f"The name of a {what} must be a text, and not {name!r:.80}.",
            hint=f"Pass one name, such as {example!r}.",
            code=ErrorCode.TEST_FAULT,
        )
    close = difflib.get_close_matches(name, names, n=1, cutoff=ALIKE)
    suggestion = f"Did you mean {close[0]!r}? " if close else ""
    return ConfigError(
        f"No {what} has the name {name!r:.80}.",
        hint=f"{suggestion}The faults are: {'; '.join(names)}.",
        code=ErrorCode.TEST_FAULT,
    )
