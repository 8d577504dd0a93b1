"""The errors that avatar-core raises, as one tree of classes with stable codes.

AvatarError                       AV000
 ├─ ConfigError                   AV100   raised by create_avatar before any paid session starts
 │   ├─ ProviderNotFoundError     AV201
 │   ├─ ProviderConflictError     AV202
 │   ├─ ProviderLoadError         AV203
 │   ├─ ApiVersionError           AV204
 │   └─ SettingsError             AV104
 ├─ ProvisionError                AV300   carries an Outcome
 │   ├─ AuthError                 AV301
 │   ├─ PaymentError              AV302
 │   ├─ CapacityError             AV303
 │   ├─ RejectedError             AV304
 │   ├─ UnavailableError          AV305
 │   └─ ProtocolError             AV306
 ├─ TransportError                AV400   audio does not reach the avatar
 │   ├─ JoinTimeoutError          AV401
 │   ├─ AvatarLostError           AV402
 │   └─ RoomError                 AV403
 ├─ AudioError                    AV409   audio that cannot be played
 ├─ WireError                     AV410   a malformed message from a participant
 ├─ UnsupportedCommandError       AV411
 ├─ WorkerError                   AV501   a worker process does not start, or dies
 └─ ServerError                   AV601   the development livekit-server
"""

from __future__ import annotations

from enum import Enum

from avatar_core.contracts.error_codes import ErrorCode


class AvatarError(Exception):
    """Base class of all errors of avatar-core.

    An error says what happened, which provider is concerned, and what the user can do next. Its
    text ends with the code and the address of a page about the code.

    Args:
        message: The description of the failure, as a sentence. The sentence begins in lower case if
            a provider's name precedes it.
        provider: Name of the provider that the error concerns, or None.
        hint: The next step of the user, as one sentence.
        code: Code of the kind of error, if it differs from the code of the class.

    Attributes:
        code: Stable code of the kind of error, for example `AV103`. `docs/errors` has a page for
            each code.
        message: The description of the failure, without the code, the provider and the hint.
        provider: Name of the provider that the error concerns, or None.
        hint: The next step of the user, as one sentence; may be empty.
    """

    code: ErrorCode = ErrorCode.OTHER

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        hint: str = "",
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.hint = hint
        self.code = code or self.code

    def __str__(self) -> str:
        return f"{self.text} [{self.code}] {self.code.url}"

    @property
    def text(self) -> str:
        """The provider, the message and the hint, without the code and the link."""
        who = f"{self.provider}: " if self.provider else ""
        next_step = f" {self.hint}" if self.hint else ""
        return f"{who}{self.message}{next_step}"


class ConfigError(AvatarError, ValueError):
    """The configuration is invalid. No paid session was started."""

    code = ErrorCode.INVALID_CONFIG


class ProviderNotFoundError(ConfigError, LookupError):
    """No installed distribution has a provider with the requested name."""

    code = ErrorCode.NOT_FOUND


class ProviderConflictError(ConfigError):
    """Two distributions have a provider with the same name."""

    code = ErrorCode.NAME_CONFLICT


class ProviderLoadError(ConfigError):
    """The provider is installed, but its class cannot be imported or used."""

    code = ErrorCode.NOT_IMPORTED


class ApiVersionError(ConfigError):
    """The provider was written for another major version of the provider API."""

    code = ErrorCode.API_VERSION


class SettingsError(ConfigError):
    """A setting is missing, malformed or unknown."""

    code = ErrorCode.INVALID_SETTING


