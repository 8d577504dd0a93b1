"""A vendor with a REST API: one call that creates a session, and mostly one that ends it."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import quote

from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.errors import Outcome, ProvisionError, RejectedError, UnavailableError
from avatar_core.contracts.provider import AvatarProvider, S
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.http.client import RestClient
from avatar_core.http.response import Response
from avatar_core.net import ensure_reachable

END_S = 3.5


class RestAvatarProvider(AvatarProvider[S]):
    """Says where in constants, and what in `payload`; it retries nothing, the engine does.

    Attributes:
        url: The vendor's address; a setting `api_url` goes before it.
        auth: The header that carries the setting `api_key`, as `RestClient` takes it.
        create: Method and path that create a session.
        end: Method and path that end `{id}`; where there is none its worker is put out.
        end_payload: The body of an `end`, where it wants one.
        session_key: Where the answer to a create names the session.
        idempotency: The header that carries `request.key`; empty where there is none.
        ended_statuses: Statuses of an `end` that mean it is over already, or not known any more.
        error_phrases: Errors by what a error_for_status says, as `RestClient` takes them.
        transport: For tests: an httpx transport for `RestClient`.
    """

    url: ClassVar[str] = ""
    auth: ClassVar[str] = "Authorization: Bearer"
    create: ClassVar[str]
    end: ClassVar[str] = ""
    end_payload: ClassVar[Mapping[str, Any] | None] = None
    session_key: ClassVar[str] = "id"
    idempotency: ClassVar[str] = ""
    ended_statuses: ClassVar[tuple[int, ...]] = (404, 409, 410)
    error_phrases: ClassVar[Mapping[str, type[ProvisionError]]] = {}
    transport: Any = None
    capabilities: Capabilities
    """Declared here again, because `setup` sets it: pyright checks subclasses against this."""

    _required: ClassVar[Mapping[str, str]] = {
        **AvatarProvider._required,
        "create": 'create = "POST /v1/sessions"',
    }

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        settings = getattr(cls, "settings_cls", None)
        if settings is not None and "api_key" not in getattr(
            settings, "model_fields", ("api_key",)
        ):
            raise TypeError(
                f"{settings.__name__} lacks api_key, which {cls.__name__} sends. "
                "Write in the settings class: api_key: pydantic.SecretStr"
            )

    def setup(self) -> None:
        """Make the client; the key is what the settings call `api_key`."""
        settings: Any = self.settings
        self.rest = RestClient(
            getattr(settings, "api_url", None) or self.url,
            key=settings.api_key,
            auth=self.auth,
            provider=self.name,
            error_phrases=self.error_phrases,
            transport=self.transport,
        )
        self.endpoint, self.account = self.rest.url, self.rest.account
        can = self.capabilities
        retry = SafeRetry.KEY if self.idempotency else can.safe_retry
        self.capabilities = replace(can, ends_session=bool(self.end), safe_retry=retry)

    @abstractmethod
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """The body of a create; wrap the room token in `SecretStr`."""

    def provisioned(self, answer: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        """What the answer to a create says was bought."""
        id = answer.text(self.session_key)
        until = time.time() + cap_s if (cap_s := self.capabilities.max_session_s) else None
        return ProvisionedAvatar(session_id=id, identity=request.identity, expires_at=until)

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session."""
        ensure_reachable(self.rest.url, request.livekit_url, self.name)
        method, path = self.create.split()
        key = sha256(request.key.encode()).hexdigest()  # a room's name may be of any letters
        headers = {self.idempotency: key} if self.idempotency else {}
        body, limit_s = self.payload(request), request.deadline_s
        answer = await self.rest.call(method, path, body, headers=headers, timeout_s=limit_s)
        avatar = self.provisioned(answer, request)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End it; one that is over already, or unknown, is ended."""
        if not self.end:
            return
        method, path = self.end.split()
        path = path.format(id=quote(avatar.session_id, safe=""))
        try:
            await self.rest.call(
                method, path, self.end_payload, accept=self.ended_statuses, timeout_s=END_S
            )
        except RejectedError as refused:
            if not await self.is_ended(avatar):
                raise UnavailableError(
                    f"a session goes on: {refused.message}",
                    provider=self.name,
                    hint="Try again later, or end it by the vendor's own page.",
                    retryable=True,
                ) from None

    def invalid_config(self, what: str, hint: str) -> RejectedError:
        """What a `probe` raises of a choice that will not do."""
        return RejectedError(what, provider=self.name, hint=hint, outcome=Outcome.REJECTED)

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Asked where an end is refused: whether there is nothing left to end."""
        return False
