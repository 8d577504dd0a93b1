"""One HTTP exchange: the only module that imports httpx."""

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
from avatar_core.http.errors import RawResponse, describe, find_cause, unreadable
from avatar_core.http.request import Request, UnwritableError

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


_FIRST_USED = ("httpcore", "anyio._core._sockets", "anyio._backends._asyncio", "anyio.streams.tls")
"""What httpx would import at its first call, on the loop: a fifth of a second."""
NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Where no TLS is spoken, nobody need be trusted; it costs nothing to make."""


class Exchange:
    """Sends calls to one address. Made off the loop: it reads all certificates of the machine.

    Args:
        url: Without a slash at its end.
        provider: Whom errors are about.
        max_answer: Bytes.
        transport: Of httpx; by default over the network.
    """

    def __init__(
        self, url: str, provider: str | None, max_answer: int, transport: Any = None
    ) -> None:
        self._url = url
        self._provider = provider
        self._max_answer = max_answer
        self._transport = transport
        self._over_tls = transport is None and url.startswith("https")
        self._trusted = httpx.create_ssl_context() if self._over_tls else NOBODY
        for module in _FIRST_USED:
            with suppress(ImportError):
                import_module(module)

    async def run(
        self, call: Request, payload: Any, headers: Mapping[str, str | SecretStr], timeout_s: float
    ) -> RawResponse | ProvisionError:
        """Send and receive; an error is returned, for raising it here would chain httpx's."""
        reply: RawResponse | None = None
        body = bytearray()

        async def answered(response: httpx.Response) -> None:
            nonlocal reply  # before httpx looks at where a redirect leads, and stumbles
            reply = RawResponse(response.status_code, dict(response.headers.items()))

        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(
                    verify=self._trusted,
                    transport=self._transport,
                    timeout=timeout_s,
                    trust_env=self._over_tls,  # a proxy would read plain http
                    event_hooks={"response": [answered]},
                ) as client,
                client.stream(
                    call.method,
                    self._url + call.path,
                    content=None if payload is None else call.encode(payload),
                    headers=call.reveal({**_HEADERS, **headers}),
                    extensions={"trace": call.note},
                ) as response,
            ):
                assert reply is not None
                if response.headers.get("content-encoding", "identity") != "identity":
                    return self._useless(call, reply, "an encoding that was not asked for")
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > self._max_answer:
                        return self._useless(call, reply, f"more than {self._max_answer} bytes")
        except Exception as error:
            if reply is None or reply.status < 300:
                sent = reply is not None or (call.sent and not isinstance(error, _NEVER_SENT))
                return self._broken(call, error, timeout_s, sent)
        assert reply is not None
        return replace(reply, body=bytes(body))

    def _useless(
        self, call: Request, reply: RawResponse, what: str
    ) -> RawResponse | ProvisionError:
        """A error_for_status is known by its status alone; a yes needs its words."""
        refused = reply.status >= 300
        return reply if refused else unreadable(call, reply.status, what, self._provider)

    def _broken(
        self, call: Request, error: Exception, timeout_s: float, sent: bool
    ) -> ProvisionError:
        """The error of a call that got no whole answer; never with the other error's text."""
        if isinstance(error, UnwritableError):
            return ProtocolError(
                f"the payload of {call.name} cannot be written as JSON.",
                provider=self._provider,
                hint="This is a defect of the provider package; report it there.",
                outcome=Outcome.NOT_SENT,
            )
        host = urlsplit(self._url).netloc
        late = isinstance(error, TimeoutError | httpx.TimeoutException)
        reason = f"nothing whole came within {timeout_s:g} s" if late else describe(error)
        return UnavailableError(
            f"{call.name} got no answer from {host}: {reason}."
            if sent
            else f"{host} cannot be reached: {reason}.",
            provider=self._provider,
            hint="Try again later." if sent else "Check its address, and this machine's network.",
            outcome=Outcome.UNKNOWN if sent else Outcome.NOT_SENT,
            retryable=find_cause(error, ssl.SSLCertVerificationError) is None,
        )
