"""Why a call got no answer, in words that quote nothing of what was sent."""

from __future__ import annotations

import os
import socket
import ssl
from typing import TypeVar

from avatar_core.contracts.errors import ProtocolError
from avatar_core.http.request import Call

E = TypeVar("E", bound=BaseException)

_REASONS = {
    "ReadError": "the connection broke",
    "WriteError": "the connection broke",
    "RemoteProtocolError": "the connection was closed, or it does not speak HTTP",
    "LocalProtocolError": "its key or another header cannot be sent",
    "UnicodeEncodeError": "its key or another header cannot be sent",
    "ProxyError": "the proxy of this machine refused",
}


def why(error: Exception) -> str:
    """Never the error's own text, which may quote a header."""
    if certificate := found(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({certificate.verify_message})"
    if found(error, ssl.SSLError):
        return "it does not speak TLS as it should"
    if found(error, socket.gaierror):
        return "its name is not known"
    system = found(error, OSError)
    if system is not None and system.errno:
        return os.strerror(system.errno).lower()
    return _REASONS.get(type(error).__name__, type(error).__name__)


def unreadable(call: Call, status: int, what: str, provider: str | None) -> ProtocolError:
    """The error of a yes that says nothing."""
    return ProtocolError(
        f"{call.name} was answered {status} with {what}.",
        provider=provider,
        hint="Check its address: a proxy or a login page may stand before it.",
    )


def found(error: BaseException | None, kind: type[E]) -> E | None:
    """The innermost error of a kind in a chain."""
    innermost = None
    while error is not None:
        innermost = error if isinstance(error, kind) else innermost
        inner = error.__cause__ or error.__context__
        group = inner.exceptions if isinstance(inner, BaseExceptionGroup) else ()
        error = group[0] if group else inner
    return innermost
