"""One REST call at a time: the only module that imports httpx."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from avatar_core.contracts.errors import (
    Outcome,
    ProtocolError,
    ProvisionError,
    UnavailableError,
)
from avatar_core.http.address import checked
from avatar_core.http.answer import Answer
from avatar_core.http.call import Call, UnwritableError
from avatar_core.http.faults import found, why
from avatar_core.http.refusals import Reply, refusal

MAX_ANSWER = 1024 * 1024

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


class RestClient:
    """The REST API of one vendor.

    Nothing is kept between calls: a pooled connection that the vendor has closed meanwhile
    would leave open whether it got a create. It retries nothing, and follows no redirect.

    Args:
        url: Where it is: https, or http on this machine alone.
        key: Revealed only as it is sent.
        auth: The header that carries the key, and the word before it if there is one:
            `x-api-key`, `Authorization: Bearer`.
        provider: Whom errors are about.
        timeout_s: For one call in all, however slowly its answer trickles.
        max_answer: Bytes.
        transport: An httpx transport, for tests.

    Raises:
        ConfigError: The address is none, or would carry the key in the clear.
    """

    def __init__(
        self,
        url: str,
        *,
        key: SecretStr | None = None,
        auth: str = "Authorization: Bearer",
        provider: str | None = None,
        timeout_s: float = 10.0,
        max_answer: int = MAX_ANSWER,
        transport: Any = None,
    ) -> None:
        self.url = checked(url, provider)
        self.provider = provider
        self.timeout_s = timeout_s
        self.max_answer = max_answer
        self._key = key
        self._auth = auth
        self._transport = transport

    async def call(
        self,
        method: str,
        path: str,
        payload: Any = None,
        *,
        headers: Mapping[str, str | SecretStr] | None = None,
        accept: Collection[int] = (),
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask once.

        Args:
            method: Of HTTP.
            path: Below the address; begins with a slash, its parts quoted.
            payload: Sent as JSON; may hold `SecretStr` at any depth.
            headers: For this call.
            accept: Statuses outside 2xx that are an answer too.
            timeout_s: Instead of the client's.

        Raises:
            ProvisionError: With its outcome; its message and its chain hold no secret.
        """
        assert path.startswith("/"), "a path begins with a slash"
        call = Call(method, path, self._key)
        result: Reply | ProvisionError | None = None
        with contextlib.suppress(asyncio.CancelledError):
            result = await self._exchange(
                call, method, self.url + path, payload, headers or {}, timeout_s or self.timeout_s
            )
        # Raised out here, so that no chain and no traceback leads to a request with its key.
        if result is None:
            raise asyncio.CancelledError
        if isinstance(result, ProvisionError):
            raise result
        if not (200 <= result.status < 300 or result.status in accept):
            raise refusal(result, call, self.provider)
        if _is_page(result):
            raise self._unreadable(call, result, "a page of HTML")
        return Answer.read(result.status, result.body, self.provider)

    async def _exchange(
        self,
        call: Call,
        method: str,
        url: str,
        payload: Any,
        headers: Mapping[str, str | SecretStr],
        timeout_s: float,
    ) -> Reply | ProvisionError:
        """Send and receive; an error is returned, for raising it here would chain httpx's."""
        reply: Reply | None = None
        body = bytearray()
        headers = {**_HEADERS, **headers, **self._credential()}
        try:
            async with (
                asyncio.timeout(timeout_s),
                httpx.AsyncClient(
                    verify=self._trusted,
                    transport=self._transport,
                    timeout=timeout_s,
                    trust_env=url.startswith("https"),  # a proxy would read plain http
                ) as client,
                client.stream(
                    method,
                    url,
                    content=None if payload is None else call.written(payload),
                    headers=call.revealed(headers),
                    extensions={"trace": call.note},
                ) as response,
            ):
                reply = Reply(response.status_code, dict(response.headers.items()))
                if response.headers.get("content-encoding", "identity") != "identity":
                    return self._useless(call, reply, "an encoding that was not asked for")
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > self.max_answer:
                        return self._useless(call, reply, f"more than {self.max_answer} bytes")
        except Exception as error:
            if reply is None or reply.status < 300:
                return self._broken(call, error, timeout_s)
        assert reply is not None
        return replace(reply, body=bytes(body))

    def _useless(self, call: Call, reply: Reply, what: str) -> Reply | ProvisionError:
        """A refusal is known by its status alone; a yes needs its words."""
        return reply if reply.status >= 300 else self._unreadable(call, reply, what)

    def _unreadable(self, call: Call, reply: Reply, what: str) -> ProtocolError:
        return ProtocolError(
            f"{call.name} was answered {reply.status} with {what}.",
            provider=self.provider,
            hint="Check its address: a proxy or a login page may stand before it.",
        )

    def _broken(self, call: Call, error: Exception, timeout_s: float) -> ProvisionError:
        """The error of a call that got no whole answer; never with the other error's text."""
        if isinstance(error, UnwritableError):
            return ProtocolError(
                f"the payload of {call.name} cannot be written as JSON.",
                provider=self.provider,
                hint="This is a defect of the provider package; report it there.",
                outcome=Outcome.NOT_SENT,
            )
        host = urlsplit(self.url).netloc
        sent = call.sent and not isinstance(error, _NEVER_SENT)
        late = isinstance(error, TimeoutError | httpx.TimeoutException)
        reason = f"nothing whole came within {timeout_s:g} s" if late else why(error)
        return UnavailableError(
            f"{call.name} got no answer from {host}: {reason}."
            if sent
            else f"{host} cannot be reached: {reason}.",
            provider=self.provider,
            hint="Try again later." if sent else "Check its address, and this machine's network.",
            outcome=Outcome.UNKNOWN if sent else Outcome.NOT_SENT,
            retryable=found(error, ssl.SSLCertVerificationError) is None,
        )

    def _credential(self) -> dict[str, SecretStr]:
        if self._key is None:
            return {}
        header, _, word = (part.strip() for part in self._auth.partition(":"))
        key = SecretStr(f"{word} {self._key.get_secret_value()}") if word else self._key
        return {header: key}

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        """Made once, for it reads all certificates of the machine."""
        return httpx.create_ssl_context()

    def __repr__(self) -> str:
        return f"<RestClient {self.url}>"


def _is_page(reply: Reply) -> bool:
    kind = reply.headers.get("content-type", "")
    return kind.startswith("text/html") or reply.body.lstrip()[:1] == b"<"
