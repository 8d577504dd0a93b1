"""What a status other than 2xx means: the error, and whether something was created."""

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
    "ReadError": "the connection broke",
    "WriteError": "the connection broke",
    "RemoteProtocolError": "the connection was closed, or it does not speak HTTP",
    "LocalProtocolError": "its key or another header cannot be sent",
    "UnicodeEncodeError": "its key or another header cannot be sent",
    "ProxyError": "the proxy of this machine refused",
}

LONGEST_QUOTE = 200
SAYING = ("message", "error", "detail", "title", "msg", "reason")
"""Where vendors put their words."""

_SECONDS = re.compile(r"\d{1,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class RawResponse:
    """What came back; its repr shows none of it, for a vendor may echo what it was sent.

    Attributes:
        status: Of HTTP.
        headers: By lower-case name.
        body: As much of it as is of use.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


class _Meaning(NamedTuple):
    kind: type[ProvisionError]
    hint: str
    outcome: Outcome = Outcome.REJECTED
    retryable: bool = False


_REFUSED = _Meaning(RejectedError, "Correct what it names.")
_DOWN = _Meaning(UnavailableError, "Try again later.", Outcome.UNKNOWN, True)
_WAIT = _Meaning(UnavailableError, "Try again later.", Outcome.REJECTED, True)
_ELSEWHERE = _Meaning(ProtocolError, "Redirects are not followed: set its final address.")
_KEY = _Meaning(AuthError, "Check its API key and what that key may do.")
_MEANINGS = {
    303: _ELSEWHERE._replace(outcome=Outcome.UNKNOWN),  # "see what came of it over there"
    401: _KEY,
    402: _Meaning(PaymentError, "Add credit to the account, or choose another plan."),
    403: _KEY,
    407: _Meaning(UnavailableError, "Check the proxy of this machine.", Outcome.NOT_SENT),
    408: _DOWN,
    429: _Meaning(CapacityError, "End other sessions, or try again later.", retryable=True),
}
_BY_KIND = {meaning.kind: meaning for meaning in (*_MEANINGS.values(), _REFUSED)}
_NO_WORDS: Mapping[str, type[ProvisionError]] = {}


def error_for_status(
    reply: RawResponse,
    call: Request,
    provider: str | None,
    *,
    error_phrases: Mapping[str, type[ProvisionError]] = _NO_WORDS,
    unix_time: float | None = None,
) -> ProvisionError:
    """The error of a reply that is no success, with the vendor's words, redact.

    Args:
        reply: Of a status outside 2xx.
        call: What was asked.
        provider: Who answered.
        error_phrases: What some words of the vendor mean, where its statuses do not tell.
        unix_time: Now; the reply's own `Date` goes first.
    """
    status, retry_after_s = reply.status, retry_after(reply.headers, unix_time)
    if status in _MEANINGS:
        meaning = _MEANINGS[status]
    elif status < 400:
        meaning = _ELSEWHERE
    elif status < 500:
        meaning = _REFUSED
    elif status == 503 and retry_after_s is not None:
        meaning = _WAIT  # the vendor itself spoke, not a proxy that lost its answer
    else:
        meaning = _DOWN
    said = _quoted(reply.body, call.secrets)
    for phrase, kind in error_phrases.items():
        if status < 500 and phrase in said:
            meaning = _BY_KIND[kind]
    return meaning.kind(
        f"{call.name} was answered {status}{_phrase(status)}{said}.",
        provider=provider,
        hint=meaning.hint,
        outcome=meaning.outcome,
        retryable=meaning.retryable,
        retry_after_s=retry_after_s,
    )


def retry_after(headers: Mapping[str, str], unix_time: float | None = None) -> float | None:
    """Seconds that a reply asks to wait, by its `Retry-After` in seconds or as a date."""
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _instant(value)
    if until is None:
        return None
    now = _instant(headers.get("date", "")) or unix_time or time.time()  # by the vendor's clock
    return max(0.0, until - now)


def _quoted(body: bytes, secrets: Iterable[SecretStr]) -> str:
    try:
        said = _saying(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    line = " ".join("".join(c if c.isprintable() else " " for c in said).split())
    line = redact(line, secrets)[:LONGEST_QUOTE].rstrip(".")
    return f": {line}" if line else ""


def _saying(value: Any, depth: int = 3) -> str:
    """The first words in it that are meant for a reader."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and depth:
        return _saying(value[0], depth - 1)
    if isinstance(value, dict) and depth:
        found = (_saying(value[key], depth - 1) for key in SAYING if key in value)
        return next(filter(None, found), "")
    return ""


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _instant(value: str) -> float | None:
    try:
        instant = parsedate_to_datetime(value).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return instant if math.isfinite(instant) else None


def describe(error: Exception) -> str:
    """Never the error's own text, which may quote a header."""
    if certificate := find_cause(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({certificate.verify_message})"
    if find_cause(error, ssl.SSLError):
        return "it does not speak TLS as it should"
    if find_cause(error, socket.gaierror):
        return "its name is not known"
    system = find_cause(error, OSError)
    if system is not None and system.errno:
        return os.strerror(system.errno).lower()
    return _REASONS.get(type(error).__name__, type(error).__name__)


def unreadable(call: Request, status: int, what: str, provider: str | None) -> ProtocolError:
    """The error of a yes that says nothing."""
    return ProtocolError(
        f"{call.name} was answered {status} with {what}.",
        provider=provider,
        hint="Check its address: a proxy or a login page may stand before it.",
    )


def find_cause(error: BaseException | None, kind: type[E]) -> E | None:
    """The innermost error of a kind in a chain."""
    innermost = None
    while error is not None:
        innermost = error if isinstance(error, kind) else innermost
        inner = error.__cause__ or error.__context__
        group = inner.exceptions if isinstance(inner, BaseExceptionGroup) else ()
        error = group[0] if group else inner
    return innermost
