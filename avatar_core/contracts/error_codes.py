"""The codes of the errors that users see: one code for each kind of error, and its page.

The page of a code is `docs/errors/<code>.md`. `avatar explain <code>` prints the page. A code never
changes its meaning, and the code of an error that no longer exists is not used again.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

PAGES_URL = "https://example.com/avatar-core/blob/main/docs/errors"
"""The address of the folder that contains the page of each code."""


class ErrorCode(StrEnum):
    """The code of an error, such as `AV103`.

    The first digit is the area: 1 configuration, 2 discovery of providers, 3 the vendor, 4 room and
    playback, 5 workers, 6 test kit and tools.

    Attributes:
        summary: What happened, as a short sentence without a full stop: the heading of the page.
        url: The address of the page.
    """

    summary: str

    def __new__(cls, code: str, summary: str) -> Self:
        """Create a member.

        Args:
            code: The code.
            summary: What happened, as a short sentence without a full stop.

        Returns:
            The member, which is a string.
        """
        member = str.__new__(cls, code)
        member._value_ = code
        member.summary = summary
        return member

    @property
    def url(self) -> str:
        """The address of the page of the code."""
        return f"{PAGES_URL}/{self}.md"

    OTHER = "AV000", "An error without a code of its own"

    INVALID_CONFIG = "AV100", "The configuration is invalid"
    NOTHING_CHOSEN = "AV101", "No avatar provider is chosen"
    INVALID_CHAIN = "AV102", "The chain of providers is invalid"
    MISSING_SETTING = "AV103", "A setting is missing"
    INVALID_SETTING = "AV104", "A setting has an invalid value"
    UNKNOWN_SETTING = "AV105", "A setting does not exist"
    INVALID_URL = "AV106", "The URL of a vendor is invalid or unsafe"
    SESSION_STATE = "AV107", "The avatar session is in the wrong state for the call"
    PORT_IN_USE = "AV108", "A server cannot listen on its address"

    NOT_FOUND = "AV201", "The provider is not installed"
    NAME_CONFLICT = "AV202", "The name of a provider is taken or reserved"
    NOT_IMPORTED = "AV203", "The provider cannot be imported"
    API_VERSION = "AV204", "The provider needs another version of avatar-core"
    INVALID_PROVIDER = "AV205", "The provider class is invalid"
    PROVIDER_BUG = "AV206", "The provider raised an unexpected error"
    NO_SERVER = "AV207", "The provider has no avatar server"
    NO_BRIDGE = "AV208", "A LiveKit plugin cannot be used as an avatar"

    PROVISION_FAILED = "AV300", "The vendor did not create a session"
    AUTH = "AV301", "The vendor does not accept the API key"
    PAYMENT = "AV302", "The account has no credit left"
    CAPACITY = "AV303", "Too many sessions run at the same time"
    REJECTED = "AV304", "The vendor rejected the request"
    UNAVAILABLE = "AV305", "The vendor does not respond"
    PROTOCOL = "AV306", "The vendor sent an unexpected response"
    ROOM_NOT_PUBLIC = "AV307", "The vendor cannot connect to the LiveKit server"
    PROVISION_TIMEOUT = "AV308", "The avatar was not provisioned in time"
    NOT_RELEASED = "AV309", "A paid session could not be ended"

    TRANSPORT = "AV400", "Speech does not arrive at the avatar"
    JOIN_TIMEOUT = "AV401", "The avatar did not join in time"
    AVATAR_LOST = "AV402", "The avatar was lost during the conversation"
    ROOM = "AV403", "The room refused a request"
    ROOM_CLOSED = "AV404", "The connection to the room has closed"
    LIVEKIT_SERVER = "AV405", "The LiveKit server does not respond, or refuses the key"
    LIVEKIT_VERSION = "AV406", "The installed version of livekit does not fit"
    AGENT_PERMISSIONS = "AV407", "The agent may not send audio to an avatar"
    ENCRYPTION = "AV408", "The avatar has no key of the encrypted room"
    AUDIO = "AV409", "The audio cannot be played"
    WIRE = "AV410", "A message of a participant is malformed"
    COMMAND = "AV411", "The avatar does not support the command"

    WORKER = "AV501", "A worker did not start, or ended unexpectedly"
    RENDERER = "AV502", "The renderer cannot be created"

    TEST_SERVER = "AV601", "The livekit-server for tests did not start"
    TEST_FAULT = "AV602", "A fault for tests does not exist"
    SCAFFOLD = "AV603", "A new provider cannot have this name or folder"
