"""The conversion of a plugin's exceptions into errors of avatar-core."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import aiohttp
from livekit.agents import APIConnectionError
from pydantic import SecretStr

from avatar_core.contracts.errors import (
    AuthError,
    AvatarError,
    CapacityError,
    Outcome,
    PaymentError,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.http.request import redact
from avatar_core.tasks import describe_error

MOST_TEXT = 200
CONNECTION_ERRORS = (APIConnectionError, aiohttp.ClientError, TimeoutError)


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: type[ProvisionError]
    hint: str
    outcome: Outcome = Outcome.REJECTED
    retryable: bool = False


_AUTH = _Meaning(AuthError, "Check the API key of the vendor and its permissions.")
_REJECTED = _Meaning(RejectedError, "Correct the arguments of the plugin.")
_UNAVAILABLE = _Meaning(UnavailableError, "Try again later.", Outcome.UNKNOWN)
_MEANINGS = {
    401: _AUTH,
    402: _Meaning(PaymentError, "Add credit to the account, or choose another plan."),
    403: _AUTH,
    408: _UNAVAILABLE,
    429: _Meaning(CapacityError, "End other sessions, or try again later.", retryable=True),
}
_PHRASES: Sequence[tuple[tuple[str, ...], _Meaning]] = (
    (("concurren", "too many sessions", "capacity"), _MEANINGS[429]),
    (("credit", "quota", "billing", "payment"), _MEANINGS[402]),
    (("api key", "unauthorized"), _AUTH),
)
"""What a vendor means by status 400, by a phrase of its response."""


def start_error(error: BaseException, plugin: str, secrets: Sequence[SecretStr]) -> AvatarError:
    """Convert the exception of a plugin's `start`.

    Args:
        error: The exception.
        plugin: The name of the plugin.
        secrets: The values that the message must not quote.

    Returns:
        `error` itself if it is an error of avatar-core. Otherwise a `ProvisionError` whose outcome
        says whether a session may exist.
    """
    if isinstance(error, AvatarError):
        return error
    status = next(filter(None, map(_status_of, _chain(error))), None)
    name = f"livekit:{plugin}"
    if status is not None:
        meaning = _meaning_of(status, error)
        return meaning.kind(
            f"the vendor returned status {status} to the plugin.",
            provider=name,
            hint=meaning.hint,
            outcome=meaning.outcome,
            retryable=meaning.retryable,
        )
    if any(isinstance(one, CONNECTION_ERRORS) for one in _chain(error)):
        return UnavailableError(
            f"the plugin could not connect to its vendor ({type(error).__name__}).",
            provider=name,
            hint="Check the network, and the log of the plugin.",
        )
    return UnavailableError(
        f"the plugin raised {describe_error(error)}{quote_error(error, secrets)}.",
        provider=name,
        hint="Read the log of the plugin, or use a native provider.",
    )


def quote_error(error: BaseException, secrets: Sequence[SecretStr]) -> str:
    """Quote the text of an exception without secrets.

    Args:
        error: The exception.
        secrets: The values that the text must not contain.

    Returns:
        The text after a colon; empty without a text.
    """
    line = " ".join(str(error).split())
    text = redact(line, secrets)[:MOST_TEXT].rstrip(".")
    return f": {text}" if text else ""


def _meaning_of(status: int, error: BaseException) -> _Meaning:
    if status in _MEANINGS:
        return _MEANINGS[status]
    if status >= 500 or status < 400:
        return _UNAVAILABLE
    if status == 400:
        text = " ".join(f"{one} {getattr(one, 'body', '')}" for one in _chain(error)).lower()
        for phrases, meaning in _PHRASES:
            if any(phrase in text for phrase in phrases):
                return meaning
    return _REJECTED


def _status_of(error: BaseException) -> int | None:
    """Return the HTTP status that an exception carries, as `APIStatusError` and others do."""
    for name in ("status_code", "status"):
        value = getattr(error, name, None)
        if isinstance(value, int) and 100 <= value < 600:
            return value
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
