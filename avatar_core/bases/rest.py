"""The base class of providers for vendors whose REST API creates and ends sessions."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import quote

from avatar_core.contracts.capabilities import Capabilities, SafeRetry
from avatar_core.contracts.clock import loop_time
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import Outcome, ProvisionError, RejectedError, UnavailableError
from avatar_core.contracts.provider import AvatarProvider, S
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.http.client import RestClient
from avatar_core.http.response import Response
from avatar_core.net import MEMORY_URL, ensure_reachable

END_S = 3.5
"""Seconds for the request that ends a session, less than the 4 s of the whole release."""
LEAST_S = 0.1
"""The least time in seconds for `create`, after calls of `prepare`."""


class RestAvatarProvider(AvatarProvider[S]):
    """Base class of a provider for a vendor with a REST API.

    A subclass declares the endpoints as class attributes, and builds the request body in `payload`.
    The class sends each request once. avatar-core repeats a request where that is safe.

    Attributes:
        url: Base URL of the vendor's API. The setting `api_url` takes precedence.
        auth: The header that carries the setting `api_key`, and the scheme before the key if there
            is one: `x-api-key`, `Authorization: Bearer`.
        headers: Headers of every request, such as the version of the API.
        create: Method and path of the request that creates a session, for example
            `POST /v1/sessions`. The path may contain attributes of the settings, for example
            `POST /v1/faces/{settings.face_id}/sessions`.
        end: Method and path of the request that ends the session `{id}`. An empty string means that
            the vendor has no such request; avatar-core then removes the avatar's participant from
            the room.
        end_payload: JSON body of the request that ends a session; None means no body. A text `{id}`
            in the body stands for the id of the session.
        session_key: Path of the session id in the response to `create`, such as `data.id`.
        idempotency: The header of `create` that carries the idempotency key, a hash of
            `ProvisionRequest.key`. An empty string means that the vendor accepts no such key.
        ended_statuses: HTTP statuses of the response to `end` that mean that the session has ended
            or is unknown.
        error_phrases: Error classes by a phrase of the vendor's error message, for vendors whose
            HTTP statuses are ambiguous.
        transport: An httpx transport for tests; None means the network.
        rest: The REST client, which `setup` creates.
    """

    url: ClassVar[str] = ""
    auth: ClassVar[str] = "Authorization: Bearer"
    headers: ClassVar[Mapping[str, str]] = {}
    create: ClassVar[str]
    end: ClassVar[str] = ""
    end_payload: ClassVar[Mapping[str, Any] | None] = None
    session_key: ClassVar[str] = "id"
    idempotency: ClassVar[str] = ""
    ended_statuses: ClassVar[tuple[int, ...]] = (404, 409, 410)
    error_phrases: ClassVar[Mapping[str, type[ProvisionError]]] = {}
    transport: Any = None
    capabilities: Capabilities
    """This class declares the attribute again because `setup` sets it. Without the declaration,
    pyright would report an error in subclasses."""

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
        """Create the REST client from the settings, and set the capabilities.

        Raises:
            ConfigError: The URL is invalid, or a header cannot carry the key.
        """
        settings: Any = self.settings
        self.rest = RestClient(
            self.base_url(),
            key=settings.api_key,
            auth=self.auth,
            provider=self.name,
            error_phrases=self.error_phrases,
            headers=self.headers,
            transport=self.transport,
        )
        self.endpoint, self.account = self.rest.url, self.rest.account
        can = self.capabilities
        retry = SafeRetry.KEY if self.idempotency else can.safe_retry
        self.capabilities = replace(can, ends_session=bool(self.end), safe_retry=retry)

    def base_url(self) -> str:
        """Return the URL of the vendor's API: the setting `api_url`, or the attribute `url`.

        Returns:
            The URL. `setup` checks it.
        """
        return getattr(self.settings, "api_url", None) or self.url

    @abstractmethod
    def payload(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Return the JSON body of the request that creates a session.

        Args:
            request: The room to join, the identity to join as, and the function that creates the
                room token. Wrap the token in `SecretStr`, so that no error message contains it.

        Returns:
            The body: a JSON object, which may contain `SecretStr` at any depth.
        """

    async def prepare(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Make the calls that must precede `create`, such as the request of a session token.

        These calls must not create a session, because avatar-core may repeat them.

        Args:
            request: The request that `provision` received.

        Returns:
            Further fields for the body of `create`, which may contain `SecretStr`.

        Raises:
            ProvisionError: A call failed.
        """
        return {}

    async def _prepare(self, request: ProvisionRequest) -> Mapping[str, Any]:
        """Call `prepare`. An error means that no session exists, because `create` was not sent."""
        try:
            return await self.prepare(request)
        except ProvisionError as error:
            if error.outcome is Outcome.UNKNOWN:
                error.outcome = Outcome.NOT_SENT
            raise

    def read_avatar(self, response: Response, request: ProvisionRequest) -> ProvisionedAvatar:
        """Return the record of the session from the vendor's response.

        Args:
            response: The vendor's response to `create`.
            request: The request that `provision` received.

        Returns:
            The record, with the expiry time if `Capabilities.max_session_s` is set.

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
            ProvisionError: The vendor cannot connect to the room, or the call failed. `outcome` of
                the error says whether a session may exist.
        """
        response = await self.call_create(request)
        avatar = self.read_avatar(response, request)
        request.claim(avatar)
        return avatar

    async def call_create(self, request: ProvisionRequest) -> Response:
        """Send the request `create`, once.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The vendor's response.

        Raises:
            ProvisionError: The vendor cannot connect to the room, or the call failed.
        """
        self.check_room(request)
        deadline = loop_time() + request.deadline_s
        body = {**self.payload(request), **await self._prepare(request)}
        method, path = self.create.format(settings=self.settings).split()
        key = sha256(request.key.encode()).hexdigest()  # room names may contain any character
        headers = {self.idempotency: key} if self.idempotency else {}
        limit_s = max(round(deadline - loop_time(), 1), LEAST_S)
        return await self.rest.call(method, path, body, headers=headers, timeout_s=limit_s)

    def check_room(self, request: ProvisionRequest) -> None:
        """Check that the vendor's servers can connect to the room.

        Args:
            request: The room to join.

        Raises:
            UnavailableError: The vendor cannot connect to the room; the outcome is NOT_SENT.
        """
        if self.transport is None or request.livekit_url != MEMORY_URL:
            ensure_reachable(self.rest.url, request.livekit_url, self.name)

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the session at the vendor. Do nothing if the class has no `end`.

        A status in `ended_statuses` counts as success.

        Args:
            avatar: The record of the session.
            reason: The reason of the end, which the vendor does not receive.

        Raises:
            ProvisionError: The call failed, or the vendor refused to end the session.
        """
        if not self.end:
            return
        method, path = self.end.split()
        path = path.format(id=quote(avatar.session_id, safe=""))
        body = _fill_in(self.end_payload, avatar.session_id)
        try:
            await self.rest.call(method, path, body, accept=self.ended_statuses, timeout_s=END_S)
        except RejectedError as refused:
            if not await self.is_ended(avatar):
                raise UnavailableError(
                    f"the vendor did not end the session: {refused.message}",
                    provider=self.name,
                    hint="Try again later, or end the session on the vendor's site.",
                    retryable=True,
                    code=ErrorCode.NOT_RELEASED,
                ) from None

    def invalid_config(self, message: str, hint: str) -> RejectedError:
        """Create the error that `probe` raises for a setting that the vendor does not accept.

        Args:
            message: The problem, as a sentence that begins in lower case.
            hint: The next step of the user, as a sentence.

        Returns:
            The error, with the outcome `REJECTED`.
        """
        return RejectedError(message, provider=self.name, hint=hint, outcome=Outcome.REJECTED)

    async def is_ended(self, avatar: ProvisionedAvatar) -> bool:
        """Return whether a session has ended, after the vendor refused to end the session.

        Override this method if the HTTP status of `end` is ambiguous. The default implementation
        returns False.

        Args:
            avatar: The record of the session.

        Returns:
            True if the session has ended.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        return False


def _fill_in(value: Any, session_id: str) -> Any:
    """Replace each text `{id}` in a JSON value, at any depth, by the session id."""
    if isinstance(value, Mapping):
        return {key: _fill_in(one, session_id) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_fill_in(one, session_id) for one in value]
    return session_id if value == "{id}" else value
