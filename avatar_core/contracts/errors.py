"""The errors that avatar-core raises, as one tree of classes with stable codes.

AvatarError                       AV000
 ├─ ConfigError                   AV100   raised by create_avatar before any paid session starts
 │   ├─ ProviderNotFoundError     AV101
 │   ├─ ProviderConflictError     AV102
 │   ├─ ProviderLoadError         AV103
 │   ├─ ApiVersionError           AV104
 │   └─ SettingsError             AV105
 ├─ ProvisionError                AV200   carries an Outcome
 │   ├─ AuthError                 AV201
 │   ├─ PaymentError              AV202
 │   ├─ CapacityError             AV203
 │   ├─ RejectedError             AV204
 │   ├─ UnavailableError          AV205
 │   └─ ProtocolError             AV206
 ├─ TransportError                AV300   audio does not reach the avatar
 │   ├─ JoinTimeoutError          AV301
 │   ├─ AvatarLostError           AV302
 │   └─ RoomError                 AV303
 ├─ AudioError                    AV400   audio that cannot be played
 ├─ WireError                     AV401   a malformed message from a participant
 ├─ UnsupportedCommandError       AV402
 ├─ WorkerError                   AV403   a worker process does not start, or dies
 └─ ServerError                   AV404   the development livekit-server
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class AvatarError(Exception):
    """Base class of all errors of avatar-core.

    An error says what happened, which provider is concerned, and what the user can do next.

    Args:
        message: The description of the failure, as a sentence. The sentence begins in lower case if
            a provider's name precedes it.
        provider: Name of the provider that the error concerns, or None.
        hint: The next step of the user, as one sentence.

    Attributes:
        code: Stable code of the error class, for example `AV205`.
        message: The description of the failure, without the code, the provider and the hint.
        provider: Name of the provider that the error concerns, or None.
        hint: The next step of the user, as one sentence; may be empty.
    """

    code: ClassVar[str] = "AV000"

    def __init__(self, message: str, *, provider: str | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.provider = provider
        self.hint = hint

    def __str__(self) -> str:
        who = f"{self.provider}: " if self.provider else ""
        next_step = f" {self.hint}" if self.hint else ""
        return f"[{self.code}] {who}{self.message}{next_step}"


class ConfigError(AvatarError, ValueError):
    """The configuration is invalid. No paid session was started."""

    code = "AV100"


class ProviderNotFoundError(ConfigError, LookupError):
    """No installed distribution has a provider with the requested name."""

    code = "AV101"


class ProviderConflictError(ConfigError):
    """Two distributions have a provider with the same name."""

    code = "AV102"


class ProviderLoadError(ConfigError):
    """The provider is installed, but its class cannot be imported or used."""

    code = "AV103"


class ApiVersionError(ConfigError):
    """The provider was written for another major version of the provider API."""

    code = "AV104"


class SettingsError(ConfigError):
    """A setting is missing, malformed or unknown."""

    code = "AV105"


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

    code = "AV200"

    def __init__(
        self,
        message: str,
        *,
        provider: str | None = None,
        hint: str = "",
        outcome: Outcome = Outcome.UNKNOWN,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, provider=provider, hint=hint)
        self.outcome = outcome
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class AuthError(ProvisionError):
    """The vendor does not accept the API key."""

    code = "AV201"


class PaymentError(ProvisionError):
    """The account at the vendor has no credit left."""

    code = "AV202"


class CapacityError(ProvisionError):
    """The account or the vendor has reached its limit of concurrent sessions."""

    code = "AV203"


class RejectedError(ProvisionError):
    """The vendor understood the request and refused it."""

    code = "AV204"


class UnavailableError(ProvisionError):
    """The vendor cannot be reached, or failed internally."""

    code = "AV205"


class ProtocolError(ProvisionError):
    """The provider cannot read the vendor's response."""

    code = "AV206"


class TransportError(AvatarError):
    """Audio cannot reach the avatar, or the avatar cannot join the room."""

    code = "AV300"


class JoinTimeoutError(TransportError, TimeoutError):
    """The vendor created a session, but the avatar did not become ready in time."""

    code = "AV301"


class AvatarLostError(TransportError):
    """The avatar that was in use left the room, froze, or stopped playing audio.

    Attributes:
        may_return: Whether the lost avatar may still be alive. avatar-core does not end the session
            of such an avatar at once.
    """

    code = "AV302"
    may_return = False


class RoomError(TransportError):
    """A LiveKit room refused a request, was closed, or did not respond in time.

    Args:
        message: The description of the failure, as a sentence that begins in lower case.
        hint: The next step of the user, as one sentence.
        rpc_code: LiveKit's RPC error code; None for a failure that is not an RPC error.

    Attributes:
        rpc_code: LiveKit's RPC error code (1400 unsupported method, 1401 recipient not found,
            1501 connection timeout, 1502 response timeout); None for other failures.
    """

    code = "AV303"

    def __init__(self, message: str, *, hint: str = "", rpc_code: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rpc_code = rpc_code


class AudioError(AvatarError, ValueError):
    """Audio cannot be played, because of its sample rate, channel count or size."""

    code = "AV400"


class WireError(AvatarError, ValueError):
    """A message from another participant is malformed. avatar-core ignores the message.

    Attributes:
        reason: The reason without the content of the message, so that messages with the same
            fault have the same reason.
    """

    code = "AV401"
    reason = ""


class UnsupportedCommandError(AvatarError):
    """The provider does not support the control command."""

    code = "AV402"


class WorkerError(AvatarError):
    """An avatar worker could not start, or the worker process ended unexpectedly."""

    code = "AV403"


class ServerError(AvatarError):
    """The development livekit-server could not be found, built or started."""

    code = "AV404"
