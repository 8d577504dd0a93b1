"""The exchange of one request and one response over httpx."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from avatar_core.contracts.errors import Outcome, ProtocolError, ProvisionError, UnavailableError
from avatar_core.http.errors import RawResponse, describe_failure, find_cause, unusable_response
from avatar_core.http.request import PayloadError, Request

_HEADERS = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.InvalidURL,
    httpx.LocalProtocolError,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    UnicodeError,
)


_LAZY_IMPORTS = (
    "httpcore",
    "anyio._core._sockets",
    "anyio._backends._asyncio",
    "anyio.streams.tls",
)
"""Modules that httpx would import in its first call. The imports block the event loop for 0.2 s."""
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""The TLS context for plain HTTP and for a given transport. The default context of httpx would load
certificates, which takes time."""


class Exchange:
    """A sender of requests to one base URL, which `RestClient` uses.

    The constructor blocks while it reads the certificates of the machine, so call the constructor
    in a thread.

    Args:
        url: Base URL, without a slash at its end.
        provider: Name of the provider, for error messages.
        max_response_bytes: Maximum length of a response body, in bytes.
        transport: An httpx transport; None means the network.

    Raises:
        OSError: The certificates of the machine cannot be read.
    """

    def __init__(
        self, url: str, provider: str | None, max_response_bytes: int, transport: Any = None
    ) -> None:
        self._url = url
        self._provider = provider
        self._max_response_bytes = max_response_bytes
        self._transport = transport
        self._over_tls = transport is None and url.startswith("https")
        self._ssl_context = httpx.create_ssl_context() if self._over_tls else NO_TLS
        for module in _LAZY_IMPORTS:
            with suppress(ImportError):
                import_module(module)

    async def send(
        self,
        request: Request,
        payload: Any,
        headers: Mapping[str, str | SecretStr],
        timeout_s: float,
    ) -> RawResponse | ProvisionError:
        """Send a request and receive the response.

        Args:
            request: The request, which records its secrets and whether it was sent.
            payload: The JSON value of the body; None sends no body.
            headers: Headers of the request, in addition to those for JSON.
            timeout_s: Seconds for the whole exchange.

        Returns:
            The response of any status, or the error of a failed exchange. The method does not raise
            the error, because the exception chain would contain httpx's error, which may quote
            secrets.

        Raises:
            asyncio.CancelledError: The current task was cancelled.
        """
        head: RawResponse | None = None
        body = bytearray()

        async def on_response(response: httpx.Response) -> None:
            """Store the status and the headers of the response.

            Args:
                response: The response of httpx, whose body has not been read.
            """
            nonlocal head  # httpx may fail later, when it parses the target of a redirect
            head = RawResponse(response.status_code, dict(response.headers.items()))

        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(
                    verify=self._ssl_context,
                    transport=self._transport,
                    timeout=timeout_s,
                    trust_env=self._over_tls,  # a proxy could read plain http
                    event_hooks={"response": [on_response]},
                ) as client,
                client.stream(
                    request.method,
                    self._url + request.path,
                    content=None if payload is None else request.encode(payload),
                    headers=request.reveal({**_HEADERS, **headers}),
                    extensions={"trace": request.trace},
                ) as response,
            ):
                assert head is not None
                if response.headers.get("content-encoding", "identity") != "identity":
                    return self._without_body(request, head, "a compressed body")
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > self._max_response_bytes:
                        content = f"more than {self._max_response_bytes} bytes"
                        return self._without_body(request, head, content)
        except Exception as error:
            if head is None or head.status < 300:
                sent = head is not None or (request.sent and not isinstance(error, _NEVER_SENT))
                return self._failure(request, error, timeout_s, sent)
        assert head is not None
        return replace(head, body=bytes(body))

    def _without_body(
        self, request: Request, head: RawResponse, content: str
    ) -> RawResponse | ProvisionError:
        """Return the response without its body for an error status, or else an error."""
        if head.status >= 300:
            return head
        return unusable_response(request, head.status, content, self._provider)

    def _failure(
        self, request: Request, error: Exception, timeout_s: float, sent: bool
    ) -> ProvisionError:
        """Return the error of an exchange without a complete response, without httpx's own text."""
        if isinstance(error, PayloadError):
            return ProtocolError(
                f"the payload of {request.name} cannot be encoded as JSON.",
                provider=self._provider,
                hint="This is a defect of the provider package; report it to its author.",
                outcome=Outcome.NOT_SENT,
            )
        host = urlsplit(self._url).netloc
        late = isinstance(error, TimeoutError | httpx.TimeoutException)
        reason = f"the deadline of {timeout_s:g} s passed" if late else describe_failure(error)
        return UnavailableError(
            f"{request.name} received no complete response from {host}: {reason}."
            if sent
            else f"could not connect to {host}: {reason}.",
            provider=self._provider,
            hint="Try again later." if sent else "Check the URL, and this machine's network.",
            outcome=Outcome.UNKNOWN if sent else Outcome.NOT_SENT,
            retryable=find_cause(error, ssl.SSLCertVerificationError) is None,
        )
