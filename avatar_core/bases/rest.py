"""Base class for vendors with a REST API that creates and ends sessions."""

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
"""Seconds for the call that ends a session; a release has a deadline of its own above this."""


class RestAvatarProvider(AvatarProvider[S]):
    """A provider for a vendor with a REST API: class attributes and a `payload`.

    A subclass declares endpoints as class attributes and builds the request body in `payload`.
    It retries nothing; `avatar_core.provisioning` decides about retries.

    Attributes:
        url: Base URL of the vendor's API; a setting `api_url` takes precedence.
        auth: The header that carries the setting `api_key`, as `RestClient` takes it.
        create: Method and path that create a session, like `POST /v1/sessions`.
        end: Method and path that end the session `{id}`; empty where the vendor has no such
            call, so that avatar-core removes the participant from the room instead.
        end_payload: JSON body of `end`; None sends no body.
        session_key: Path of the session id in the response to `create`.
        idempotency: The header that carries `request.key` in `create`; empty where the vendor
            has no idempotency key.
        ended_statuses: Statuses of `end` for a session that has ended or is unknown.
        error_phrases: Error classes by a phrase of the vendor's error message, as `RestClient`
            takes them.
        transport: An httpx transport for tests; None uses the network.
        rest: The client, after `setup`.
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
                f"{settings.__name__} has no field api_key, which {cls.__name__} sends to its "
                "vendor. Write in the settings class: api_key: pydantic.SecretStr"
            )

    def setup(self) -> None:
        """Create the client from the settings `api_url` and `api_key`, and set capabilities.

        Raises:
            ConfigError: The URL is invalid, or the key cannot be sent in a header.
        """
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
        """Return the JSON body of the call that creates a session.

        Args:
            request: The room to join and the identity to join as. Wrap its token in `SecretStr`,
                so that no error shows it.
        """

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        """Return the record of the session that a create returned.

        Args:
            response: The vendor's response to `create`.
            request: The request that `provision` received.

        Raises:
            ProtocolError: The response has no session id at `session_key`.
        """
        id = response.text(self.session_key)
        until = time.time() + cap_s if (cap_s := self.capabilities.max_session_s) else None
        return ProvisionedAvatar(session_id=id, identity=request.identity, expires_at=until)

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session at the vendor.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The record of the session.

        Raises:
            ProvisionError: The vendor cannot connect to the room, or the call failed; `outcome`
                says whether a session may exist.
        """
        ensure_reachable(self.rest.url, request.livekit_url, self.name)
        method, path = self.create.split()
        key = sha256(request.key.encode()).hexdigest()  # room names may have any character
        headers = {self.idempotency: key} if self.idempotency else {}
        body, limit_s = self.payload(request), request.deadline_s
        response = await self.rest.call(method, path, body, headers=headers, timeout_s=limit_s)
        avatar = self.read_avatar(response, request)
        request.claim(avatar)
        return avatar

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the session at the vendor; one that is unknown or ended counts as ended.

        Does nothing for a vendor without an `end`.

        Args:
            avatar: The record of the session.
            reason: Why it ends; not sent to the vendor.

        Raises:
            ProvisionError: The call failed, or the vendor refused it and the session has not
                ended.
        """
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
                    f"the vendor did not end the session: {refused.message}",
                    provider=self.name,
                    hint="Try again later, or end the session on the vendor's site.",
                    retryable=True,
                ) from None

    def invalid_config(self, message: str, hint: str) -> RejectedError:
        """Return the error that `probe` raises for a setting that the vendor does not accept.

        Args:
            message: What is wrong, as a sentence in lower case.
            hint: What to do next, as a sentence.
        """
        return RejectedError(message, provider=self.name, hint=hint, outcome=Outcome.REJECTED)

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Return whether a session has ended, after the vendor refused to end it.

        Override it where the status of `end` does not tell; the default returns False.

        Args:
            avatar: The record of the session.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        return False