class Outcome(Enum):
    """Whether a failed provisioning may have created a paid session.

    Attributes:
        NOT_SENT: The vendor did not receive the request, so no session exists.
        REJECTED: The vendor refused the request, so no session exists.
        UNKNOWN: The vendor may have processed the request, so a session may exist.
    """

    NOT_SENT = "not sent"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class ProvisionError(AvatarError):
    """A vendor did not create an avatar session, or a call to the vendor's API failed.

    Args:
        message: The description of the failure, as a sentence that begins in lower case.
        provider: Name of the provider that the error concerns, or None.
        hint: The next step of the user, as one sentence.
        outcome: Whether a paid session may exist in spite of the error.
        retryable: Whether the same request may succeed later.
        retry_after_s: Seconds to wait before a retry, as the vendor stated them; None if the
            vendor stated no time.

    Attributes:
        outcome: Whether a paid session may exist in spite of the error.
        retryable: Whether the same request may succeed later.
        retry_after_s: Seconds to wait before a retry, as the vendor stated them; None if the
            vendor stated no time.
    """

    code = ErrorCode.PROVISION_FAILED

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        hint: str = "",
        outcome: Outcome = Outcome.UNKNOWN,
        retryable: bool = False,
        retry_after_s: float | None = None,
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message, provider=provider, hint=hint, code=code)
        self.outcome = outcome
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class AuthError(ProvisionError):
    """The vendor does not accept the API key."""

    code = ErrorCode.AUTH


class PaymentError(ProvisionError):
    """The account at the vendor has no credit left."""

    code = ErrorCode.PAYMENT


class CapacityError(ProvisionError):
    """The account or the vendor has reached its limit of concurrent sessions."""

    code = ErrorCode.CAPACITY


class RejectedError(ProvisionError):
    """The vendor understood the request and refused it."""

    code = ErrorCode.REJECTED


class UnavailableError(ProvisionError):
    """The vendor cannot be reached, or failed internally."""

    code = ErrorCode.UNAVAILABLE


class ProtocolError(ProvisionError):
    """The provider cannot read the vendor's response."""

    code = ErrorCode.PROTOCOL


class TransportError(AvatarError):
    """Audio cannot reach the avatar, or the avatar cannot join the room."""

    code = ErrorCode.TRANSPORT


class JoinTimeoutError(TransportError, TimeoutError):
    """The vendor created a session, but the avatar did not become ready in time."""

    code = ErrorCode.JOIN_TIMEOUT


class AvatarLostError(TransportError):
    """The avatar that was in use left the room, froze, or stopped playing audio.

    Attributes:
        may_return: Whether the lost avatar may still be alive. avatar-core does not end the session
            of such an avatar at once.
    """

    code = ErrorCode.AVATAR_LOST
    may_return = False


class RoomError(TransportError):
    """A LiveKit room refused a request, was closed, or did not respond in time.

    Args:
        message: The description of the failure, as a sentence that begins in lower case.
        hint: The next step of the user, as one sentence.
        rpc_code: LiveKit's RPC error code; None for a failure that is not an RPC error.
        code: Code of the kind of error, if it differs from the code of the class.

    Attributes:
        rpc_code: LiveKit's RPC error code (1400 unsupported method, 1401 recipient not found,
            1501 connection timeout, 1502 response timeout); None for other failures.
    """

    code = ErrorCode.ROOM

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        rpc_code: int | None = None,
        code: ErrorCode | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code)
        self.rpc_code = rpc_code


class AudioError(AvatarError, ValueError):
    """Audio cannot be played, because of its sample rate, channel count or size."""

    code = ErrorCode.AUDIO


class WireError(AvatarError, ValueError):
    """A message from another participant is malformed. avatar-core ignores the message.

    Attributes:
        reason: The reason without the content of the message, so that messages with the same
            fault have the same reason.
    """

    code = ErrorCode.WIRE
    reason = ""


class UnsupportedCommandError(AvatarError):
    """The provider does not support the control command."""

    code = ErrorCode.COMMAND


class WorkerError(AvatarError):
    """An avatar worker could not start, or the worker process ended unexpectedly."""

    code = ErrorCode.WORKER


class ServerError(AvatarError):
    """The development livekit-server could not be found, built or started."""

    code = ErrorCode.TEST_SERVER
