"""The REST client for a vendor's API, with a deadline and typed errors for each call."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import (
    ConfigError,
    Outcome,
    ProtocolError,
    ProvisionError,
    UnavailableError,
)
from avatar_core.http.errors import RawResponse, error_for_status, unusable_response
from avatar_core.http.request import Request
from avatar_core.http.response import HINT, Response
from avatar_core.net import check_url
from avatar_core.settings import validate_key

if TYPE_CHECKING:
    from avatar_core.http.exchange import Exchange

MAX_RESPONSE_BYTES = 1024 * 1024
MAX_PAGES = 50
COPY_KEY_HINT = "Copy the key again from the vendor's site."


class RestClient:
    """A client for the REST API of one vendor.

    The client opens a connection for each call: after an error of a pooled connection, the client
    could not know whether the vendor received the request. The client does not retry, and does not
    follow redirects.

    Args:
        url: Base URL of the API: https, or http for a server on this machine.
        key: The API key; None sends no key.
        auth: The header that carries the key, and the scheme before the key if there is one:
            `x-api-key`, `Authorization: Bearer`.
        provider: Name of the provider, for error messages.
        error_phrases: Error classes by a phrase of the vendor's error message, for vendors whose
            HTTP statuses are ambiguous.
        headers: Headers of every request, such as the version of the API.
        timeout_s: Seconds for one call, from connecting to the end of the body.
        max_response_bytes: Maximum length of a response body, in bytes.
        transport: An httpx transport for tests; None means the network.

    Attributes:
        url: Base URL, without a slash at its end.
        provider: Name of the provider, or None.
        timeout_s: Seconds for one call.
        max_response_bytes: Maximum length of a response body, in bytes.

    Raises:
        ConfigError: The URL is invalid, the URL is plain http to another machine, or the key has a
            character that a header cannot carry.
    """

    def __init__(
        self,
        url: str,
        *,
        key: SecretStr | None = None,
        auth: str = "Authorization: Bearer",
        provider: str | None = None,
        error_phrases: Mapping[str, type[ProvisionError]] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        max_response_bytes: int = MAX_RESPONSE_BYTES,
        transport: Any = None,
    ) -> None:
        self.url = check_url(url, provider)
        try:
            self._key = None if key is None else validate_key(key)
        except ValueError as error:
            raise ConfigError(
                f"the API key is invalid. {error}",
                provider=provider,
                hint=COPY_KEY_HINT,
                code=ErrorCode.INVALID_SETTING,
            ) from None
        self.provider = provider
        self.timeout_s = timeout_s
        self.max_response_bytes = max_response_bytes
        self._auth = auth
        self._error_phrases = dict(error_phrases or {})
        self._headers = dict(headers or {})
        self._exchange: Future[Exchange] = Future()
        self._exchange.set_running_or_notify_cancel()
        if transport is None:
            threading.Thread(target=self._create_exchange, name="avatar-http", daemon=True).start()
        else:
            self._create_exchange(transport)

    @property
    def account(self) -> str:
        """An id of the account: a hash of the URL and the key, which reveals neither."""
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
        """Send one request, without retries.

        Args:
            method: The HTTP method.
            path: The path below the base URL, with the query. The path begins with a slash, and the
                caller has quoted special characters.
            payload: The JSON value of the body, which may contain `SecretStr` at any depth. None
                sends no body.
            headers: Further headers of the request.
            accept: HTTP statuses outside 2xx that count as success.
            timeout_s: Seconds for this call; None means the attribute `timeout_s`.

        Returns:
            The response, with a status of 2xx or a status in `accept`.

        Raises:
            ProvisionError: The call failed. `outcome` of the error says whether the vendor may have
                processed the request. Neither the message nor the chain of causes contains a
                secret.
            asyncio.CancelledError: The current task was cancelled.
        """
        assert path.startswith("/"), "The path must begin with a slash."
        request = Request(method, path, self._key)
        result: RawResponse | ProvisionError | None = None
        with contextlib.suppress(asyncio.CancelledError):
            exchange = await self._get_exchange()
            all_headers = {**self._headers, **(headers or {}), **self._auth_header()}
            result = await exchange.send(request, payload, all_headers, timeout_s or self.timeout_s)
        # Raised outside of the block, so that no exception chain and no traceback contains the key.
        if result is None:
            raise asyncio.CancelledError
        if isinstance(result, ProvisionError):
            raise result
        if not (200 <= result.status < 300 or result.status in accept):
            raise error_for_status(
                result, request, self.provider, error_phrases=self._error_phrases
            )
        if _is_html(result):
            raise unusable_response(request, result.status, "a page of HTML", self.provider)
        return Response.read(result.status, result.body, self.provider)

    async def find(self, path: str, name_key: str, name: str) -> Response | None:
        """Find an element by its name in a list that the vendor splits into pages.

        The search ends after `total_count` elements. If the vendor returns no
        `total_count`, the search ends after a page that is empty or shorter than an earlier page.

        Args:
            path: The path of the list, with `{page}` for the number of the page, from 1.
            name_key: The key of the name in each element of the array `data`.
            name: The name to find.

        Returns:
            The first element with that name; None if the list has no such element.

        Raises:
            ProvisionError: A call failed, the list has more than `MAX_PAGES` pages, or the
                vendor's response is malformed.
        """
        seen = longest = 0
        for page in range(1, MAX_PAGES + 1):
            response = await self.call("GET", path.format(page=page))
            elements = response.elements("data")
            for element in elements:
                if element.text(name_key, "") == name:
                    return element
            seen, longest = seen + len(elements), max(longest, len(elements))
            total = self._total_count(response)
            if not elements or (len(elements) < longest if total is None else seen >= total):
                return None
        raise ProtocolError(
            f"the vendor's list of sessions has more than {MAX_PAGES} pages.",
            provider=self.provider,
            hint="On the vendor's site, end or delete sessions that you no longer need.",
        )

    def _total_count(self, response: Response) -> int | None:
        if "total_count" not in response:
            return None
        try:
            return int(response.text("total_count"))
        except ValueError:
            raise ProtocolError(
                "the total_count in the vendor's list is not a number.",
                provider=self.provider,
                hint=HINT,
            ) from None

    async def _get_exchange(self) -> Exchange:
        try:
            return await asyncio.wrap_future(self._exchange)
        except Exception as error:
            raise UnavailableError(
                f"avatar-core could not create the HTTP client for {self.url} "
                f"({type(error).__name__}: {error}).",
                provider=self.provider,
                hint="Check SSL_CERT_FILE and SSL_CERT_DIR, which name the certificates to trust.",
                outcome=Outcome.NOT_SENT,
            ) from error

    def _create_exchange(self, transport: Any = None) -> None:
        """Create the exchange. Call this method in a thread, because the call blocks for 0.25 s."""
        try:
            from avatar_core.http.exchange import Exchange

            exchange = Exchange(self.url, self.provider, self.max_response_bytes, transport)
            self._exchange.set_result(exchange)
        except Exception as error:
            self._exchange.set_exception(error)

    def _auth_header(self) -> dict[str, SecretStr]:
        if self._key is None:
            return {}
        header, _, scheme = (part.strip() for part in self._auth.partition(":"))
        key = SecretStr(f"{scheme} {self._key.get_secret_value()}") if scheme else self._key
        return {header: key}

    def __repr__(self) -> str:
        return f"<RestClient {self.url}>"


def _is_html(response: RawResponse) -> bool:
    content_type = response.headers.get("content-type", "")
    return content_type.startswith("text/html") or response.body.lstrip()[:1] == b"<"
