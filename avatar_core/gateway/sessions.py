"""All sessions of a gateway: its slots, its idempotency keys, and the end of every session."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.gateway.auth import check_terminate_token
from avatar_core.gateway.refusals import FULL_RETRY_S, RefusalError, refusal_of
from avatar_core.gateway.schemas import CreateRequest, CreateResponse, TerminateRequest
from avatar_core.gateway.session import GatewaySession, Server
from avatar_core.provisioning.async_ledger import AsyncLedger
from avatar_core.provisioning.reaper import reap
from avatar_core.tasks import as_avatar_error

log = logging.getLogger("avatar_core")

MAX_KEYS = 10_000
"""The number of idempotency keys that the gateway remembers."""
REAP_EVERY_S = 60.0
"""Seconds between two searches for sessions without an owner."""

FindProvider = Callable[[str, str], AvatarProvider[Any]]
"""A function that takes the name and the variant of a provider, and creates the provider."""


@dataclass(slots=True)
class _Created:
    """A create request, and the task that creates its session."""

    request: CreateRequest
    task: asyncio.Task[CreateResponse]


class Sessions:
    """The sessions of a gateway.

    Args:
        server: The LiveKit server.
        find_provider: Creates a provider by name and variant.
        limit: The maximum number of sessions at the same time.
    """

    def __init__(self, server: Server, find_provider: FindProvider, limit: int) -> None:
        self._server = server
        self._find_provider = find_provider
        self._limit = limit
        self._live: dict[tuple[str, str], GatewaySession] = {}
        self._keys: OrderedDict[str, _Created] = OrderedDict()
        self._creating: set[asyncio.Task[CreateResponse]] = set()
        self._watches: dict[GatewaySession, asyncio.Task[None]] = {}
        self._is_closed = False

    @property
    def free(self) -> int:
        """The number of free slots."""
        return max(0, self._limit - len(self._live))

    async def create(self, request: CreateRequest, key: str) -> CreateResponse:
        """Create a session, or return the session that an earlier request with the key created.

        The work continues if the caller is cancelled, so a client that lost the connection may send
        the request again.

        Args:
            request: The request.
            key: The idempotency key; empty for none.

        Returns:
            The response for the client.

        Raises:
            RefusalError: The request cannot be granted.
        """
        created = self._keys.get(key) if key else None
        if created is None:
            created = _Created(request, asyncio.create_task(self._create(request)))
            self._creating.add(created.task)
            created.task.add_done_callback(self._creating.discard)
            if key:
                self._remember(key, created)
        elif created.request != request:
            raise RefusalError(422, "The Idempotency-Key belongs to another request.")
        return await asyncio.shield(created.task)

    def _remember(self, key: str, created: _Created) -> None:
        self._keys[key] = created
        while len(self._keys) > MAX_KEYS:
            self._keys.popitem(last=False)

        def forget_failure(task: asyncio.Task[CreateResponse]) -> None:
            """Forget the key of a request that created nothing, so that it may be sent again.

            Args:
                task: The task that created the session.
            """
            if task.cancelled() or task.exception() is not None:
                self._keys.pop(key, None)

        created.task.add_done_callback(forget_failure)

    async def _create(self, request: CreateRequest) -> CreateResponse:
        if options := request.options():
            raise RefusalError(
                422,
                f"The gateway does not pass on the options {', '.join(options)!s:.200}. Set them "
                "in the environment of the gateway, and select them as provider/variant.",
            )
        if self._is_closed or not self.free:
            raise RefusalError(
                429,
                f"All {self._limit} avatars of the gateway are in use. Try again later, or start "
                "the gateway with a higher --max-sessions.",
                retry_after_s=FULL_RETRY_S,
            )
        try:
            provider = self._find_provider(request.provider, request.avatar_id)
        except AvatarError as error:
            raise refusal_of(error) from None
        session = GatewaySession(self._server, provider, request)
        if session.place in self._live:
            raise RefusalError(409, "The gateway runs an avatar with this identity in this room.")
        self._live[session.place] = session
        try:
            response = await session.start()
        except BaseException as error:
            await self._end(session, "the session could not be created")
            if isinstance(error, RefusalError) or not isinstance(error, Exception):
                raise
            raise refusal_of(as_avatar_error(error, request.provider)) from None
        self._watches[session] = asyncio.create_task(self._watch(session))
        return response

    async def _watch(self, session: GatewaySession) -> None:
        reason = await session.wait_until_over()
        self._watches.pop(session, None)
        await self._end(session, reason)

    async def terminate(self, request: TerminateRequest) -> None:
        """End a session for its client. A second call of this method has no effect.

        Args:
            request: The request.

        Raises:
            RefusalError: The token does not belong to the session.
        """
        livekit, id = self._server.livekit, request.provider_session_id
        check_terminate_token(livekit, request.provider, id, request.terminate_token)
        for session in [one for one in self._live.values() if one.session_id == id]:
            await self._end(session, "the agent asked for the end")

    async def _end(self, session: GatewaySession, reason: str) -> None:
        if watch := self._watches.pop(session, None):
            watch.cancel()
        try:
            await asyncio.shield(asyncio.ensure_future(session.end(reason)))
        finally:
            self._live.pop(session.place, None)

    async def reap_forever(self) -> None:
        """End the sessions that killed gateways and agents left behind, once a minute."""
        ledger = AsyncLedger(self._server.ledger)
        find = cache(lambda name: self._find_provider(name, ""))
        url = self._server.livekit.ws_url
        while True:
            for result in await reap(ledger, find, self._server.remove, livekit_url=url):
                if result.status == "ended":
                    log.warning(
                        "The gateway ended %s of a dead process.", result.ledger_entry.label
                    )
            await asyncio.sleep(REAP_EVERY_S)

    async def aclose(self) -> None:
        """Refuse new sessions, and end all sessions."""
        self._is_closed = True
        creating = list(self._creating)
        for task in creating:
            task.cancel()
        await asyncio.gather(*creating, return_exceptions=True)
        ends = [self._end(one, "the gateway stopped") for one in list(self._live.values())]
        await asyncio.gather(*ends, return_exceptions=True)
