"""Errors of failed calls: which error, and whether the vendor may have created a session."""

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
MESSAGE_KEYS = ("message", "error", "detail", "title", "msg", "reason")
"""Keys under which vendors put the error message, in order of preference."""

_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response as received; its repr shows no content, because a vendor may echo secrets.

    Attributes:
        status: HTTP status code.
        headers: Header values by lower-case name.
        body: The body; empty where only the status matters.
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
    303: _REDIRECT._replace(outcome=Outcome.UNKNOWN),  # "see other": the request was processed
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
    """Return the error for a status outside 2xx, with the vendor's message without secrets.

    Args:
        response: A response with a status outside 2xx.
        request: The request that it belongs to.
        provider: Name of the provider, for the message.
        error_phrases: Error classes by a phrase of the vendor's message, for vendors whose
            statuses are ambiguous; applied below status 500.
        unix_time: Current Unix time in seconds, for `Retry-After`; the response's own `Date`
            takes precedence.

    Returns:
        The error with its outcome, and with the seconds to wait if the vendor gave them.
    """
    status, retry_after_s = response.status, retry_after(response.headers, unix_time)
    if status in _MEANINGS:
        meaning = _MEANINGS[status]
    elif status < 400:
        meaning = _REDIRECT
    elif status < 500:
        meaning = _REJECTED
    elif status == 503 and retry_after_s is not None:
        meaning = _OVERLOADED  # the vendor itself responded, not a proxy in front of it
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
    """Return the seconds to wait that the `Retry-After` header gives, as a number or a date.

    Args:
        headers: Header values by lower-case name.
        unix_time: Current Unix time in seconds; a `Date` header takes precedence, because it
            comes from the same clock as the date to wait for.

    Returns:
        Seconds from now, at least 0; None where the header is missing or malformed.
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
    """Return the reason of a connection failure, without the error's own text.

    The text of an httpx error may quote a header, and so the API key.

    Args:
        error: The error that httpx raised.
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
    """Return the error for a successful status whose body cannot be used.

    Args:
        request: The request that the response belongs to.
        status: HTTP status code of the response.
        content: The body in a few words, like "a page of HTML".
        provider: Name of the provider, for the message.
    """
    return ProtocolError(
        f"the response to {request.name} has status {status} and contains {content}.",
        provider=provider,
        hint="Check the API URL: a proxy or a login page may respond in place of the vendor.",
    )


def find_cause(error: BaseException | None, kind: type[E]) -> E | None:
    """Return the innermost error of a class in a chain of causes, or None.

    Args:
        error: The outermost error; of an exception group the first error is followed.
        kind: The class to find.
    """
    innermost = None
    while error is not None:
        innermost = error if isinstance(error, kind) else innermost
        inner = error.__cause__ or error.__context__
        group = inner.exceptions if isinstance(inner, BaseExceptionGroup) else ()
        error = group[0] if group else inner
    return innermost
