"""One REST call at a time."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from avatar_core.contracts.errors import (
    ConfigError,
    Outcome,
    ProtocolError,
    ProvisionError,
    UnavailableError,
)
from avatar_core.http.errors import RawResponse, error_for_status, unreadable
from avatar_core.http.request import Request
from avatar_core.http.response import HINT, Response
from avatar_core.net import check_url
from avatar_core.settings import validate_key

if TYPE_CHECKING:
    from avatar_core.http.exchange import Exchange

MAX_ANSWER = 1024 * 1024
MOST_PAGES = 50
PASTE = "Copy it anew from the vendor's page."


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
        error_phrases: What some words of the vendor mean, where its statuses do not tell: an error
            class by a phrase of a error_for_status.
        timeout_s: For one call in all, however slowly its answer trickles.
        max_answer: Bytes.
        transport: An httpx transport, for tests.

    Raises:
        ConfigError: The address is none, or would carry the key in the clear; or the key cannot
            be sent.
    """

    def __init__(
        self,
        url: str,
        *,
        key: SecretStr | None = None,
        auth: str = "Authorization: Bearer",
        provider: str | None = None,
        error_phrases: Mapping[str, type[ProvisionError]] | None = None,
        timeout_s: float = 10.0,
        max_answer: int = MAX_ANSWER,
        transport: Any = None,
    ) -> None:
        self.url = check_url(url, provider)
        try:
            self._key = None if key is None else validate_key(key)
        except ValueError as error:
            raise ConfigError(f"its API key {error}.", provider=provider, hint=PASTE) from None
        self.provider = provider
        self.timeout_s = timeout_s
        self.max_answer = max_answer
        self._auth = auth
        self._error_phrases = dict(error_phrases or {})
        self._exchange: Future[Exchange] = Future()
        self._exchange.set_running_or_notify_cancel()
        if transport is None:
            threading.Thread(target=self._open, name="avatar-http", daemon=True).start()
        else:
            self._open(transport)

    @property
    def account(self) -> str:
        """The address and the key, as a word that tells neither and differs where they do."""
        key = self._key.get_secret_value() if self._key is not None else ""
        return sha256(f"{self.url}\n{key}".encode()).hexdigest()[:16]

    async def call(
        self,
        method: str,
        path: str,
        payload: Any = None,
        *,
        headers: Mapping[str, str | SecretStr] | None = None,
        accept: Collection[int] = (),
        timeout_s: float | None = None,
    ) -> Response:
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
        call = Request(method, path, self._key)
        result: RawResponse | ProvisionError | None = None
        with contextlib.suppress(asyncio.CancelledError):
            exchange = await self._opened()
            all_headers = {**(headers or {}), **self._credential()}
            result = await exchange.run(call, payload, all_headers, timeout_s or self.timeout_s)
        # Raised out here, so that no chain and no traceback leads to a request with its key.
        if result is None:
            raise asyncio.CancelledError
        if isinstance(result, ProvisionError):
            raise result
        if not (200 <= result.status < 300 or result.status in accept):
            raise error_for_status(result, call, self.provider, error_phrases=self._error_phrases)
        if _is_page(result):
            raise unreadable(call, result.status, "a page of HTML", self.provider)
        return Response.read(result.status, result.body, self.provider)

    async def find(self, path: str, name_key: str, name: str) -> Response | None:
        """Find an entry by its name in a list that the vendor pages.

        The last page is the one that reaches `total_count`; where a vendor gives no such count,
        the first page that is empty or shorter than an earlier one.

        Args:
            path: Path of the list, with `{page}`, which counts from 1.
            name_key: Where an entry of `data` holds its name.
            name: The name to find.

        Returns:
            The first entry of that name, or None.

        Raises:
            ProvisionError: A call failed, or the list has more than `MOST_PAGES` pages.
        """
        seen = longest = 0
        for page in range(1, MOST_PAGES + 1):
            response = await self.call("GET", path.format(page=page))
            entries = response.parts("data")
            for entry in entries:
                if entry.text(name_key, "") == name:
                    return entry
            seen, longest = seen + len(entries), max(longest, len(entries))
            total = self._total_count(response)
            if not entries or (len(entries) < longest if total is None else seen >= total):
                return None
        raise ProtocolError(
            f"its list has more than {MOST_PAGES} pages.",
            provider=self.provider,
            hint="End the sessions that you no longer need.",
        )

    def _total_count(self, response: Response) -> int | None:
        if "total_count" not in response:
            return None
        try:
            return int(response.text("total_count"))
        except ValueError:
            raise ProtocolError(
                "the total_count of its list is not a number.", provider=self.provider, hint=HINT
            ) from None

    async def _opened(self) -> Exchange:
        try:
            return await asyncio.wrap_future(self._exchange)
        except Exception as error:
            raise UnavailableError(
                f"nothing can be sent to {self.url} ({type(error).__name__}: {error}).",
                provider=self.provider,
                hint="Check SSL_CERT_FILE and SSL_CERT_DIR: certificates are read from there.",
                outcome=Outcome.NOT_SENT,
            ) from error

    def _open(self, transport: Any = None) -> None:
        """In a thread: httpx and the machine's certificates take a quarter of a second."""
        try:
            from avatar_core.http.exchange import Exchange

            opened = Exchange(self.url, self.provider, self.max_answer, transport)
            self._exchange.set_result(opened)
        except Exception as error:
            self._exchange.set_exception(error)

    def _credential(self) -> dict[str, SecretStr]:
        if self._key is None:
            return {}
        header, _, word = (part.strip() for part in self._auth.partition(":"))
        key = SecretStr(f"{word} {self._key.get_secret_value()}") if word else self._key
        return {header: key}

    def __repr__(self) -> str:
        return f"<RestClient {self.url}>"


def _is_page(reply: RawResponse) -> bool:
    kind = reply.headers.get("content-type", "")
    return kind.startswith("text/html") or reply.body.lstrip()[:1] == b"<"
