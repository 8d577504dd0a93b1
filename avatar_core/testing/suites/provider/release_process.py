"""Releases a session from its record in a second process, for check P22.

    python -m <this module> < ORDER

ORDER is a JSON object: `path` is `sys.path`, `provider` is the class as `package.module:Class`,
`url` is the base URL of the fake vendor, and `record` is the record of the session. The settings of
the provider are in environment variables.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPConnection
from importlib import import_module
from operator import attrgetter
from typing import Any
from urllib.parse import urlsplit

from avatar_core.http.memory import FakeResponse, MemoryTransport
from avatar_core.tasks import RELEASE_S
from avatar_core.testing.suites.check import message_of
from avatar_core.testing.suites.provider.record import read_record

NOT_RELEASED, NOT_IMPORTED = 1, 3
"""Exit codes: `release` raised an error, and the provider class cannot be imported."""


def redirect_to(url: str) -> MemoryTransport:
    """Return a transport that sends each request to the same path of another server.

    Args:
        url: The base URL of the other server, with the scheme http.

    Returns:
        The transport.
    """
    server = urlsplit(url).netloc

    def send(method: str, path: str, headers: Mapping[str, str], body: bytes) -> FakeResponse:
        """Send one request, and read the whole response.

        Args:
            method: The HTTP method.
            path: The path with its query.
            headers: The header values by lower-case name.
            body: The body of the request.

        Returns:
            The response of the other server.
        """
        with closing(HTTPConnection(server, timeout=RELEASE_S)) as connection:
            connection.request(method, path, body, {**headers, "host": server})
            response = connection.getresponse()
            kind = response.getheader("content-type", "")
            return FakeResponse(response.status, {"content-type": kind}, response.read())

    return MemoryTransport(lambda *call: asyncio.to_thread(send, *call))


async def release(cls: Any, order: Mapping[str, Any]) -> None:
    """Create the provider from the environment, and release the session.

    Args:
        cls: The provider class.
        order: The order, as the docstring of this module describes it.

    Raises:
        Exception: Any exception of the provider.
    """
    cls.transport = redirect_to(order["url"])
    provider = cls(cls.settings_cls.load())
    try:
        async with asyncio.timeout(2 * RELEASE_S):
            await provider.release(read_record(order["record"]), "the check ends")
    finally:
        await provider.aclose()


def main() -> int:
    """Read the order from stdin, and release the session; write the reason of a failure to stderr.

    Returns:
        0, `NOT_IMPORTED`, or `NOT_RELEASED`.
    """
    order = json.load(sys.stdin)
    sys.path[:] = order["path"]
    module, _, name = order["provider"].partition(":")
    code = NOT_IMPORTED
    try:
        cls = attrgetter(name)(import_module(module))
        code = NOT_RELEASED
        asyncio.run(release(cls, order))
    except Exception as error:
        sys.stderr.write(" ".join(message_of(error).split()) + "\n")
        return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
