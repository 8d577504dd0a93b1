"""Every error avatar-core raises, in one tree with stable codes.

AvatarError                       AV000
 ├─ ConfigError                   AV100   raised by create_avatar, before anything is bought
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
 ├─ TransportError                     AV300   the way to a listener
 │   ├─ JoinTimeoutError          AV301
 │   ├─ AvatarLostError             AV302
 │   └─ RoomError                 AV303
 ├─ AudioError                    AV400   frames that cannot be played
 ├─ WireError                     AV401   a message from a participant that makes no sense
 ├─ UnsupportedCommandError       AV402
 ├─ WorkerError                   AV403   a worker process that does not start or dies
 └─ ServerError                   AV404   the development livekit-server
"""

from __future__ import annotations

from enum import Enum
from typing import ClassVar


class AvatarError(Exception):
    """Root of the tree: says what happened, to whom, and what to do next.

    Args:
        message: What happened.
        provider: Whom it happened to, a provider's name.
        hint: What to do next, one sentence.
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
    """The configuration cannot work; nothing was bought."""

    code = "AV100"


class ProviderNotFoundError(ConfigError, LookupError):
    """No installed distribution offers a provider of that name."""

    code = "AV101"


class ProviderConflictError(ConfigError):
    """Two distributions offer a provider of the same name."""

    code = "AV102"


class ProviderLoadError(ConfigError):
    """The provider is installed, and importing it failed."""

    code = "AV103"


class ApiVersionError(ConfigError):
    """The provider was written for another major version of the provider API."""

    code = "AV104"


class SettingsError(ConfigError):
    """A setting is missing or malformed."""

    code = "AV105"


class Outcome(Enum):
    """Was something created, and paid for, before provisioning failed?"""

    NOT_SENT = "not sent"  # no
    REJECTED = "rejected"  # no
    UNKNOWN = "unknown"  # perhaps


class ProvisionError(AvatarError):
    """A vendor did not give us an avatar.

    Args:
        outcome: Whether something may have been created all the same.
        retryable: Whether the same request may succeed later.
        retry_after_s: When, if the vendor said so.
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
    """The vendor does not accept the key."""

    code = "AV201"


class PaymentError(ProvisionError):
    """The account has no credit left."""

    code = "AV202"


class CapacityError(ProvisionError):
    """The account's or the vendor's limit of sessions at once is reached."""

    code = "AV203"


class RejectedError(ProvisionError):
    """The vendor understood the request and refused it."""

    code = "AV204"


class UnavailableError(ProvisionError):
    """The vendor could not be reached or failed inside."""

    code = "AV205"


class ProtocolError(ProvisionError):
    """The vendor answered something this provider cannot read."""

    code = "AV206"


class TransportError(AvatarError):
    """The way from the agent to a listener's ear failed."""

    code = "AV300"


class JoinTimeoutError(TransportError, TimeoutError):
    """The avatar was provisioned and did not become ready in time."""

    code = "AV301"


class AvatarLostError(TransportError):
    """A transport that was in use is gone: the avatar left, froze or fell silent."""

    code = "AV302"


class RoomError(TransportError):
    """A LiveKit room refused us, went away, or did not answer in time.

    Attributes:
        rpc_code: LiveKit's RPC error code where there is one (1400 unsupported method,
            1401 recipient not found, 1501 connection timeout, 1502 response timeout).
    """

    code = "AV303"

    def __init__(self, message: str, *, hint: str = "", rpc_code: int | None = None) -> None:
        super().__init__(message, hint=hint)
        self.rpc_code = rpc_code


class AudioError(AvatarError, ValueError):
    """Audio that cannot be played: an impossible rate, channel count or size."""

    code = "AV400"


class WireError(AvatarError, ValueError):
    """A message from another participant that makes no sense; it is dropped.

    Attributes:
        reason: Why, without what the message said; the same for all of a kind.
    """

    code = "AV401"
    reason = ""


class UnsupportedCommandError(AvatarError):
    """The provider does not know this control command."""

    code = "AV402"


class WorkerError(AvatarError):
    """An avatar worker process could not start, or died."""

    code = "AV403"


class ServerError(AvatarError):
    """The development livekit-server could not be found, built or started."""

    code = "AV404"
