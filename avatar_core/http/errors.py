"""The conversion of failed HTTP calls into errors of avatar-core."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple, TypeVar

from pydantic import SecretStr

from avatar_core.contracts.errors import (
    AuthError,
    CapacityError,
    Outcome,
    PaymentError,
    ProtocolError,
    ProvisionError,
    RejectedError,
    UnavailableError,
)
from avatar_core.http.request import Request, redact

E = TypeVar("E", bound=BaseException)

_REASONS = {
    "ReadError": "the connection was lost",
    "WriteError": "the connection was lost",
    "RemoteProtocolError": "the server closed the connection, or does not speak HTTP",
    "LocalProtocolError": "the API key or another header cannot be sent",
    "UnicodeEncodeError": "the API key or another header cannot be sent",
    "ProxyError": "the HTTP proxy of this machine refused the connection",
}

MAX_QUOTE_CHARS = 200
MESSAGE_KEYS = ("message", "error", "detail", "description", "title", "msg", "reason")
"""Keys of the error message in the JSON bodies of vendors, in order of preference."""

_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """An HTTP response as received.

    The repr shows no content, because a vendor may repeat secrets in a response.

    Attributes:
        status: HTTP status code.
        headers: Header values by lower-case name.
        body: The body; empty if the client did not need the body.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class _Meaning(NamedTuple):
    kind: type[ProvisionError]
    hint: str
    outcome: Outcome = Outcome.REJECTED
    retryable: bool = False


_REJECTED = _Meaning(RejectedError, "Correct the request as the message says.")
_UNAVAILABLE = _Meaning(UnavailableError, "Try again later.", Outcome.UNKNOWN, True)
_OVERLOADED = _Meaning(UnavailableError, "Try again later.", Outcome.REJECTED, True)
_REDIRECT = _Meaning(
    ProtocolError, "avatar-core does not follow redirects. Set the API URL to the final address."
)
_AUTH = _Meaning(AuthError, "Check the API key and its permissions.")
_MEANINGS = {
    303: _REDIRECT._replace(outcome=Outcome.UNKNOWN),  # "see other": the vendor processed it
    401: _AUTH,
    402: _Meaning(PaymentError, "Add credit to the account, or choose another plan."),
    403: _AUTH,
    407: _Meaning(UnavailableError, "Check the HTTP proxy of this machine.", Outcome.NOT_SENT),
    408: _UNAVAILABLE,
    429: _Meaning(CapacityError, "End other sessions, or try again later.", retryable=True),
}
_BY_KIND = {meaning.kind: meaning for meaning in (*_MEANINGS.values(), _REJECTED)}
_NO_PHRASES: Mapping[str, type[ProvisionError]] = {}


def error_for_status(
    response: RawResponse,
    request: Request,
    provider: str | None,
    *,
    error_phrases: Mapping[str, type[ProvisionError]] = _NO_PHRASES,
    unix_time: float | None = None,
) -> ProvisionError:
    """Create the error for a response with an HTTP status outside 2xx.

    Args:
        response: The response.
        request: The request that the vendor responded to.
        provider: Name of the provider, for the error message.
        error_phrases: Error classes by a phrase of the vendor's message, for vendors whose HTTP
            statuses are ambiguous. The function ignores them for statuses from 500.
        unix_time: Current Unix time in seconds, for a date in `Retry-After`. A header `Date` of the
            response takes precedence. None means the time of this machine.

    Returns:
        The error, with the vendor's message without secrets, the outcome, and the seconds to wait
        if the vendor stated them.
    """
    status, retry_after_s = response.status, retry_after(response.headers, unix_time)
    if status in _MEANINGS:
        meaning = _MEANINGS[status]
    elif status < 400:
        meaning = _REDIRECT
    elif status < 500:
        meaning = _REJECTED
    elif status == 503 and retry_after_s is not None:
        meaning = _OVERLOADED  # the vendor responded, and not a proxy in front of the vendor
    else:
        meaning = _UNAVAILABLE
    message = _vendor_message(response.body, request.secrets)
    for phrase, kind in error_phrases.items():
        if status < 500 and phrase in message:
            meaning = _BY_KIND[kind]
    return meaning.kind(
        f"{request.name} returned status {status}{_status_phrase(status)}{message}.",
        provider=provider,
        hint=meaning.hint,
        outcome=meaning.outcome,
        retryable=meaning.retryable,
        retry_after_s=retry_after_s,
    )


def retry_after(headers: Mapping[str, str], unix_time: float | None = None) -> float | None:
    """Return the seconds to wait from the header `Retry-After`, which holds a number or a date.

    Args:
        headers: Header values by lower-case name.
        unix_time: Current Unix time in seconds; None means the time of this machine. A header
            `Date` takes precedence, because that date and the date in `Retry-After` come from one
            clock.

    Returns:
        Seconds from now, at least 0. None if the header is missing or malformed.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _unix_time(value)
    if until is None:
        return None
    now = _unix_time(headers.get("date", "")) or unix_time or time.time()
    return max(0.0, until - now)


def _vendor_message(body: bytes, secrets: Iterable[SecretStr]) -> str:
    try:
        message = _find_message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split())
    line = redact(line, secrets)[:MAX_QUOTE_CHARS].rstrip(".")
    return f": {line}" if line else ""


def _find_message(value: Any, depth: int = 3) -> str:
    """Return the first message for a human reader in a JSON value, or an empty string."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and depth:
        return _find_message(value[0], depth - 1)
    if isinstance(value, dict) and depth:
        found = (_find_message(value[key], depth - 1) for key in MESSAGE_KEYS if key in value)
        return next(filter(None, found), "")
    return ""


def _status_phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _unix_time(value: str) -> float | None:
    try:
        unix_time = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return unix_time if math.isfinite(unix_time) else None


def describe_failure(error: Exception) -> str:
    """Describe the reason of a connection failure, without the text of the error.

    The text of an httpx error may quote a header, which may contain the API key.

    Args:
        error: The error that httpx raised.

    Returns:
        The reason as a clause, for example `the host name cannot be resolved`.
    """
    if certificate := find_cause(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted ({certificate.verify_message})"
    if find_cause(error, ssl.SSLError):
        return "the TLS handshake failed"
    if find_cause(error, socket.gaierror):
        return "the host name cannot be resolved"
    system = find_cause(error, OSError)
    if system is not None and system.errno:
        return os.strerror(system.errno).lower()
    return _REASONS.get(type(error).__name__, type(error).__name__)


def unusable_response(
    request: Request, status: int, content: str, provider: str | None
) -> ProtocolError:
    """Create the error for a response with a 2xx status and a body that cannot be used.

    Args:
        request: The request that the vendor responded to.
        status: HTTP status code of the response.
        content: A short description of the body, for example "a page of HTML".
        provider: Name of the provider, for the error message.

    Returns:
        The error, with the outcome `UNKNOWN`.
    """
    return ProtocolError(
        f"the response to {request.name} has status {status} and contains {content}.",
        provider=provider,
        hint="Check the API URL: a proxy or a login page may respond in place of the vendor.",
    )


def find_cause(error: BaseException | None, kind: type[E]) -> E | None:
    """Find the innermost exception of a class in a chain of causes.

    The search follows the first exception of an exception group.

    Args:
        error: The outermost exception.
        kind: The class to find.

    Returns:
        The exception; None if the chain has no exception of that class.
    """
    innermost = None
    while error is not None:
        innermost = error if isinstance(error, kind) else innermost
        inner = error.__cause__ or error.__context__
        group = inner.exceptions if isinstance(inner, BaseExceptionGroup) else ()
        error = group[0] if group else inner
    return innermost
