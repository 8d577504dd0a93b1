"""The requests and the response of the two routes, as livekit-agents 1.8.9 sends and reads them.

Source: `livekit.agents.inference.AvatarSession`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

LONGEST_TEXT = 512


class CreateRequest(BaseModel):
    """The body of `POST /avatar/sessions`.

    Attributes:
        provider: Name of the provider, as in `AVATAR_PROVIDER`.
        avatar_id: Variant of the provider; empty for none.
        room_name: Name of the agent's room.
        avatar_identity: Identity with which the avatar joins.
        avatar_name: Display name of the avatar; empty for its identity.
        agent_identity: Identity of the agent.
        livekit_url: The URL that the agent uses. The gateway uses its own URL of the server.
        extra_kwargs: Options of the provider, which the gateway refuses.
    """

    model_config = ConfigDict(str_max_length=LONGEST_TEXT, extra="allow")

    provider: str = Field(min_length=1)
    avatar_id: str = ""
    room_name: str = Field(min_length=1)
    avatar_identity: str = Field(min_length=1)
    avatar_name: str = ""
    agent_identity: str = Field(min_length=1)
    livekit_url: str = ""
    room_sid: str = ""
    extra_kwargs: dict[str, Any] = Field(default_factory=dict)

    @field_validator("avatar_id", "avatar_name", "livekit_url", "room_sid", mode="before")
    @classmethod
    def _null_is_empty(cls, value: object) -> object:
        return "" if value is None else value

    def options(self) -> list[str]:
        """Return the names of the options that the gateway cannot pass on.

        Returns:
            The sorted names.
        """
        return sorted({*self.extra_kwargs, *(self.model_extra or {})})


class TerminateRequest(BaseModel):
    """The body of `POST /avatar/sessions/terminate`.

    Attributes:
        provider: Name of the provider.
        provider_session_id: The id from the response to the create request.
        terminate_token: The token from the response to the create request.
    """

    model_config = ConfigDict(str_max_length=LONGEST_TEXT)

    provider: str = Field(min_length=1)
    provider_session_id: str = Field(min_length=1)
    terminate_token: str = Field(min_length=1)


class CreateResponse(BaseModel):
    """The response to a create request.

    Attributes:
        session_id: The id of the session at the gateway.
        provider_session_id: The id of the session at the vendor.
        terminate_token: The proof that the caller may end the session.
        sample_rate: The sample rate that the avatar expects, in Hz.
    """

    session_id: str
    provider_session_id: str
    terminate_token: str = Field(repr=False)
    sample_rate: int
